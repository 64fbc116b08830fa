//! Whether bands hold together, and every field in which they do not.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{Band, BandMode, Bands, Block, Grid, Override, Timetable};
use crate::{
    FieldErrors, Refusal,
    calendar::DayKind,
    hours::{Weekday, reading::readings},
    vocabulary::Vocabulary,
};

const MAX_BANDS: usize = 40;
const MAX_OVERRIDES: usize = 60;
const MAX_BLOCKS: usize = 60;
const MAX_PERIOD_DAYS: i64 = 400;
const MAX_TITLE_CHARS: usize = 40;
const MAX_REASON_CHARS: usize = 200;
const MAX_TURNOVER_MINUTES: u16 = 240;
const MAX_SEATS: u16 = 5_000;
const MAX_WEEKS: u8 = 8;

/// How far ahead slots may be published.
pub const MAX_AHEAD_DAYS: u16 = 92;

/// Every kind of day with a weekday it can fall on.
fn kinds_of_day() -> impl Iterator<Item = (DayKind, Weekday)> {
    let weekend = |day: Weekday| matches!(day, Weekday::Saturday | Weekday::Sunday);
    let can = move |kind: DayKind, day: Weekday| match kind {
        DayKind::Workday => !weekend(day),
        DayKind::Weekend | DayKind::MakeUpWorkday => weekend(day),
        DayKind::Holiday => true,
    };
    let pairs = DayKind::ALL.iter().flat_map(|kind| Weekday::ALL.iter().map(move |day| (*kind, *day)));
    pairs.filter(move |(kind, day)| can(*kind, *day))
}

impl Timetable {
    /// Accepts the bands of a room with this grid, or names every field that is wrong.
    pub fn new(bands: Bands, grid: Grid) -> Result<Self, Refusal> {
        let mut errors = FieldErrors::new();
        for (field, count, most) in [
            ("bands", bands.bands.len(), MAX_BANDS),
            ("overrides", bands.overrides.len(), MAX_OVERRIDES),
            ("blocks", bands.blocks.len(), MAX_BLOCKS),
        ] {
            let (zh, en) = (format!("最多 {most} 条"), format!("At most {most}."));
            errors.require(count <= most, field, "count", &zh, &en);
        }
        let (zh, en) = ("不支持的数据版本", "This version is not supported.");
        errors.require(bands.version == 1, "version", "unsupported", zh, en);
        let (zh, en) = ("最多提前 92 天", "At most 92 days ahead.");
        errors.require(bands.ahead_days <= MAX_AHEAD_DAYS, "ahead_days", "out_of_range", zh, en);
        errors.finish()?;
        let mut errors = FieldErrors::new();
        for (i, band) in bands.bands.iter().enumerate() {
            check_weekly(band, &format!("bands[{i}]"), grid, &mut errors);
        }
        for (i, own) in bands.overrides.iter().enumerate() {
            check_override(own, &format!("overrides[{i}]"), grid, &mut errors);
        }
        for (i, block) in bands.blocks.iter().enumerate() {
            check_block(block, &format!("blocks[{i}]"), &mut errors);
        }
        check_overlaps(&bands, &mut errors);
        errors.finish().map(|()| Self { bands, grid })
    }
}

fn check_weekly(band: &Band, at: &str, grid: Grid, errors: &mut FieldErrors) {
    let names_days = !band.kinds.is_empty() || !band.weekdays.is_empty();
    errors.require(names_days, at, "required", "请选择日期类型或星期", "Name kinds of day or weekdays.");
    let ordered = !matches!((band.valid_from, band.valid_to), (Some(from), Some(to)) if to < from);
    let field = format!("{at}.valid_to");
    errors.require(ordered, field, "order", "结束日期早于开始日期", "It ends before it begins.");
    check_band(band, at, grid, errors);
}

fn check_band(band: &Band, at: &str, grid: Grid, errors: &mut FieldErrors) {
    let (zh, en) = ("起止时间要落在房间的时间格上", "It starts and ends on the grid of its room.");
    errors.require(band.span.cells(grid).is_some(), at, "off_grid", zh, en);
    let title = band.title.as_deref().map_or(1, |title| title.trim().chars().count());
    let (zh, en) = ("名称为 1 到 40 个字", "A title has 1 to 40 characters.");
    errors.require((1..=MAX_TITLE_CHARS).contains(&title), format!("{at}.title"), "length", zh, en);
    let (zh, en) = ("换场时间最长 240 分钟", "A turnover takes at most 240 minutes.");
    let turnover = band.turnover_minutes <= MAX_TURNOVER_MINUTES;
    errors.require(turnover, format!("{at}.turnover_minutes"), "out_of_range", zh, en);
    if let Some(minutes) = band.slot_minutes {
        let fits = minutes > 0 && minutes.is_multiple_of(grid.minutes()) && minutes <= band.span.minutes();
        let (zh, en) = (
            "时段长度要是时间格的整数倍，且不长于整段",
            "A slot is a multiple of the grid and not longer than its band.",
        );
        errors.require(fits, format!("{at}.slot_minutes"), "out_of_range", zh, en);
    }
    let seats = band.seats.is_none_or(|seats| (1..=MAX_SEATS).contains(&seats));
    let (zh, en) = ("名额为 1 到 5000", "1 to 5000 seats.");
    errors.require(seats, format!("{at}.seats"), "out_of_range", zh, en);
    let given_out = band.mode == BandMode::Bookable || (band.slot_minutes.is_none() && band.seats.is_none());
    let (zh, en) = ("不用预约的时间没有时段和名额", "What is not booked has no slots and seats.");
    errors.require(given_out, format!("{at}.mode"), "not_bookable", zh, en);
}

