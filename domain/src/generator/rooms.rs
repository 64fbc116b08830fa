//! Rooms of the demo: one room, several functions over the day (一室多用).

/// A kind of bookable room.
#[derive(Debug, PartialEq, Eq)]
pub struct RoomKind {
    /// Its name.
    pub name: &'static str,
    /// How many people fit.
    pub max_party_size: u16,
    /// Length of a cell of its grid in minutes.
    pub grid_minutes: u16,
    /// What it is for at which hours: function, from and until (minutes of the day), length of a slot in minutes.
    pub bands: &'static [(&'static str, u16, u16, u16)],
}

impl RoomKind {
    /// Start and end of every slot of a day, in minutes since midnight, in order.
    pub fn slots(&self) -> impl Iterator<Item = (u16, u16)> {
        self.bands.iter().flat_map(|&(_, from, until, length)| {
            (from..until).step_by(length.into()).map(move |start| (start, start + length))
        })
    }
}

const DANCE_HALL: RoomKind = RoomKind {
    name: "多功能厅",
    max_party_size: 40,
    grid_minutes: 30,
    // Dancing in the morning, a study in the evening.
    bands: &[
        ("舞蹈排练", 8 * 60, 11 * 60, 60),
        ("活动排练", 14 * 60, 17 * 60, 60),
        ("共享自习室", 18 * 60, 21 * 60, 60),
    ],
};
const STUDY: RoomKind = RoomKind {
    name: "共享书房",
    max_party_size: 6,
    grid_minutes: 60,
    bands: &[("阅读自习", 9 * 60, 21 * 60, 60)],
};
const MEETING: RoomKind = RoomKind {
    name: "议事厅",
    max_party_size: 16,
    grid_minutes: 30,
    bands: &[("居民议事", 9 * 60, 12 * 60, 90), ("小组会议", 13 * 60 + 30, 17 * 60, 30)],
};
const PAINTING: RoomKind = RoomKind {
    name: "书画室",
    max_party_size: 12,
    grid_minutes: 60,
    bands: &[("书画活动", 9 * 60, 17 * 60, 120)],
};
const MUSIC: RoomKind = RoomKind {
    name: "音乐室",
    max_party_size: 10,
    grid_minutes: 60,
    bands: &[("合唱排练", 9 * 60, 12 * 60, 60), ("乐队排练", 18 * 60, 21 * 60, 60)],
};
const TABLE_TENNIS: RoomKind = RoomKind {
    name: "乒乓球室",
    max_party_size: 8,
    grid_minutes: 60,
    bands: &[("乒乓球", 8 * 60, 21 * 60, 60)],
};
const CLASSROOM: RoomKind = RoomKind {
    name: "教室",
    max_party_size: 30,
    grid_minutes: 60,
    bands: &[("课程", 9 * 60, 11 * 60, 120), ("自习", 14 * 60, 20 * 60, 60)],
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

    #[test]
    fn slots_lie_on_the_grid_and_do_not_overlap() {
        for room in [COMPLEX, ELDERLY, OFFICE, CULTURE, SPORTS, CLASSES].into_iter().flatten() {
            let slots: Vec<_> = room.slots().collect();
            assert!(!slots.is_empty());
            assert!(slots.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{}", room.name);
            for (start, end) in slots {
                assert_eq!((start % room.grid_minutes, end % room.grid_minutes), (0, 0), "{}", room.name);
            }
        }
    }
}
