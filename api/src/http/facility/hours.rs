//! Opening hours on the wire.

use chrono::{DateTime, FixedOffset, NaiveDate};
use linli_domain::{
    FieldErrors, Refusal,
    calendar::DayKind,
    hours::{self, HolidayPolicy, MakeUpPolicy, Schedule, Weekday},
    time,
};
use poem_openapi::Object;

use crate::http::word::{Word, set, words};

/// When a facility is open.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, deny_unknown_fields)]
pub struct Hours {
    /// Week after week. On a statutory holiday or a make-up workday the rules that name that kind of day count alone.
    pub rules: Vec<HoursRule>,
    /// Dated periods with hours of their own; the shortest counts, the last of equally short ones.
    #[oai(default)]
    pub exceptions: Vec<HoursException>,
    /// Statutory holidays that no rule names: `closed` unless said otherwise.
    pub on_holidays: Option<Word<HolidayPolicy>>,
    /// Make-up workdays that no rule names: `as_workday` unless said otherwise.
    pub on_make_up_workdays: Option<Word<MakeUpPolicy>>,
}

/// The spans of some kinds of day, some weekdays, or both (then a date must fit both).
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, deny_unknown_fields)]
pub struct HoursRule {
    /// Kinds of day.
    #[oai(default)]
    pub kinds: Vec<Word<DayKind>>,
    /// Weekdays.
    #[oai(default)]
    pub weekdays: Vec<Word<Weekday>>,
    /// When it is open on such a day; empty means closed.
    pub spans: Vec<TimeSpan>,
    /// First date the rule is valid on.
    pub valid_from: Option<NaiveDate>,
    /// Last date the rule is valid on.
    pub valid_to: Option<NaiveDate>,
}

/// A dated period.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, deny_unknown_fields)]
pub struct HoursException {
    /// First date.
    pub from: NaiveDate,
    /// Last date.
    pub to: NaiveDate,
    /// When it is open on each of these dates; empty means closed.
    #[oai(default)]
    pub spans: Vec<TimeSpan>,
    /// Why, as residents read it.
    pub reason: Option<String>,
}

/// From `opens` to `closes`; at or before `opens`, it closes on the next day.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct TimeSpan {
    /// `HH:MM`
    pub opens: String,
    /// `HH:MM`, `24:00` included.
    pub closes: String,
}

/// Whether a facility is open at this moment.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct OpenState {
    /// Absent when its hours are not known.
    pub open: Option<bool>,
    /// When that changes: closing time if open, else the next opening.
    pub next_change: Option<DateTime<FixedOffset>>,
    /// Why the hours differ from the usual ones.
    pub reason: Option<String>,
    /// Whether the statutory calendar has been announced for the dates this rests on.
    pub calendar_known: bool,
}

impl From<hours::State> for OpenState {
    fn from(state: hours::State) -> Self {
        let hours::State { open, next_change, reason, calendar_known } = state;
        Self { open, next_change: next_change.map(time::local), reason, calendar_known }
    }
}

impl From<&Schedule> for Hours {
    fn from(schedule: &Schedule) -> Self {
        let hours = schedule.hours();
        Self {
            rules: hours.rules.iter().map(HoursRule::from).collect(),
            exceptions: hours.exceptions.iter().map(HoursException::from).collect(),
            on_holidays: Some(Word(hours.on_holidays)),
            on_make_up_workdays: Some(Word(hours.on_make_up_workdays)),
        }
    }
}

impl From<&hours::Rule> for HoursRule {
    fn from(rule: &hours::Rule) -> Self {
        Self {
            kinds: words(&rule.kinds),
            weekdays: words(&rule.weekdays),
            spans: rule.spans.iter().map(TimeSpan::from).collect(),
            valid_from: rule.valid_from,
            valid_to: rule.valid_to,
        }
    }
}

impl From<&hours::Exception> for HoursException {
    fn from(exception: &hours::Exception) -> Self {
        Self {
            from: exception.from,
            to: exception.to,
            spans: exception.spans.iter().map(TimeSpan::from).collect(),
            reason: exception.reason.clone(),
        }
    }
}

impl From<&hours::Span> for TimeSpan {
    fn from(span: &hours::Span) -> Self {
        Self { opens: span.opens(), closes: span.closes() }
    }
}

impl Hours {
    /// The schedule, or every field that is wrong.
    pub fn parse(self) -> Result<Schedule, Refusal> {
        let mut errors = FieldErrors::new();
        let usual = hours::Hours::default();
        let rules = self.rules.into_iter().enumerate().map(|(i, rule)| hours::Rule {
            kinds: set(&rule.kinds),
            weekdays: set(&rule.weekdays),
            spans: spans(&rule.spans, &format!("rules[{i}]"), &mut errors),
            valid_from: rule.valid_from,
            valid_to: rule.valid_to,
        });
        let rules = rules.collect();
        let exceptions = self.exceptions.into_iter().enumerate().map(|(i, exception)| hours::Exception {
            from: exception.from,
            to: exception.to,
            spans: spans(&exception.spans, &format!("exceptions[{i}]"), &mut errors),
            reason: exception.reason,
        });
        let exceptions = exceptions.collect();
        errors.finish()?;
        Schedule::new(hours::Hours {
            version: 1,
            rules,
            exceptions,
            on_holidays: self.on_holidays.map_or(usual.on_holidays, |word| word.0),
            on_make_up_workdays: self.on_make_up_workdays.map_or(usual.on_make_up_workdays, |word| word.0),
        })
    }
}

fn spans(spans: &[TimeSpan], at: &str, errors: &mut FieldErrors) -> Vec<hours::Span> {
    let parsed = spans.iter().enumerate().filter_map(|(i, span)| {
        errors.nest(&format!("{at}.spans[{i}]"), hours::Span::parse(&span.opens, &span.closes))
    });
    parsed.collect()
}
