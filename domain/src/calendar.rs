//! The statutory calendar: which days are worked, by the yearly notice of the State Council.
//!
//! A weekend may be a working day (调休上班) and a weekday a holiday, so opening
//! hours ask this calendar before they look at the weekday. Invariant: beyond
//! the years that were announced, [`Calendar::known`] is false and the answer
//! is the plain weekday.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};

use crate::{FieldErrors, Refusal, vocabulary::vocabulary};

vocabulary! {
    /// What kind of day a date is.
    DayKind {
        Workday, "workday", "工作日", "Working day";
        Weekend, "weekend", "周末", "Weekend";
        Holiday, "holiday", "法定节假日", "Statutory holiday, days off in lieu included";
        MakeUpWorkday, "make_up_workday", "调休上班", "Weekend day that is worked";
    }
}

/// The arrangement of one year, as announced. The dates are facts of the notice named in `source`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YearCalendar {
    /// Version of this form of data; 1.
    pub version: u8,
    /// The year the notice is about.
    pub year: i32,
    /// The notice.
    pub source: String,
    /// Where the notice can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The holidays with all their days off.
    pub off: Vec<HolidayPeriod>,
    /// Weekend days that are worked.
    pub work: Vec<NaiveDate>,
}

/// Consecutive days off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolidayPeriod {
    /// Name of the festival.
    pub name: String,
    /// First day off.
    pub from: NaiveDate,
    /// Last day off.
    pub to: NaiveDate,
}

impl HolidayPeriod {
    const MAX_DAYS: i64 = 15;

    fn days(&self) -> impl Iterator<Item = NaiveDate> {
        self.from.iter_days().take_while(|day| *day <= self.to)
    }
}

impl YearCalendar {
    const MAX_PERIODS: usize = 20;
    const MAX_WORK: usize = 30;

    /// Refuses an arrangement that cannot be meant.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut errors = FieldErrors::new();
        let source = self.source.trim().chars().count();
        let url = self.url.as_deref().unwrap_or("https://");
        errors.require(
            self.version == 1,
            "version",
            "unsupported",
            "不支持的数据版本",
            "This version is not supported.",
        );
        errors.require(
            (2000..=2100).contains(&self.year),
            "year",
            "out_of_range",
            "年份超出范围",
            "The year is out of range.",
        );
        errors.require(
            (1..=200).contains(&source),
            "source",
            "length",
            "请填写发文字号（200字以内）",
            "Name the notice, in at most 200 characters.",
        );
        errors.require(
            url.len() <= 300 && url.starts_with("https://"),
            "url",
            "invalid",
            "网址须以 https:// 开头",
            "The address must begin with https://.",
        );
        errors.require(
            (1..=Self::MAX_PERIODS).contains(&self.off.len()),
            "off",
            "count",
            "放假安排应有1至20段",
            "Give 1 to 20 holiday periods.",
        );
        errors.require(
            self.work.len() <= Self::MAX_WORK,
            "work",
            "count",
            "调休上班日过多（最多30天）",
            "At most 30 make-up workdays.",
        );
        if errors.is_empty() {
            self.check_days(&mut errors);
        }
        errors.finish()
    }

    fn check_days(&self, errors: &mut FieldErrors) {
        let mut seen = BTreeSet::new();
        for (i, period) in self.off.iter().enumerate() {
            let length = (period.to - period.from).num_days() + 1;
            let named = (1..=40).contains(&period.name.trim().chars().count());
            errors.require(named, format!("off[{i}].name"), "length", "请填写节日名称", "Name the festival.");
            if !(1..=HolidayPeriod::MAX_DAYS).contains(&length)
                || !self.near(period.from)
                || !self.near(period.to)
            {
                errors.add(format!("off[{i}]"), "period", "放假起止日期有误", "The period is not plausible.");
            } else if !period.days().all(|day| seen.insert(day)) {
                errors.add(
                    format!("off[{i}]"),
                    "overlap",
                    "放假日期重复",
                    "The days overlap with another period.",
                );
            }
        }
        for (i, day) in self.work.iter().enumerate() {
            if !self.near(*day) || !is_weekend(*day) {
                errors.add(
                    format!("work[{i}]"),
                    "not_weekend",
                    "调休上班日应为周末",
                    "A make-up workday falls on a weekend.",
                );
            } else if !seen.insert(*day) {
                errors.add(
                    format!("work[{i}]"),
                    "overlap",
                    "日期重复或与放假日期冲突",
                    "The day stands twice.",
                );
            }
        }
    }

    /// The New Year holiday may begin in December of the year before.
    fn near(&self, day: NaiveDate) -> bool {
        day.year() == self.year || (day.year() == self.year - 1 && day.month() == 12)
    }
}

/// All announced years.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    years: BTreeMap<i32, YearCalendar>,
    /// Every day that is not what its weekday says, with the name of the festival.
    special: BTreeMap<NaiveDate, (DayKind, Option<usize>)>,
    names: Vec<String>,
}

