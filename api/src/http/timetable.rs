//! Time bands on the wire.

use chrono::NaiveDate;
use linli_domain::{
    FieldErrors, Refusal,
    calendar::DayKind,
    hours::{HolidayPolicy, MakeUpPolicy, Weekday},
    rooms::{
        Span,
        bands::{self, BandMode, Bands, RoomFunction},
    },
};
use poem_openapi::Object;

use crate::http::word::{Word, set, words};

/// What a room is at which hours
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, deny_unknown_fields)]
pub struct Timetable {
    /// Week after week. On a statutory holiday or a make-up workday the bands that name that kind of day
    /// count alone. No two may meet on any day.
    #[oai(validator(max_items = 40))]
    pub bands: Vec<TimeBand>,
    /// Dated periods with bands of their own; the shortest counts, the last of equally short ones.
    #[oai(default, validator(max_items = 60))]
    pub overrides: Vec<BandOverride>,
    /// What the centre keeps for itself; slots that it touches are not offered.
    #[oai(default, validator(max_items = 60))]
    pub blocks: Vec<RoomBlock>,
    /// Statutory holidays that no band names: `closed` unless said otherwise.
    pub on_holidays: Option<Word<HolidayPolicy>>,
    /// Make-up workdays that no band names: `as_workday` unless said otherwise.
    pub on_make_up_workdays: Option<Word<MakeUpPolicy>>,
    /// So many days after today are published by themselves, at most 92; 0: only when staff publish.
    #[oai(default)]
    pub ahead_days: i32,
}

/// One function of a room, on the days of some kinds, some weekdays, or both (then a date must fit both)
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, deny_unknown_fields)]
pub struct TimeBand {
    /// Kinds of day.
    #[oai(default)]
    pub kinds: Vec<Word<DayKind>>,
    /// Weekdays.
    #[oai(default)]
    pub weekdays: Vec<Word<Weekday>>,
    /// `HH:MM`, on the grid of the room.
    pub starts: String,
    /// `HH:MM`, not included; `24:00` is the end of the day.
    pub ends: String,
    /// What the room is then.
    pub function: Word<RoomFunction>,
    /// What the centre calls it.
    pub title: Option<String>,
    /// How its time is given out.
    pub mode: Word<BandMode>,
    /// How long a slot is; without, the band is one slot.
    pub slot_minutes: Option<i32>,
    /// How many people share a slot, whoever booked; without, one party has the room alone.
    pub seats: Option<i32>,
    /// How long the room needs afterwards before it is something else: the next band begins later.
    #[oai(default)]
    pub turnover_minutes: i32,
    /// First date the band is valid on.
    pub valid_from: Option<NaiveDate>,
    /// Last date the band is valid on.
    pub valid_to: Option<NaiveDate>,
}

/// A dated period with bands of its own
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, deny_unknown_fields)]
pub struct BandOverride {
    /// First date.
    pub from: NaiveDate,
    /// Last date.
    pub to: NaiveDate,
    /// Its bands; one that names neither kinds nor weekdays is on each of its dates. Empty means closed.
    #[oai(default)]
    pub bands: Vec<TimeBand>,
    /// Why, as residents read it.
    pub reason: Option<String>,
}

/// Time that the centre keeps for itself
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct RoomBlock {
    /// First date.
    pub from: NaiveDate,
    /// Last date.
    pub to: NaiveDate,
    /// Weekdays; none means every day.
    #[oai(default)]
    pub weekdays: Vec<Word<Weekday>>,
    /// Every so many weeks, counted from the week of the first date.
    #[oai(default = "every_week")]
    pub every_weeks: i32,
    /// `HH:MM`
    pub starts: String,
    /// `HH:MM`, not included.
    pub ends: String,
    /// What for, as residents read it.
    pub reason: String,
}

const fn every_week() -> i32 {
    1
}

impl From<&Bands> for Timetable {
    fn from(bands: &Bands) -> Self {
        Self {
            bands: bands.bands.iter().map(TimeBand::from).collect(),
            overrides: bands.overrides.iter().map(BandOverride::from).collect(),
            blocks: bands.blocks.iter().map(RoomBlock::from).collect(),
            on_holidays: Some(Word(bands.on_holidays)),
            on_make_up_workdays: Some(Word(bands.on_make_up_workdays)),
            ahead_days: bands.ahead_days.into(),
        }
    }
}

