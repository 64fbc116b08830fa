//! Opening hours: what staff write down, and whether a door is open at an instant.
//!
//! A date has a kind (by the statutory calendar) and a weekday; a [`Rule`] names
//! kinds, weekdays or both. Dated [`Exception`]s win over rules, the shortest
//! among them, the newest among equals. Hours belong to the date on which they
//! begin: a span past midnight is not cut by the next date's rules.
//! Invariant: a [`Schedule`] has passed [`Schedule::new`], so evaluation cannot fail.

mod evaluate;
pub(crate) mod reading;
mod span;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use evaluate::{Day, Moment, State};
pub use span::Span;

use crate::{
    Refusal,
    calendar::DayKind,
    refusal::FieldErrors,
    vocabulary::{WordSet, vocabulary},
};

vocabulary! {
    /// A day of the week.
    Weekday {
        Monday, "mon", "周一", "Monday";
        Tuesday, "tue", "周二", "Tuesday";
        Wednesday, "wed", "周三", "Wednesday";
        Thursday, "thu", "周四", "Thursday";
        Friday, "fri", "周五", "Friday";
        Saturday, "sat", "周六", "Saturday";
        Sunday, "sun", "周日", "Sunday";
    }
}

vocabulary! {
    /// What a statutory holiday means when no rule names holidays.
    HolidayPolicy {
        Closed, "closed", "休息", "Closed";
        AsWeekday, "as_weekday", "照常", "Like any day of that weekday";
    }
}

vocabulary! {
    /// What a make-up workday means when no rule names make-up workdays.
    MakeUpPolicy {
        /// Rules for working days apply, and those of the working weekday next to it
        /// (Friday for a Saturday, Monday for a Sunday); failing both, its own.
        AsWorkday, "as_workday", "按工作日", "Like a working day";
        AsWeekday, "as_weekday", "按周末", "Like any weekend day";
    }
}

/// Hours as staff, an import or a row give them, in version 1 of the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Version of this form of data; 1.
    pub version: u8,
    /// When it is open, week after week.
    pub rules: Vec<Rule>,
    /// Dated periods with other hours, or none; later entries are newer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
    /// Statutory holidays that no rule names.
    #[serde(default = "default_on_holidays")]
    pub on_holidays: HolidayPolicy,
    /// Make-up workdays that no rule names.
    #[serde(default = "default_on_make_up_workdays")]
    pub on_make_up_workdays: MakeUpPolicy,
}

const fn default_on_holidays() -> HolidayPolicy {
    HolidayPolicy::Closed
}

const fn default_on_make_up_workdays() -> MakeUpPolicy {
    MakeUpPolicy::AsWorkday
}

impl Default for Hours {
    fn default() -> Self {
        Self {
            version: 1,
            rules: Vec::new(),
            exceptions: Vec::new(),
            on_holidays: default_on_holidays(),
            on_make_up_workdays: default_on_make_up_workdays(),
        }
    }
}

/// The spans of all dates of some kinds, some weekdays, or both (then a date must fit both).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Kinds of day; none means any.
    #[serde(default, skip_serializing_if = "WordSet::is_empty")]
    pub kinds: WordSet<DayKind>,
    /// Weekdays; none means any.
    #[serde(default, skip_serializing_if = "WordSet::is_empty")]
    pub weekdays: WordSet<Weekday>,
    /// When it is open on such a date; none means closed.
    pub spans: Vec<Span>,
    /// First date the rule is valid on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<NaiveDate>,
    /// Last date the rule is valid on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<NaiveDate>,
}

/// A dated period whose dates have hours of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// First date.
    pub from: NaiveDate,
    /// Last date.
    pub to: NaiveDate,
    /// When it is open on each of these dates; none means closed.
    #[serde(default)]
    pub spans: Vec<Span>,
    /// Why, as residents read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Hours that hold together. Without rules and exceptions it is *unknown* when the facility opens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Hours", into = "Hours")]
pub struct Schedule(Hours);

impl Schedule {
    const MAX_RULES: usize = 40;
    const MAX_SPANS: usize = 8;
    const MAX_EXCEPTIONS: usize = 100;
    const MAX_EXCEPTION_DAYS: i64 = 400;
    const MAX_REASON_CHARS: usize = 200;