impl Calendar {
    /// The calendar of these years; the last of two arrangements for one year counts.
    pub fn new(years: impl IntoIterator<Item = YearCalendar>) -> Result<Self, Refusal> {
        let mut calendar = Self::default();
        for year in years {
            year.validate()?;
            calendar.years.insert(year.year, year);
        }
        for year in calendar.years.values() {
            for period in &year.off {
                calendar.names.push(period.name.clone());
                let name = Some(calendar.names.len() - 1);
                calendar.special.extend(period.days().map(|day| (day, (DayKind::Holiday, name))));
            }
            calendar.special.extend(year.work.iter().map(|day| (*day, (DayKind::MakeUpWorkday, None))));
        }
        Ok(calendar)
    }

    /// The years that are shipped with Linli: 2024 to 2026.
    pub fn shipped() -> Self {
        let years = SHIPPED.map(|text| {
            serde_json::from_str::<YearCalendar>(text).expect("the shipped calendars are parsed in a test")
        });
        Self::new(years).expect("the shipped calendars are validated in a test")
    }

    /// The kind of the date; where it is not [`Self::known`], what its weekday says.
    pub fn kind(&self, date: NaiveDate) -> DayKind {
        match self.special.get(&date) {
            Some((kind, _)) => *kind,
            None => ordinary_kind(date),
        }
    }

    /// Whether the arrangement of the date's year has been announced.
    pub fn known(&self, date: NaiveDate) -> bool {
        self.years.contains_key(&date.year())
    }

    /// The festival to which a day off belongs.
    pub fn holiday_name(&self, date: NaiveDate) -> Option<&str> {
        let (_, name) = self.special.get(&date)?;
        name.map(|index| self.names[index].as_str())
    }

    /// The arrangement of one year.
    pub fn year(&self, year: i32) -> Option<&YearCalendar> {
        self.years.get(&year)
    }

    /// All arrangements, oldest first.
    pub fn years(&self) -> impl Iterator<Item = &YearCalendar> {
        self.years.values()
    }

    /// Days from `from` on, each with its kind.
    pub fn days(&self, from: NaiveDate, count: u64) -> impl Iterator<Item = (NaiveDate, DayKind)> {
        (0..count).filter_map(move |n| from.checked_add_days(Days::new(n))).map(|day| (day, self.kind(day)))
    }
}

/// The kind of a date that no notice speaks of.
pub fn ordinary_kind(date: NaiveDate) -> DayKind {
    if is_weekend(date) { DayKind::Weekend } else { DayKind::Workday }
}

fn is_weekend(date: NaiveDate) -> bool {
    matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

const SHIPPED: [&str; 3] = [
    include_str!("../data/calendar/2024.json"),
    include_str!("../data/calendar/2025.json"),
    include_str!("../data/calendar/2026.json"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_shipped_years_say_what_the_notices_say() {
        let calendar = Calendar::shipped();
        let count = |year: i32, kind: DayKind| {
            let from = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
            calendar.days(from, 366).filter(|(day, k)| day.year() == year && *k == kind).count()
        };
        for (year, off, work) in [(2024, 28, 8), (2025, 28, 5), (2026, 33, 6)] {
            assert_eq!(
                (count(year, DayKind::Holiday), count(year, DayKind::MakeUpWorkday)),
                (off, work),
                "{year}"
            );
        }
        // A Saturday that is worked, a Monday that is not.
        assert_eq!(calendar.kind(date("2026-02-14")), DayKind::MakeUpWorkday);
        assert_eq!(calendar.kind(date("2026-02-16")), DayKind::Holiday);
        assert_eq!(calendar.holiday_name(date("2026-02-16")), Some("春节"));
        assert_eq!(calendar.kind(date("2026-02-24")), DayKind::Workday);
        assert_eq!(calendar.kind(date("2026-03-01")), DayKind::Weekend);
        assert_eq!(calendar.kind(date("2024-09-29")), DayKind::MakeUpWorkday);
        assert_eq!(calendar.kind(date("2025-10-08")), DayKind::Holiday);
    }

    #[test]
    fn past_its_end_the_calendar_says_so() {
        let calendar = Calendar::shipped();
        assert!(calendar.known(date("2026-12-31")));
        assert!(!calendar.known(date("2027-01-01")));
        assert_eq!(calendar.kind(date("2027-01-01")), DayKind::Workday);
    }

    #[test]
    fn an_implausible_year_is_refused_field_by_field() {
        let mut year = Calendar::shipped().year(2026).unwrap().clone();
        year.work.push(date("2026-03-02"));
        year.off[1].to = date("2026-04-04");
        let refusal = year.validate().unwrap_err();
        let fields: Vec<_> = refusal.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["off[1]", "work[6]"]);
        year.version = 2;
        assert_eq!(year.validate().unwrap_err().errors[0].field, "version");
    }

    #[test]
    fn the_new_year_may_begin_in_december() {
        let text = r#"{"version":1,"year":2027,"source":"test","off":[{"name":"元旦","from":"2026-12-31","to":"2027-01-02"}],"work":[]}"#;
        let calendar = Calendar::new([serde_json::from_str(text).unwrap()]).unwrap();
        assert_eq!(calendar.kind(date("2026-12-31")), DayKind::Holiday);
        assert!(serde_json::from_str::<YearCalendar>(&text.replace("\"work\"", "\"x\":1,\"work\"")).is_err());
    }
}