fn check_override(own: &Override, at: &str, grid: Grid, errors: &mut FieldErrors) {
    check_period(own.from, own.to, at, errors);
    check_reason(own.reason.as_deref().unwrap_or("-"), at, errors);
    let (zh, en) = ("最多 40 条", "At most 40.");
    errors.require(own.bands.len() <= MAX_BANDS, format!("{at}.bands"), "count", zh, en);
    for (i, band) in own.bands.iter().take(MAX_BANDS).enumerate() {
        let at = format!("{at}.bands[{i}]");
        let dated = band.valid_from.is_some() || band.valid_to.is_some();
        let (zh, en) = ("日期由整段特殊安排决定", "Its dates are those of the override.");
        errors.require(!dated, format!("{at}.valid_from"), "not_here", zh, en);
        check_band(band, &at, grid, errors);
    }
}

fn check_block(block: &Block, at: &str, errors: &mut FieldErrors) {
    check_period(block.from, block.to, at, errors);
    check_reason(&block.reason, at, errors);
    let weeks = (1..=MAX_WEEKS).contains(&block.every_weeks);
    let (zh, en) = ("每 1 到 8 周一次", "Every 1 to 8 weeks.");
    errors.require(weeks, format!("{at}.every_weeks"), "out_of_range", zh, en);
}

fn check_period(from: NaiveDate, to: NaiveDate, at: &str, errors: &mut FieldErrors) {
    let days = (to - from).num_days() + 1;
    let field = format!("{at}.to");
    errors.require(days >= 1, &field, "order", "结束日期早于开始日期", "It ends before it begins.");
    errors.require(days <= MAX_PERIOD_DAYS, &field, "too_long", "最长 400 天", "At most 400 days.");
}

fn check_reason(reason: &str, at: &str, errors: &mut FieldErrors) {
    let length = (1..=MAX_REASON_CHARS).contains(&reason.trim().chars().count());
    let (zh, en) = ("原因应为1至200字", "The reason has 1 to 200 characters.");
    errors.require(length, format!("{at}.reason"), "length", zh, en);
}

/// No day may have two bands at once, whatever kind of day it is and whichever bands are valid then.
fn check_overlaps(bands: &Bands, errors: &mut FieldErrors) {
    let mut wrong = BTreeSet::new();
    // What is valid changes only on these dates.
    let begins = bands.bands.iter().filter_map(|band| band.valid_from);
    let ends = bands.bands.iter().filter_map(|band| band.valid_to.and_then(|to| to.succ_opt()));
    let dates: BTreeSet<NaiveDate> = [NaiveDate::MIN].into_iter().chain(begins).chain(ends).collect();
    let own = bands.overrides.iter().enumerate();
    for (kind, weekday) in kinds_of_day() {
        for date in &dates {
            let chosen = bands.weekly(*date, kind, weekday);
            wrong.extend(overlapping(&chosen).map(|i| format!("bands[{i}]")));
        }
        for (at, own) in own.clone() {
            let chosen = own.chosen(kind, weekday);
            wrong.extend(overlapping(&chosen).map(|i| format!("overrides[{at}].bands[{i}]")));
        }
    }
    for field in wrong {
        errors.add(field, "overlap", "同一天里两个时段重叠", "Two bands of a day overlap.");
    }
}

fn overlapping<'a>(chosen: &'a [(usize, &Band)]) -> impl Iterator<Item = usize> + 'a {
    let meets = |later: &&(usize, &Band)| {
        let before = chosen.iter().take_while(|one| one.0 < later.0);
        before.clone().any(|(_, band)| band.span.overlaps(later.1.span))
    };
    chosen.iter().filter(meets).map(|(index, _)| *index)
}

impl Bands {
    /// The weekly bands that count on a date of this kind, each with its place in the list.
    pub(super) fn weekly(&self, date: NaiveDate, kind: DayKind, weekday: Weekday) -> Vec<(usize, &Band)> {
        let valid = || self.bands.iter().enumerate().filter(|(_, band)| band.valid_on(date));
        let readings = readings(kind, weekday, self.on_holidays, self.on_make_up_workdays);
        let speaking = readings.into_iter().flatten().map(|reading| {
            valid().filter(|(_, band)| reading.selects(&band.kinds, &band.weekdays)).collect::<Vec<_>>()
        });
        speaking.into_iter().find(|chosen| !chosen.is_empty()).unwrap_or_default()
    }
}

impl Override {
    /// The bands that count on one of its dates, each with its place in the list.
    pub(super) fn chosen(&self, kind: DayKind, weekday: Weekday) -> Vec<(usize, &Band)> {
        let fits = |band: &Band| {
            (band.kinds.is_empty() || band.kinds.contains(kind))
                && (band.weekdays.is_empty() || band.weekdays.contains(weekday))
        };
        self.bands.iter().enumerate().filter(|(_, band)| fits(band)).collect()
    }
}
