//! Series 系列预约: the same hours every week, booked together.

use chrono::Duration;

use super::Times;
use crate::{ids::SlotId, vocabulary::vocabulary};

vocabulary! {
    /// What becomes of a series of which some weeks cannot be had.
    SeriesMode {
        AllOrNothing, "all_or_nothing", "要么全约，要么不约", "All of it or nothing";
        Skip, "skip", "约不上的跳过", "Without what cannot be had";
    }
}

/// Most weeks of a series: half a year.
pub const MAX_WEEKS: u16 = 26;

/// The times of `first` in each of so many weeks, that of `first` included.
pub fn weekly(first: &[Times], weeks: u16) -> Vec<Vec<Times>> {
    let later = |by: Duration| first.iter().map(|(starts, ends)| (*starts + by, *ends + by)).collect();
    (0..weeks).map(|week| later(Duration::weeks(week.into()))).collect()
}

/// The slots on offer that have exactly the wanted times; nothing when one of them has none.
pub fn matching(wanted: &[Times], offered: &[(SlotId, Times)]) -> Option<Vec<SlotId>> {
    let find = |times: &Times| offered.iter().find(|(_, at)| at == times).map(|(slot, _)| *slot);
    wanted.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::instant;
    use uuid::Uuid;

    #[test]
    fn a_series_is_the_same_hours_week_after_week() {
        let date = "2026-02-26".parse().unwrap();
        let hour = |from: i32| (instant(date, from * 60), instant(date, from * 60 + 60));
        let weeks = weekly(&[hour(9), hour(10)], 3);
        assert_eq!(weeks.len(), 3);
        let march = "2026-03-12".parse().unwrap();
        assert_eq!(
            weeks[2],
            [(instant(march, 540), instant(march, 600)), (instant(march, 600), instant(march, 660))]
        );
        let slot = |id: u128| SlotId(Uuid::from_u128(id));
        let offered = [(slot(1), weeks[2][1]), (slot(2), weeks[2][0])];
        assert_eq!(matching(&weeks[2], &offered), Some(vec![slot(2), slot(1)]));
        assert_eq!(matching(&weeks[1], &offered), None);
        assert_eq!(matching(&weeks[2], &offered[..1]), None);
    }
}
