//! Rooms 空间 and their slots 时段: the bookable units of a local day.
//!
//! Room time is stock: one stock of capacity 1 per room, local date and grid cell. A slot takes the
//! cells of its room and of every part of it, so two slots overlap exactly when they share a cell,
//! whatever their length and whichever part of a divisible hall they take. A slot that many share has
//! a stock of its own; the cells are taken once, by its publishing.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, NaiveDate, Utc};

pub mod bands;
mod difference;
mod span;

pub use self::{
    difference::{Difference, Standing, difference},
    span::Span,
};

use self::bands::RoomFunction;
use crate::{
    Code, Refusal,
    ids::RoomId,
    time::{instant, local_date},
};

/// How many slots one day of a room may have.
pub const MAX_SLOTS_A_DAY: usize = 200;

/// The grid of a room tree: how long a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grid {
    /// 15 minutes.
    Quarter,
    /// 30 minutes.
    Half,
    /// 60 minutes.
    Hour,
}

impl Grid {
    /// Length of a cell in minutes.
    pub const fn minutes(self) -> u16 {
        match self {
            Self::Quarter => 15,
            Self::Half => 30,
            Self::Hour => 60,
        }
    }

    /// The grid with cells of `minutes`.
    pub const fn of_minutes(minutes: u16) -> Option<Self> {
        match minutes {
            15 => Some(Self::Quarter),
            30 => Some(Self::Half),
            60 => Some(Self::Hour),
            _ => None,
        }
    }
}

/// A cell of a room: what a stock of capacity 1 stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// The room.
    pub room: RoomId,
    /// Local date.
    pub date: NaiveDate,
    /// Index on the grid, counted from local midnight.
    pub cell: u16,
}

/// A slot as it is about to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSlot {
    /// When it starts.
    pub starts_at: DateTime<Utc>,
    /// When it ends, not included.
    pub ends_at: DateTime<Utc>,
    /// What it takes of the room.
    pub cells: Vec<Cell>,
    /// How many people share it; without, whoever books it has it alone.
    pub seats: Option<u16>,
    /// What the room is then, where a band says so.
    pub face: Option<Face>,
}

/// What a slot is for, as residents read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    /// What the room is then.
    pub function: RoomFunction,
    /// What the centre calls it.
    pub title: Option<String>,
}

/// The cells that a slot takes of `rooms`: the slot's own room and its parts. `None` when it does not lie
/// on the grid.
fn cells_of(grid: Grid, rooms: &[RoomId], date: NaiveDate, span: Span) -> Option<Vec<Cell>> {
    let range = span.cells(grid)?;
    Some(range.flat_map(|cell| rooms.iter().map(move |&room| Cell { room, date, cell })).collect())
}

/// A slot of a template: when, and for how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offer {
    span: Span,
    seats: Option<u16>,
}

impl Offer {
    /// A slot that up to `seats` people share, whoever booked: an open study, a game room.
    pub const fn shared(span: Span, seats: u16) -> Self {
        Self { span, seats: Some(seats) }
    }
}

impl From<Span> for Offer {
    /// A slot for one party alone.
    fn from(span: Span) -> Self {
        Self { span, seats: None }
    }
}

/// Lays `template` over `date`: the slots of a room, which takes the cells of `rooms`: its own and those
/// of its parts.
///
/// Slots may overlap each other (09-10, 09:30-10:30): whoever books one takes the shared cells.
pub fn plan_day(
    grid: Grid,
    rooms: &[RoomId],
    date: NaiveDate,
    template: &[Offer],
    now: DateTime<Utc>,
) -> Result<Vec<PlannedSlot>, Refusal> {
    if date < local_date(now) {
        return Err(Refusal::field("date", "in_the_past", "这一天已经过去", "This day is over."));
    }
    if template.is_empty() || template.len() > MAX_SLOTS_A_DAY {
        let (zh, en) = ("一天需要 1 到 200 个时段", "A day has 1 to 200 slots.");
        return Err(Refusal::field("slots", "count", zh, en));
    }
    let index = |offer| template.iter().position(|one| *one == offer).unwrap_or_default();
    let offers: BTreeSet<Offer> = template.iter().copied().collect();
    let mut plan = Vec::with_capacity(offers.len());
    let mut before = None;
    for offer @ Offer { span, seats } in offers {
        if before.replace(span) == Some(span) {
            let (zh, en) =
                ("同一时段不能既整间又按人数开放", "A slot is for one party or for a number of people.");
            return Err(Refusal::field(format!("slots[{}]", index(offer)), "twice", zh, en));
        }
        let Some(cells) = cells_of(grid, rooms, date, span) else {
            let index = index(offer);
            return Err(Refusal::field(
                format!("slots[{index}]"),
                "off_grid",
                "时段的起止时间要落在房间的时间格上",
                "A slot starts and ends on the grid of its room.",
            ));
        };
        plan.push(PlannedSlot {
            starts_at: instant(date, i32::from(span.starts())),
            ends_at: instant(date, i32::from(span.ends())),
            cells,
            seats,
            face: None,
        });
    }
    Ok(plan)
}

