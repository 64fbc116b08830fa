//! Evaluation: which spans a date has, whether it is open, and when that changes.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::{
    Exception, Rule, Schedule, Span, Weekday,
    reading::{Reading, readings},
};
use crate::{
    calendar::{Calendar, DayKind},
    time::{DAY_MINUTES, instant, local_date, local_minute},
    vocabulary::Vocabulary,
};

/// How far ahead the next change is looked for: longer than any holiday or summer break.
const HORIZON_DAYS: usize = 90;

/// A date with all that rules ask about it.
#[derive(Clone, Copy, Debug)]
pub struct Day {
    date: NaiveDate,
    kind: DayKind,
    weekday: Weekday,
    known: bool,
}

impl Day {
    /// Looks the date up.
    pub fn new(date: NaiveDate, calendar: &Calendar) -> Self {
        let weekday = Weekday::ALL[date.weekday().num_days_from_monday() as usize];
        Self { date, kind: calendar.kind(date), weekday, known: calendar.known(date) }
    }
}

/// An instant, looked up once and asked of thousands of schedules.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    today: Day,
    yesterday: Day,
    minute: u16,
}

impl Moment {
    /// Looks the instant up.
    pub fn new(now: DateTime<Utc>, calendar: &Calendar) -> Self {
        let today = local_date(now);
        let yesterday = today.pred_opt().unwrap_or(today);
        Self {
            today: Day::new(today, calendar),
            yesterday: Day::new(yesterday, calendar),
            minute: local_minute(now),
        }
    }
}

/// Whether it is open, and what a person needs to know beside that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Open or closed; `None` when no hours are known for the date.
    pub open: Option<bool>,
    /// When `open` changes: closing time if open, else the next opening; `None` beyond 90 days.
    pub next_change: Option<DateTime<Utc>>,
    /// Why the hours differ from the usual ones.
    pub reason: Option<String>,
    /// Whether the statutory calendar was announced for all dates this answer rests on.
    pub calendar_known: bool,
}

impl Rule {
    fn valid_on(&self, date: NaiveDate) -> bool {
        self.valid_from.is_none_or(|from| from <= date) && self.valid_to.is_none_or(|to| date <= to)
    }

    fn speaks(&self, reading: Reading) -> bool {
        reading.selects(&self.kinds, &self.weekdays)
    }
}

impl Schedule {
    /// Whether it is open: the cheap question, asked of every candidate of a query.
    pub fn is_open_at(&self, moment: &Moment) -> Option<bool> {
        let minute = moment.minute;
        // A span of yesterday that is still running opens today, whatever today's hours say.
        if self.spans(moment.yesterday).into_iter().flatten().any(|span| minute + DAY_MINUTES < span.end()) {
            return Some(true);
        }
        let mut today = self.spans(moment.today)?;
        Some(today.any(|span| (span.start()..span.end()).contains(&minute)))
    }

    /// Whether it is open, until when, and why.
    pub fn state_at(&self, now: DateTime<Utc>, calendar: &Calendar) -> State {
        let moment = Moment::new(now, calendar);
        let open = self.is_open_at(&moment);
        let today = moment.today.date;
        let change = match open {
            Some(true) => self.closing(&moment, calendar),
            Some(false) => self.opening(&moment, calendar),
            None => None,
        };
        let next_change = change.map(|minute| instant(today, minute));
        State {
            open,
            next_change,
            reason: self.exception_on(today).and_then(|exception| exception.reason.clone()),
            calendar_known: moment.today.known && next_change.is_none_or(|at| calendar.known(local_date(at))),
        }
    }

    /// The spans that begin on the date, in order, joined where they touch; `None` when nothing is known.
    pub fn spans_on(&self, date: NaiveDate, calendar: &Calendar) -> Option<Vec<Span>> {
        let mut spans: Vec<_> = self.spans(Day::new(date, calendar))?.collect();
        spans.sort_unstable();
        spans.dedup_by(|later, kept| match kept.joined(*later) {
            Some(both) => {
                *kept = both;
                true
            }
            None => false,
        });
        Some(spans)
    }

    /// The exception in force: the shortest, and the newest of equally short ones.
    pub fn exception_on(&self, date: NaiveDate) -> Option<&Exception> {
        let covering = self.0.exceptions.iter().filter(|e| (e.from..=e.to).contains(&date));
        // `min_by_key` keeps the first of equals; reversed, that is the newest.
        covering.rev().min_by_key(|e| e.to - e.from)
    }

    /// The spans that begin on the day; `None` when nothing is known about it.
    fn spans(&self, day: Day) -> Option<impl Iterator<Item = Span>> {
        let exception = self.exception_on(day.date);
        let reading = if exception.is_some() { None } else { self.reading(day)? };
        let (rules, date) = (&self.0.rules, day.date);
        let by_rules = reading.into_iter().flat_map(move |reading| {
            rules
                .iter()
                .filter(move |rule| rule.valid_on(date) && rule.speaks(reading))
                .flat_map(|r| &r.spans)
        });
        Some(exception.into_iter().flat_map(|e| &e.spans).chain(by_rules).copied())
    }

    /// How the day is read: `None` when no rule is valid on it, `Some(None)` when no rule speaks for it.
    #[expect(clippy::option_option, reason = "unknown and closed are different answers")]
    fn reading(&self, day: Day) -> Option<Option<Reading>> {
        let valid = || self.0.rules.iter().filter(|rule| rule.valid_on(day.date));
        valid().next()?;
        let readings = readings(day.kind, day.weekday, self.0.on_holidays, self.0.on_make_up_workdays);
        Some(readings.into_iter().flatten().find(|reading| valid().any(|rule| rule.speaks(*reading))))
    }

    /// The minute, from today's midnight, at which everything that runs now and joins on is over.
    fn closing(&self, moment: &Moment, calendar: &Calendar) -> Option<i32> {
        let day_minutes = i32::from(DAY_MINUTES);
        let tail = self.spans(moment.yesterday).into_iter().flatten();
        // It is open now, so every span that has begun by `end` runs on or joins.
        let mut end =
            tail.map(|span| i32::from(span.end()) - day_minutes).fold(moment.minute.into(), i32::max);
        for (offset, date) in (0..).zip(moment.today.date.iter_days().take(1 + HORIZON_DAYS)) {
            let midnight = offset * day_minutes;
            if end < midnight {
                return Some(end);
            }
            let mut spans: Vec<_> = self.spans(Day::new(date, calendar)).into_iter().flatten().collect();
            spans.sort_unstable();
            for span in spans {
                if midnight + i32::from(span.start()) <= end {
                    end = end.max(midnight + i32::from(span.end()));
                }
            }
        }
        None
    }

    /// The minute, from today's midnight, at which it next opens.
    fn opening(&self, moment: &Moment, calendar: &Calendar) -> Option<i32> {
        let days = (0..).zip(moment.today.date.iter_days().take(1 + HORIZON_DAYS));
        let mut openings = days.filter_map(|(offset, date)| {
            let midnight = offset * i32::from(DAY_MINUTES);
            let spans = self.spans(Day::new(date, calendar))?;
            let starts = spans.map(|span| midnight + i32::from(span.start()));
            starts.filter(|start| *start > i32::from(moment.minute)).min()
        });
        openings.next()
    }
}