    /// Accepts hours, or names every field that is wrong.
    pub fn new(hours: Hours) -> Result<Self, Refusal> {
        let mut errors = FieldErrors::new();
        errors.require(
            hours.version == 1,
            "version",
            "unsupported",
            "不支持的数据版本",
            "This version is not supported.",
        );
        errors.require(
            hours.rules.len() <= Self::MAX_RULES,
            "rules",
            "count",
            "开放规则过多（最多40条）",
            "At most 40 rules.",
        );
        errors.require(
            hours.exceptions.len() <= Self::MAX_EXCEPTIONS,
            "exceptions",
            "count",
            "特殊安排过多（最多100条）",
            "At most 100 exceptions.",
        );
        for (i, rule) in hours.rules.iter().take(Self::MAX_RULES).enumerate() {
            Self::check_rule(rule, &format!("rules[{i}]"), &mut errors);
        }
        for (i, exception) in hours.exceptions.iter().take(Self::MAX_EXCEPTIONS).enumerate() {
            Self::check_exception(exception, &format!("exceptions[{i}]"), &mut errors);
        }
        errors.finish().map(|()| Self(hours))
    }

    /// The hours as they were written.
    pub const fn hours(&self) -> &Hours {
        &self.0
    }

    /// Whether nothing at all is known about the hours.
    pub fn is_empty(&self) -> bool {
        self.0.rules.is_empty() && self.0.exceptions.is_empty()
    }

    fn check_rule(rule: &Rule, at: &str, errors: &mut FieldErrors) {
        let names_days = !rule.kinds.is_empty() || !rule.weekdays.is_empty();
        errors.require(names_days, at, "required", "请选择日期类型或星期", "Name kinds of day or weekdays.");
        let ordered = !matches!((rule.valid_from, rule.valid_to), (Some(from), Some(to)) if to < from);
        errors.require(
            ordered,
            format!("{at}.valid_to"),
            "order",
            "结束日期早于开始日期",
            "It ends before it begins.",
        );
        Self::check_spans(&rule.spans, at, errors);
    }

    fn check_exception(exception: &Exception, at: &str, errors: &mut FieldErrors) {
        let days = (exception.to - exception.from).num_days() + 1;
        errors.require(
            days >= 1,
            format!("{at}.to"),
            "order",
            "结束日期早于开始日期",
            "It ends before it begins.",
        );
        errors.require(
            days <= Self::MAX_EXCEPTION_DAYS,
            format!("{at}.to"),
            "too_long",
            "特殊安排最长400天",
            "An exception lasts at most 400 days.",
        );
        let reason = exception.reason.as_deref().map_or(1, |reason| reason.trim().chars().count());
        errors.require(
            (1..=Self::MAX_REASON_CHARS).contains(&reason),
            format!("{at}.reason"),
            "length",
            "原因应为1至200字",
            "The reason has 1 to 200 characters.",
        );
        Self::check_spans(&exception.spans, at, errors);
    }

    fn check_spans(spans: &[Span], at: &str, errors: &mut FieldErrors) {
        if spans.len() > Self::MAX_SPANS {
            errors.add(format!("{at}.spans"), "count", "每天最多8个时段", "At most 8 spans a day.");
            return;
        }
        let mut sorted: Vec<_> = spans.iter().enumerate().collect();
        sorted.sort_by_key(|(_, span)| span.start());
        for pair in sorted.windows(2) {
            let apart = pair[0].1.end() <= pair[1].1.start();
            let field = format!("{at}.spans[{}]", pair[1].0);
            errors.require(apart, field, "overlap", "开放时段重叠", "The spans overlap.");
        }
    }
}

impl TryFrom<Hours> for Schedule {
    type Error = Refusal;

    fn try_from(hours: Hours) -> Result<Self, Refusal> {
        Self::new(hours)
    }
}

impl From<Schedule> for Hours {
    fn from(schedule: Schedule) -> Self {
        schedule.0
    }
}

#[cfg(test)]
mod tests;
