//! What is left of a day: the number that a list of facilities tells.

use chrono::{DateTime, Utc};

use crate::rooms::BookingRules;

/// A slot that is open, as far as it matters to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotLeft {
    /// What its room asks of a booking.
    pub rules: BookingRules,
    /// When it starts.
    pub starts_at: DateTime<Utc>,
    /// What residents can still book of it: its free seats, or one while nobody has it alone.
    pub units: u32,
}

/// What residents can still book at `now`. `None` when there is nothing that could be booked even if
/// it were free: nobody is told that a place is full which has closed for the day.
pub fn left(slots: impl IntoIterator<Item = SlotLeft>, now: DateTime<Utc>) -> Option<u32> {
    let bookable = slots.into_iter().filter(|slot| slot.rules.check_start(slot.starts_at, now).is_ok());
    bookable.map(|slot| slot.units).reduce(u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    #[test]
    fn full_is_only_what_could_be_booked_if_it_were_free() {
        let at = |minute| DateTime::UNIX_EPOCH + Duration::minutes(minute);
        let rules = BookingRules {
            max_party_size: 10,
            lead: Duration::minutes(30),
            horizon_days: 7,
            cancel_until: Duration::zero(),
        };
        let slots = [(60, 1), (120, 0), (120, 12), (180, 0)];
        let slots = slots.map(|(minute, units)| SlotLeft { rules, starts_at: at(minute), units });
        let left = |now| left(slots, at(now));
        assert_eq!(left(0), Some(13));
        assert_eq!(left(31), Some(12), "the first can only be had at the counter now");
        assert_eq!(left(91), Some(0), "full");
        assert_eq!(left(151), None, "over");
    }
}
