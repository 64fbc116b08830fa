//! Evaluation: which spans a date has, whether it is open, and when that changes.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::{Exception, HolidayPolicy, MakeUpPolicy, Rule, Schedule, Span, Weekday};
use crate::{
    calendar::{Calendar, DayKind, ordinary_kind},
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

/// Which rules speak for a date.
#[derive(Clone, Copy)]
enum Selector {
    /// Those that name this special kind of day.
    Naming(DayKind, Weekday),
    /// Those that fit an ordinary day of this kind and weekday.
    Ordinary(DayKind, Weekday),
}

impl Selector {
    fn selects(self, rule: &Rule) -> bool {
        let (kind_fits, weekday) = match self {
            Self::Naming(kind, weekday) => (rule.kinds.contains(kind), weekday),
            Self::Ordinary(kind, weekday) => (rule.kinds.is_empty() || rule.kinds.contains(kind), weekday),
        };
        kind_fits && (rule.weekdays.is_empty() || rule.weekdays.contains(weekday))
    }
}

impl Rule {
    fn valid_on(&self, date: NaiveDate) -> bool {
        self.valid_from.is_none_or(|from| from <= date) && self.valid_to.is_none_or(|to| date <= to)
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
        let selector = if exception.is_some() { None } else { self.selector(day)? };
        let (rules, date) = (&self.0.rules, day.date);
        let by_rules = selector.into_iter().flat_map(move |selector| {
            rules
                .iter()
                .filter(move |rule| rule.valid_on(date) && selector.selects(rule))
                .flat_map(|r| &r.spans)
        });
        Some(exception.into_iter().flat_map(|e| &e.spans).chain(by_rules).copied())
    }

    /// Which rules speak for the day: `None` when no rule is valid on it, `Some(None)` when none selects it.
    #[expect(clippy::option_option, reason = "unknown and closed are different answers")]
    fn selector(&self, day: Day) -> Option<Option<Selector>> {
        let valid = || self.0.rules.iter().filter(|rule| rule.valid_on(day.date));
        valid().next()?;
        let speaks = |selector: &Selector| valid().any(|rule| selector.selects(rule));
        Some(self.candidates(day).into_iter().flatten().find(speaks))
    }

    /// What the day may count as, the strongest first.
    fn candidates(&self, day: Day) -> [Option<Selector>; 3] {
        use Selector::{Naming, Ordinary};
        let Day { date, kind, weekday, .. } = day;
        let as_weekday = Ordinary(ordinary_kind(date), weekday);
        match kind {
            DayKind::Workday | DayKind::Weekend => [Some(as_weekday), None, None],
            DayKind::Holiday => {
                let by_policy = matches!(self.0.on_holidays, HolidayPolicy::AsWeekday);
                [Some(Naming(kind, weekday)), by_policy.then_some(as_weekday), None]
            }
            DayKind::MakeUpWorkday => match self.0.on_make_up_workdays {
                MakeUpPolicy::AsWeekday => [Some(Naming(kind, weekday)), Some(as_weekday), None],
                MakeUpPolicy::AsWorkday => {
                    let next_to = if weekday == Weekday::Sunday { Weekday::Monday } else { Weekday::Friday };
                    let stands_for = Ordinary(DayKind::Workday, next_to);
                    [Some(Naming(kind, weekday)), Some(stands_for), Some(Ordinary(DayKind::Workday, weekday))]
                }
            },
        }
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