/// What a room asks of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookingRules {
    /// How many people fit.
    pub max_party_size: u16,
    /// A slot can be booked until this long before its start.
    pub lead: Duration,
    /// A slot can be booked from this many days before its date.
    pub horizon_days: u16,
    /// A booking can be cancelled until this long before its start.
    pub cancel_until: Duration,
}

impl BookingRules {
    /// Whether a slot starting at `starts_at` can be booked at `now`.
    pub fn check_start(&self, starts_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Refusal> {
        if starts_at <= now {
            return Err(Code::SlotPast.into());
        }
        if starts_at - self.lead < now {
            return Err(Code::SlotTooSoon.into());
        }
        if local_date(starts_at) > local_date(now) + Duration::days(i64::from(self.horizon_days)) {
            return Err(Code::SlotTooFarAhead.into());
        }
        Ok(())
    }

    /// Until when a booking starting at `starts_at` can be cancelled.
    pub fn cancel_deadline(&self, starts_at: DateTime<Utc>) -> DateTime<Utc> {
        starts_at - self.cancel_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn room(n: u128) -> RoomId {
        Uuid::from_u128(n).into()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn plan(grid: Grid, rooms: &[RoomId], spans: &[(&str, &str)]) -> Result<Vec<PlannedSlot>, Refusal> {
        let offers = spans.iter().map(|(starts, ends)| Span::parse(starts, ends).unwrap().into());
        let spans: Vec<_> = offers.collect();
        plan_day(grid, rooms, "2026-11-23".parse().unwrap(), &spans, at("2026-11-22T12:00:00Z"))
    }

    #[test]
    fn overlapping_slots_share_cells_and_touching_ones_do_not() {
        let day = plan(Grid::Half, &[room(1)], &[("10:00", "11:00"), ("09:00", "10:00"), ("09:30", "10:30")])
            .unwrap();
        let shared =
            |a: usize, b: usize| day[a].cells.iter().filter(|cell| day[b].cells.contains(cell)).count();
        assert_eq!((shared(0, 1), shared(1, 2), shared(0, 2)), (1, 1, 0));
        let cells: BTreeSet<_> = day.iter().flat_map(|slot| &slot.cells).collect();
        assert_eq!(cells.len(), 4);
        assert_eq!(day[0].starts_at, at("2026-11-23T01:00:00Z"));
    }

    #[test]
    fn a_divisible_hall_takes_its_own_cells_and_those_of_its_parts() {
        let hall = plan(Grid::Hour, &[room(1), room(2)], &[("09:00", "11:00")]).unwrap();
        assert_eq!(hall[0].cells.len(), 4);
    }

    #[test]
    fn a_slot_is_shared_or_not_but_not_both() {
        let span = Span::new(540, 600).unwrap();
        let plan = |template: &[Offer]| {
            let date = "2026-11-23".parse().unwrap();
            plan_day(Grid::Hour, &[room(1)], date, template, at("2026-11-22T12:00:00Z"))
        };
        assert_eq!(plan(&[Offer::shared(span, 30)]).unwrap()[0].seats, Some(30));
        let refusal = plan(&[Offer::shared(span, 30), span.into()]).unwrap_err();
        assert_eq!((refusal.errors[0].field.as_str(), refusal.errors[0].code), ("slots[0]", "twice"));
    }

    #[test]
    fn a_day_that_is_over_and_a_slot_off_the_grid_are_refused() {
        let refusal = plan(Grid::Hour, &[room(1)], &[("08:00", "09:00"), ("09:30", "10:30")]).unwrap_err();
        assert_eq!(refusal.errors[0].field, "slots[1]");
        let yesterday = "2026-11-21".parse().unwrap();
        let span = [Span::new(540, 600).unwrap().into()];
        let refusal =
            plan_day(Grid::Hour, &[room(1)], yesterday, &span, at("2026-11-22T12:00:00Z")).unwrap_err();
        assert_eq!(refusal.errors[0].code, "in_the_past");
    }

    #[test]
    fn a_slot_is_bookable_between_horizon_and_lead() {
        let rules = BookingRules {
            max_party_size: 10,
            lead: Duration::minutes(30),
            horizon_days: 7,
            cancel_until: Duration::hours(2),
        };
        let starts = at("2026-11-29T01:00:00Z");
        let code = |now: &str| rules.check_start(starts, at(now)).map_err(|refusal| refusal.code);
        assert_eq!(code("2026-11-21T15:59:59Z"), Err(Code::SlotTooFarAhead));
        assert_eq!(code("2026-11-21T16:00:00Z"), Ok(()), "local midnight opens the day");
        assert_eq!(code("2026-11-29T00:30:00Z"), Ok(()));
        assert_eq!(code("2026-11-29T00:30:01Z"), Err(Code::SlotTooSoon));
        assert_eq!(code("2026-11-29T01:00:00Z"), Err(Code::SlotPast));
        assert_eq!(rules.cancel_deadline(starts), at("2026-11-28T23:00:00Z"));
    }
}
