//! Rooms of the demo: one room, several functions over the day (一室多用).

use crate::{
    Vocabulary,
    hours::{HolidayPolicy, MakeUpPolicy, Weekday},
    rooms::{
        Span,
        bands::{Band, BandMode, Bands, RoomFunction},
    },
    vocabulary::WordSet,
};

/// A kind of bookable room.
#[derive(Debug, PartialEq, Eq)]
pub struct RoomKind {
    /// Its name.
    pub name: &'static str,
    /// How many people fit.
    pub max_party_size: u16,
    /// Length of a cell of its grid in minutes.
    pub grid_minutes: u16,
    /// What it is for at which hours: what the centre calls it, function, from and until (minutes of the day),
    /// length of a slot in minutes.
    pub functions: &'static [(&'static str, RoomFunction, u16, u16, u16)],
}

impl RoomKind {
    /// Its bands, the same on every day of the week, published so many days ahead.
    pub fn bands(&self, ahead_days: u16) -> Bands {
        let bands = self.functions.iter().filter_map(|&(title, function, from, until, length)| {
            Some(Band {
                kinds: WordSet::EMPTY,
                weekdays: Weekday::ALL.iter().copied().collect(),
                span: Span::new(from, until)?,
                function,
                title: Some(title.to_owned()),
                mode: BandMode::Bookable,
                slot_minutes: Some(length),
                seats: None,
                turnover_minutes: 0,
                valid_from: None,
                valid_to: None,
            })
        });
        Bands {
            bands: bands.collect(),
            on_holidays: HolidayPolicy::AsWeekday,
            on_make_up_workdays: MakeUpPolicy::AsWeekday,
            ahead_days,
            ..Bands::default()
        }
    }
}

const DANCE_HALL: RoomKind = RoomKind {
    name: "多功能厅",
    max_party_size: 40,
    grid_minutes: 30,
    // Dancing in the morning, a study in the evening.
    functions: &[
        ("舞蹈排练", RoomFunction::Dance, 8 * 60, 11 * 60, 60),
        ("活动排练", RoomFunction::Rehearsal, 14 * 60, 17 * 60, 60),
        ("共享自习室", RoomFunction::Study, 18 * 60, 21 * 60, 60),
    ],
};
const STUDY: RoomKind = RoomKind {
    name: "共享书房",
    max_party_size: 6,
    grid_minutes: 60,
    functions: &[("阅读自习", RoomFunction::Study, 9 * 60, 21 * 60, 60)],
};
const MEETING: RoomKind = RoomKind {
    name: "议事厅",
    max_party_size: 16,
    grid_minutes: 30,
    functions: &[
        ("居民议事", RoomFunction::Meeting, 9 * 60, 12 * 60, 90),
        ("小组会议", RoomFunction::Meeting, 13 * 60 + 30, 17 * 60, 30),
    ],
};
const PAINTING: RoomKind = RoomKind {
    name: "书画室",
    max_party_size: 12,
    grid_minutes: 60,
    functions: &[("书画活动", RoomFunction::Painting, 9 * 60, 17 * 60, 120)],
};
const MUSIC: RoomKind = RoomKind {
    name: "音乐室",
    max_party_size: 10,
    grid_minutes: 60,
    functions: &[
        ("合唱排练", RoomFunction::Rehearsal, 9 * 60, 12 * 60, 60),
        ("乐队排练", RoomFunction::Rehearsal, 18 * 60, 21 * 60, 60),
    ],
};
const TABLE_TENNIS: RoomKind = RoomKind {
    name: "乒乓球室",
    max_party_size: 8,
    grid_minutes: 60,
    functions: &[("乒乓球", RoomFunction::Sports, 8 * 60, 21 * 60, 60)],
};
const CLASSROOM: RoomKind = RoomKind {
    name: "教室",
    max_party_size: 30,
    grid_minutes: 60,
    functions: &[
        ("课程", RoomFunction::Class, 9 * 60, 11 * 60, 120),
        ("自习", RoomFunction::Study, 14 * 60, 20 * 60, 60),
    ],
};

pub(super) const COMPLEX: &[RoomKind] = &[DANCE_HALL, STUDY, MEETING];
pub(super) const ELDERLY: &[RoomKind] = &[DANCE_HALL];
pub(super) const OFFICE: &[RoomKind] = &[MEETING];
pub(super) const CULTURE: &[RoomKind] = &[PAINTING, MUSIC, STUDY];
pub(super) const SPORTS: &[RoomKind] = &[TABLE_TENNIS];
pub(super) const CLASSES: &[RoomKind] = &[CLASSROOM];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rooms::{Grid, bands::Timetable};

    #[test]
    fn the_bands_of_every_kind_hold_together() {
        for room in [COMPLEX, ELDERLY, OFFICE, CULTURE, SPORTS, CLASSES].into_iter().flatten() {
            let grid = Grid::of_minutes(room.grid_minutes).unwrap();
            assert!(Timetable::new(room.bands(6), grid).is_ok(), "{}", room.name);
        }
    }
}
