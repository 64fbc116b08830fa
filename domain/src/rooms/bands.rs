//! Time bands 功能时段: one room, several functions (一室多用), said once for every week.
//!
//! A [`Band`] says on which days and at which hours the room is what, and how that time is given out.
//! Dated [`Override`]s win over the weekly bands, the shortest among them, the newest among equals. A
//! [`Block`] is time that the centre keeps for itself, once or week after week. Invariant: a [`Timetable`]
//! has passed [`Timetable::new`], so on no day two of its bands share a cell.

mod check;
mod day;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use self::{
    check::MAX_AHEAD_DAYS,
    day::{DayBand, DayTable},
};

use super::{Grid, Span};
use crate::{
    calendar::DayKind,
    hours::{HolidayPolicy, MakeUpPolicy, Weekday},
    vocabulary::{WordSet, vocabulary},
};

vocabulary! {
    /// What a room is for some time.
    RoomFunction {
        Dance, "dance", "舞蹈", "Dance";
        Rehearsal, "rehearsal", "文艺排练", "Choir, band, theatre";
        Study, "study", "自习阅读", "Study and reading";
        Meeting, "meeting", "会议议事", "Meeting";
        Class, "class", "课程培训", "Class";
        Painting, "painting", "书画手工", "Painting and crafts";
        Sports, "sports", "体育健身", "Sports";
        Games, "games", "棋牌", "Chess and cards";
        Children, "children", "儿童活动", "Children";
        Elderly, "elderly", "老年活动", "Older people";
        Show, "show", "演出放映", "Performance and film";
        Exhibition, "exhibition", "展览", "Exhibition";
        Consultation, "consultation", "咨询服务", "Consultation";
        General, "general", "综合活动", "Any activity";
    }
}

vocabulary! {
    /// How the time of a band is given out.
    BandMode {
        Bookable, "bookable", "可预约", "By booking";
        WalkIn, "walk_in", "免预约", "Just come";
        Closed, "closed", "不开放", "Not open";
    }
}

/// Bands as staff or a row give them, in version 1 of the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bands {
    /// Version of this form of data; 1.
    pub version: u8,
    /// Week after week.
    pub bands: Vec<Band>,
    /// Dated periods with bands of their own; later entries are newer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
    /// What the centre keeps for itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Block>,
    /// Statutory holidays that no band names.
    pub on_holidays: HolidayPolicy,
    /// Make-up workdays that no band names.
    pub on_make_up_workdays: MakeUpPolicy,
    /// So many days after today are published without anybody's doing; 0: only when staff say so.
    pub ahead_days: u16,
}

impl Default for Bands {
    fn default() -> Self {
        Self {
            version: 1,
            bands: Vec::new(),
            overrides: Vec::new(),
            blocks: Vec::new(),
            on_holidays: HolidayPolicy::Closed,
            on_make_up_workdays: MakeUpPolicy::AsWorkday,
            ahead_days: 0,
        }
    }
}

/// One function of the room, on the days of some kinds, some weekdays, or both (then a date must fit both).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Kinds of day; none means any.
    #[serde(default, skip_serializing_if = "WordSet::is_empty")]
    pub kinds: WordSet<DayKind>,
    /// Weekdays; none means any.
    #[serde(default, skip_serializing_if = "WordSet::is_empty")]
    pub weekdays: WordSet<Weekday>,
    /// From when to when, on the grid of the room.
    pub span: Span,
    /// What the room is then.
    pub function: RoomFunction,
    /// What the centre calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How its time is given out.
    pub mode: BandMode,
    /// How long a slot is; without, the band is one slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_minutes: Option<u16>,
    /// How many people share a slot; without, one party has the room alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<u16>,
    /// How long the room needs afterwards before it is something else.
    #[serde(default)]
    pub turnover_minutes: u16,
    /// First date the band is valid on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<NaiveDate>,
    /// Last date the band is valid on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<NaiveDate>,
}

impl Band {
    fn valid_on(&self, date: NaiveDate) -> bool {
        self.valid_from.is_none_or(|from| from <= date) && self.valid_to.is_none_or(|to| date <= to)
    }
}

/// A dated period whose dates have bands of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// First date.
    pub from: NaiveDate,
    /// Last date.
    pub to: NaiveDate,
    /// The bands of these dates; one that names neither kinds nor weekdays is on each of them. None: closed.
    pub bands: Vec<Band>,
    /// Why, as residents read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Time that the centre keeps for itself: an event, or one that comes again every week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// First date.
    pub from: NaiveDate,
    /// Last date.
    pub to: NaiveDate,
    /// Weekdays; none means every day.
    #[serde(default, skip_serializing_if = "WordSet::is_empty")]
    pub weekdays: WordSet<Weekday>,
    /// Every so many weeks, counted from the week of the first date.
    #[serde(default = "every_week")]
    pub every_weeks: u8,
    /// From when to when.
    pub span: Span,
    /// What for, as residents read it.
    pub reason: String,
}

const fn every_week() -> u8 {
    1
}

/// Bands that hold together on the grid of their room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timetable {
    bands: Bands,
    grid: Grid,
}

impl Timetable {
    /// The bands as they were written.
    pub const fn bands(&self) -> &Bands {
        &self.bands
    }
}

#[cfg(test)]
mod tests;
