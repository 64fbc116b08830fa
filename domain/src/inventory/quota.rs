//! Quotas 限额: how much one person, household or other holder may take within a window of time.

use chrono::{Datelike, NaiveDate};

use crate::vocabulary::vocabulary;

/// How many quotas one claim may count against.
pub const MAX_QUOTAS: usize = 32;

vocabulary! {
    /// The span a quota counts over.
    Period {
        Day, "day", "每天", "A local day";
        IsoWeek, "iso_week", "每周", "Monday to Sunday, as ISO 8601 numbers weeks";
        Month, "month", "每月", "A calendar month";
    }
}

impl Period {
    /// The window of this period that holds the local `date`: the key of a quota's row.
    pub fn window(self, date: NaiveDate) -> String {
        match self {
            Self::Day => date.to_string(),
            Self::IsoWeek => {
                let week = date.iso_week();
                format!("{}-W{:02}", week.year(), week.week())
            }
            Self::Month => format!("{}-{:02}", date.year(), date.month()),
        }
    }
}

/// Units wanted of one quota. Sorts as SQL locks the rows: by key, then window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotaNeed {
    /// Which rule counts whom, for instance `rule:<id>:resident:<id>`: opaque to the engine.
    pub key: String,
    /// Which window of it, as [`Period::window`] names it.
    pub window: String,
    /// How many units, at least one.
    pub units: u32,
    /// How many the window allows in all, this claim included.
    pub limit: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sunday_and_monday_are_different_iso_weeks_also_across_new_year() {
        let week = |text: &str| Period::IsoWeek.window(text.parse().unwrap());
        assert_eq!(week("2026-11-22"), "2026-W47");
        assert_eq!(week("2026-11-23"), "2026-W48");
        assert_eq!(week("2027-01-03"), "2026-W53");
        assert_eq!(week("2027-01-04"), "2027-W01");
        assert_eq!(Period::Month.window("2026-02-01".parse().unwrap()), "2026-02");
    }
}
