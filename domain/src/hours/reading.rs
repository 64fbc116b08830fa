//! Readings: what a date may count as when rules name kinds of day and weekdays.
//!
//! Whatever is written by weekday and kind of day is read alike: opening hours and time bands.

use super::{HolidayPolicy, MakeUpPolicy, Weekday};
use crate::{calendar::DayKind, vocabulary::WordSet};

/// Which rules speak for a date.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// Those that name this special kind of day.
    Naming(DayKind, Weekday),
    /// Those that fit an ordinary day of this kind and weekday.
    Ordinary(DayKind, Weekday),
}

impl Reading {
    /// Whether what names these kinds and weekdays speaks; none means any.
    pub(crate) fn selects(self, kinds: &WordSet<DayKind>, weekdays: &WordSet<Weekday>) -> bool {
        let (kind_fits, weekday) = match self {
            Self::Naming(kind, weekday) => (kinds.contains(kind), weekday),
            Self::Ordinary(kind, weekday) => (kinds.is_empty() || kinds.contains(kind), weekday),
        };
        kind_fits && (weekdays.is_empty() || weekdays.contains(weekday))
    }
}

/// What a day may count as, the strongest first: the first reading for which some rule speaks counts.
pub(crate) fn readings(
    kind: DayKind,
    weekday: Weekday,
    on_holidays: HolidayPolicy,
    on_make_up: MakeUpPolicy,
) -> [Option<Reading>; 3] {
    use Reading::{Naming, Ordinary};
    let weekend = matches!(weekday, Weekday::Saturday | Weekday::Sunday);
    let as_weekday = Ordinary(if weekend { DayKind::Weekend } else { DayKind::Workday }, weekday);
    match kind {
        DayKind::Workday | DayKind::Weekend => [Some(as_weekday), None, None],
        DayKind::Holiday => {
            let by_policy = matches!(on_holidays, HolidayPolicy::AsWeekday);
            [Some(Naming(kind, weekday)), by_policy.then_some(as_weekday), None]
        }
        DayKind::MakeUpWorkday => match on_make_up {
            MakeUpPolicy::AsWeekday => [Some(Naming(kind, weekday)), Some(as_weekday), None],
            MakeUpPolicy::AsWorkday => {
                let next_to = if weekday == Weekday::Sunday { Weekday::Monday } else { Weekday::Friday };
                let stands_for = Ordinary(DayKind::Workday, next_to);
                [Some(Naming(kind, weekday)), Some(stands_for), Some(Ordinary(DayKind::Workday, weekday))]
            }
        },
    }
}