impl From<&bands::Band> for TimeBand {
    fn from(band: &bands::Band) -> Self {
        let [starts, ends] = band.span.clock();
        Self {
            kinds: words(&band.kinds),
            weekdays: words(&band.weekdays),
            starts,
            ends,
            function: Word(band.function),
            title: band.title.clone(),
            mode: Word(band.mode),
            slot_minutes: band.slot_minutes.map(i32::from),
            seats: band.seats.map(i32::from),
            turnover_minutes: band.turnover_minutes.into(),
            valid_from: band.valid_from,
            valid_to: band.valid_to,
        }
    }
}

impl From<&bands::Override> for BandOverride {
    fn from(own: &bands::Override) -> Self {
        let bands = own.bands.iter().map(TimeBand::from).collect();
        Self { from: own.from, to: own.to, bands, reason: own.reason.clone() }
    }
}

impl From<&bands::Block> for RoomBlock {
    fn from(block: &bands::Block) -> Self {
        let [starts, ends] = block.span.clock();
        Self {
            from: block.from,
            to: block.to,
            weekdays: words(&block.weekdays),
            every_weeks: block.every_weeks.into(),
            starts,
            ends,
            reason: block.reason.clone(),
        }
    }
}

impl Timetable {
    /// The bands, or every field that is wrong in its form.
    pub fn parse(self) -> Result<Bands, Refusal> {
        let mut errors = FieldErrors::new();
        let usual = Bands::default();
        let bands = parse_bands(self.bands, "bands", &mut errors);
        let overrides = self.overrides.into_iter().enumerate().map(|(i, own)| bands::Override {
            from: own.from,
            to: own.to,
            bands: parse_bands(own.bands, &format!("overrides[{i}].bands"), &mut errors),
            reason: own.reason,
        });
        let overrides = overrides.collect();
        let blocks = self.blocks.into_iter().enumerate().filter_map(|(i, block)| {
            let at = format!("blocks[{i}]");
            Some(bands::Block {
                from: block.from,
                to: block.to,
                weekdays: set(&block.weekdays),
                every_weeks: number(block.every_weeks, &format!("{at}.every_weeks"), &mut errors)?,
                span: span(&block.starts, &block.ends, &at, &mut errors)?,
                reason: block.reason,
            })
        });
        let blocks = blocks.collect();
        let ahead_days = number(self.ahead_days, "ahead_days", &mut errors).unwrap_or_default();
        errors.finish()?;
        Ok(Bands {
            version: 1,
            bands,
            overrides,
            blocks,
            on_holidays: self.on_holidays.map_or(usual.on_holidays, |word| word.0),
            on_make_up_workdays: self.on_make_up_workdays.map_or(usual.on_make_up_workdays, |word| word.0),
            ahead_days,
        })
    }
}

fn parse_bands(bands: Vec<TimeBand>, at: &str, errors: &mut FieldErrors) -> Vec<bands::Band> {
    let parsed = bands.into_iter().enumerate().filter_map(|(i, band)| {
        let at = format!("{at}[{i}]");
        let mut optional = |value: Option<i32>, field: &str| {
            value.map(|value| number(value, &format!("{at}.{field}"), errors).unwrap_or_default())
        };
        let (slot_minutes, seats) =
            (optional(band.slot_minutes, "slot_minutes"), optional(band.seats, "seats"));
        Some(bands::Band {
            kinds: set(&band.kinds),
            weekdays: set(&band.weekdays),
            span: span(&band.starts, &band.ends, &at, errors)?,
            function: band.function.0,
            title: band.title,
            mode: band.mode.0,
            slot_minutes,
            seats,
            turnover_minutes: number(band.turnover_minutes, &format!("{at}.turnover_minutes"), errors)?,
            valid_from: band.valid_from,
            valid_to: band.valid_to,
        })
    });
    parsed.collect()
}

fn number<N: TryFrom<i32>>(value: i32, at: &str, errors: &mut FieldErrors) -> Option<N> {
    let read = N::try_from(value).ok();
    errors.require(read.is_some(), at, "out_of_range", "数值超出范围", "This number is out of range.");
    read
}

fn span(starts: &str, ends: &str, at: &str, errors: &mut FieldErrors) -> Option<Span> {
    let span = Span::parse(starts, ends);
    let (zh, en) =
        ("起止时间写作 09:00 和 10:30，先开始后结束", "Times are written 09:00 and 10:30, start before end.");
    errors.require(span.is_some(), at, "not_a_span", zh, en);
    span
}
