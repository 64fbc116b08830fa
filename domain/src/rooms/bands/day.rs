//! What a day of a room is made of, and the slots that are cut from it.

use chrono::{Datelike, NaiveDate};

use super::{Band, BandMode, Block, RoomFunction, Timetable};
use crate::{
    calendar::Calendar,
    hours::Weekday,
    ids::RoomId,
    rooms::{Face, PlannedSlot, Span, cells_of},
    time::instant,
    vocabulary::Vocabulary,
};

/// A band as one day has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayBand<'a> {
    /// The band.
    pub band: &'a Band,
    /// When it really is: the turnover before it is not part of it.
    pub span: Span,
}

/// A day of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayTable<'a> {
    /// Which day.
    pub date: NaiveDate,
    /// Its bands by start.
    pub bands: Vec<DayBand<'a>>,
    /// What the centre keeps for itself.
    pub blocks: Vec<&'a Block>,
    /// Why the day is not the usual one.
    pub reason: Option<&'a str>,
}

impl Timetable {
    /// What the day is made of.
    pub fn day(&self, date: NaiveDate, calendar: &Calendar) -> DayTable<'_> {
        let weekday = Weekday::ALL[date.weekday().num_days_from_monday() as usize];
        let kind = calendar.kind(date);
        let covering = self.bands.overrides.iter().filter(|own| (own.from..=own.to).contains(&date));
        // `min_by_key` keeps the first of equals; reversed, that is the newest.
        let own = covering.rev().min_by_key(|own| own.to - own.from);
        let mut chosen: Vec<&Band> = match own {
            Some(own) => own.chosen(kind, weekday),
            None => self.bands.weekly(date, kind, weekday),
        }
        .into_iter()
        .map(|(_, band)| band)
        .collect();
        chosen.sort_by_key(|band| band.span);
        let blocks = self.bands.blocks.iter().filter(|block| block.falls_on(date, weekday));
        DayTable {
            date,
            bands: self.after_turnover(chosen),
            blocks: blocks.collect(),
            reason: own.and_then(|own| own.reason.as_deref()),
        }
    }

    /// The slots that are published on the day for a room that takes the cells of `rooms`.
    pub fn slots(&self, date: NaiveDate, calendar: &Calendar, rooms: &[RoomId]) -> Vec<PlannedSlot> {
        let day = self.day(date, calendar);
        let mut slots = Vec::new();
        for at in day.bands.iter().filter(|at| at.band.mode == BandMode::Bookable) {
            let length = at.band.slot_minutes.unwrap_or(at.span.minutes());
            let starts = (at.span.starts()..at.span.ends()).step_by(length.max(1).into());
            let spans = starts.filter_map(|start| Span::new(start, start + length));
            for span in spans.filter(|span| span.ends() <= at.span.ends()) {
                if day.blocks.iter().any(|block| block.span.overlaps(span)) {
                    continue;
                }
                slots.push(PlannedSlot {
                    starts_at: instant(date, i32::from(span.starts())),
                    ends_at: instant(date, i32::from(span.ends())),
                    cells: cells_of(self.grid, rooms, date, span).unwrap_or_default(),
                    seats: at.band.seats,
                    face: Some(Face { function: at.band.function, title: at.band.title.clone() }),
                });
            }
        }
        slots
    }

    /// A band begins when the room is ready: what the turnover after another function takes is cut off
    /// its front. Time that nobody uses needs no turnover.
    fn after_turnover<'a>(&self, sorted: Vec<&'a Band>) -> Vec<DayBand<'a>> {
        let grid = self.grid.minutes();
        let mut before: Option<(RoomFunction, u16)> = None;
        let mut day = Vec::with_capacity(sorted.len());
        for band in sorted {
            let ready = match before {
                Some((function, ready)) if function != band.function => ready.div_ceil(grid) * grid,
                _ => 0,
            };
            let used = band.mode != BandMode::Closed;
            let starts = if used { band.span.starts().max(ready) } else { band.span.starts() };
            let Some(span) = Span::new(starts, band.span.ends()) else { continue };
            if used {
                before = Some((band.function, span.ends() + band.turnover_minutes));
            }
            day.push(DayBand { band, span });
        }
        day
    }
}

impl Block {
    fn falls_on(&self, date: NaiveDate, weekday: Weekday) -> bool {
        let monday = |day: NaiveDate| day.num_days_from_ce() - day.weekday().num_days_from_monday() as i32;
        let weeks = (monday(date) - monday(self.from)) / 7;
        (self.from..=self.to).contains(&date)
            && (self.weekdays.is_empty() || self.weekdays.contains(weekday))
            && weeks % i32::from(self.every_weeks.max(1)) == 0
    }
}
