use chrono::{DateTime, Datelike, Utc};
use proptest::prelude::*;

use super::*;
use crate::{
    calendar::Calendar,
    time::{instant, local_date, local_minute},
    vocabulary::Vocabulary,
};

fn schedule(json: &str) -> Schedule {
    serde_json::from_str(json).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    format!("{text}:00+08:00").parse::<DateTime<chrono::FixedOffset>>().unwrap().to_utc()
}

fn open(schedule: &Schedule, text: &str) -> Option<bool> {
    schedule.is_open_at(&Moment::new(at(text), &Calendar::shipped()))
}

const OFFICE: &str = r#"{"version":1,"rules":[{"kinds":["workday"],"spans":["09:00-12:00","13:00-17:00"]}]}"#;
const MON_TO_FRI: &str =
    r#"{"version":1,"rules":[{"weekdays":["mon","tue","wed","thu","fri"],"spans":["09:00-17:00"]}]}"#;

#[test]
fn a_worked_saturday_and_a_free_monday() {
    for hours in [OFFICE, MON_TO_FRI] {
        let hours = schedule(hours);
        assert_eq!(open(&hours, "2026-02-14T10:00"), Some(true), "Saturday, but worked");
        assert_eq!(open(&hours, "2026-02-16T10:00"), Some(false), "Monday, but a holiday");
        assert_eq!(open(&hours, "2026-02-28T16:59"), Some(true));
        assert_eq!(open(&hours, "2026-03-07T10:00"), Some(false), "an ordinary Saturday");
        assert_eq!(open(&hours, "2026-03-09T17:00"), Some(false), "closing time is closed");
    }
}

#[test]
fn policies_decide_what_no_rule_names() {
    let museum = r#"{"version":1,"on_holidays":"as_weekday","on_make_up_workdays":"as_weekday",
        "rules":[{"weekdays":["tue","wed","thu","fri","sat","sun"],"spans":["09:00-17:00"]}]}"#;
    let museum = schedule(museum);
    assert_eq!(open(&museum, "2026-02-17T10:00"), Some(true), "holiday, a Tuesday");
    assert_eq!(open(&museum, "2026-02-16T10:00"), Some(false), "holiday, a Monday");
    assert_eq!(open(&museum, "2026-01-04T10:00"), Some(true), "a worked Sunday");

    // Mondays are closed; a Sunday that stands for a Monday is still a Sunday.
    let mut as_workday = museum.hours().clone();
    as_workday.on_make_up_workdays = MakeUpPolicy::AsWorkday;
    assert_eq!(open(&Schedule::new(as_workday).unwrap(), "2026-01-04T10:00"), Some(true));

    let named = r#"{"version":1,"rules":[{"weekdays":["mon","tue","wed"],"spans":["09:00-17:00"]},
        {"kinds":["holiday"],"spans":["10:00-12:00"]},{"kinds":["make_up_workday"],"spans":[]}]}"#;
    let named = schedule(named);
    assert_eq!(open(&named, "2026-02-17T09:30"), Some(false), "the holiday's rule speaks alone");
    assert_eq!(open(&named, "2026-02-17T11:00"), Some(true));
    assert_eq!(open(&named, "2026-01-04T11:00"), Some(false), "named, and closed");
}

#[test]
fn a_night_runs_on_into_a_holiday() {
    let night = schedule(r#"{"version":1,"rules":[{"kinds":["workday"],"spans":["18:00-02:00"]}]}"#);
    // 2026-09-24 is a working Thursday, the 25th the first day off.
    assert_eq!(open(&night, "2026-09-25T01:59"), Some(true));
    assert_eq!(open(&night, "2026-09-25T02:00"), Some(false));
    assert_eq!(open(&night, "2026-09-25T19:00"), Some(false));
    let state = night.state_at(at("2026-09-24T23:00"), &Calendar::shipped());
    assert_eq!(state.next_change, Some(at("2026-09-25T02:00")));
}

#[test]
fn the_shortest_exception_wins_and_the_newest_among_equals() {
    let hours = schedule(
        r#"{"version":1,"rules":[{"kinds":["workday","weekend"],"spans":["09:00-17:00"]}],"exceptions":[
        {"from":"2026-03-09","to":"2026-03-15","spans":[],"reason":"检修"},
        {"from":"2026-03-11","to":"2026-03-11","spans":["10:00-12:00"],"reason":"开放日"},
        {"from":"2026-03-12","to":"2026-03-12","spans":["10:00-11:00"]},
        {"from":"2026-03-12","to":"2026-03-12","spans":["14:00-15:00"]}]}"#,
    );
    assert_eq!(open(&hours, "2026-03-10T10:00"), Some(false));
    assert_eq!(open(&hours, "2026-03-11T10:00"), Some(true));
    assert_eq!(open(&hours, "2026-03-12T10:30"), Some(false));
    assert_eq!(open(&hours, "2026-03-12T14:30"), Some(true));
    let state = hours.state_at(at("2026-03-13T10:00"), &Calendar::shipped());
    assert_eq!(state.reason.as_deref(), Some("检修"));
    assert_eq!((state.open, state.next_change), (Some(false), Some(at("2026-03-16T09:00"))));
}

#[test]
fn unknown_is_not_closed() {
    let calendar = Calendar::shipped();
    assert_eq!(Schedule::default().state_at(at("2026-03-13T10:00"), &calendar).open, None);
    let summer = schedule(
        r#"{"version":1,"rules":[{"kinds":["workday"],"spans":["09:00-17:00"],"valid_from":"2026-06-01","valid_to":"2026-08-31"}]}"#,
    );
    assert_eq!(open(&summer, "2026-05-29T10:00"), None);
    assert_eq!(open(&summer, "2026-06-01T10:00"), Some(true));
}

#[test]
fn round_the_clock_has_no_next_change() {
    let always = schedule(
        r#"{"version":1,"on_holidays":"as_weekday","rules":[{"kinds":["workday","weekend"],"spans":["00:00-24:00"]}]}"#,
    );
    let state = always.state_at(at("2026-02-13T10:00"), &Calendar::shipped());
    assert_eq!((state.open, state.next_change, state.calendar_known), (Some(true), None, true));
}

#[test]
fn past_the_calendar_the_answer_says_so() {
    let calendar = Calendar::shipped();
    let office = schedule(OFFICE);
    assert!(!office.state_at(at("2027-01-04T10:00"), &calendar).calendar_known);
    // New Year's Eve is known, the next opening is not.
    let eve = office.state_at(at("2026-12-31T18:00"), &calendar);
    assert_eq!((eve.next_change, eve.calendar_known), (Some(at("2027-01-01T09:00")), false));
}

#[test]
fn every_wrong_field_is_named() {
    let hours = Hours {
        version: 1,
        rules: vec![Rule {
            spans: vec!["09:00-12:00".parse().unwrap(), "11:00-13:00".parse().unwrap()],
            ..Rule::default()
        }],
        exceptions: vec![Exception {
            from: "2026-03-02".parse().unwrap(),
            to: "2026-03-01".parse().unwrap(),
            spans: vec![],
            reason: Some(" ".into()),
        }],
        ..Hours::default()
    };
    let refusal = Schedule::new(hours).unwrap_err();
    let fields: Vec<_> = refusal.errors.iter().map(|e| e.field.as_str()).collect();
    assert_eq!(fields, ["rules[0]", "rules[0].spans[1]", "exceptions[0].to", "exceptions[0].reason"]);
}

#[test]
fn the_form_is_strict_and_comes_back_as_written() {
    let hours = schedule(MON_TO_FRI);
    let text = serde_json::to_string(&hours).unwrap();
    assert_eq!(schedule(&text), hours);
    for bad in ["24:00-25:00", "9:00-17:00", "09:60-10:00", "09:00", "09:00-1７:00"] {
        assert!(bad.parse::<Span>().is_err(), "{bad}");
    }
    for good in ["00:00-24:00", "18:00-02:00", "10:00-10:00", "10:00-24:00"] {
        assert_eq!(good.parse::<Span>().unwrap().to_string(), good);
    }
    assert!(serde_json::from_str::<Schedule>(r#"{"version":1,"rules":[],"extra":1}"#).is_err());
}

/// The rules once more, minute by minute and without any cleverness.
mod reference {
    use super::*;

    fn spans(hours: &Hours, date: NaiveDate, calendar: &Calendar) -> Option<Vec<Span>> {
        let mut best: Option<&Exception> = None;
        for exception in &hours.exceptions {
            if exception.from <= date && date <= exception.to {
                let length = |e: &Exception| e.to - e.from;
                if best.is_none_or(|kept| length(exception) <= length(kept)) {
                    best = Some(exception);
                }
            }
        }
        if let Some(exception) = best {
            return Some(exception.spans.clone());
        }
        let valid: Vec<_> = hours
            .rules
            .iter()
            .filter(|r| r.valid_from.is_none_or(|d| date >= d) && r.valid_to.is_none_or(|d| date <= d))
            .collect();
        if valid.is_empty() {
            return None;
        }
        let of = |rules: Vec<&&Rule>| rules.iter().flat_map(|r| r.spans.clone()).collect::<Vec<_>>();
        let weekday = |n: u32| Weekday::ALL[n as usize];
        let n = date.weekday().num_days_from_monday();
        let on = |r: &Rule, n| r.weekdays.is_empty() || r.weekdays.contains(weekday(n));
        let is = |r: &Rule, kind| r.kinds.is_empty() || r.kinds.contains(kind);
        let plain = if n >= 5 { DayKind::Weekend } else { DayKind::Workday };
        let by_weekday = || of(valid.iter().filter(|r| is(r, plain) && on(r, n)).collect());
        let kind = calendar.kind(date);
        let naming: Vec<_> = valid.iter().filter(|r| r.kinds.contains(kind) && on(r, n)).collect();
        Some(match kind {
            DayKind::Workday | DayKind::Weekend => by_weekday(),
            _ if !naming.is_empty() => of(naming),
            DayKind::Holiday if hours.on_holidays == HolidayPolicy::Closed => vec![],
            DayKind::Holiday => by_weekday(),
            DayKind::MakeUpWorkday if hours.on_make_up_workdays == MakeUpPolicy::AsWeekday => by_weekday(),
            DayKind::MakeUpWorkday => {
                let stand_in = if n == 6 { 0 } else { 4 };
                let like =
                    |n| valid.iter().filter(|r| is(r, DayKind::Workday) && on(r, n)).collect::<Vec<_>>();
                if like(stand_in).is_empty() { of(like(n)) } else { of(like(stand_in)) }
            }
        })
    }

    pub(super) fn open(hours: &Hours, now: DateTime<Utc>, calendar: &Calendar) -> Option<bool> {
        let (date, minute) = (local_date(now), local_minute(now));
        let yesterday = spans(hours, date.pred_opt().unwrap(), calendar).unwrap_or_default();
        if yesterday.iter().any(|s| minute + 1440 >= s.start() && minute + 1440 < s.end()) {
            return Some(true);
        }
        let today = spans(hours, date, calendar)?;
        Some(today.iter().any(|s| s.start() <= minute && minute < s.end()))
    }
}

fn any_spans() -> impl Strategy<Value = Vec<Span>> {
    // Every second span lies on the hour, so that spans of neighbouring days touch often.
    let one = (0u16..24, 0u16..=24).prop_map(|(a, b)| Span::new(a * 60, b * 60).unwrap());
    let odd = (0u16..1440, 0u16..=1440).prop_map(|(a, b)| Span::new(a, b).unwrap());
    prop_oneof![
        Just(vec![]),
        one.clone().prop_map(|s| vec![s]),
        odd.prop_map(|s| vec![s]),
        (one.clone(), one).prop_map(|(a, b)| if a.end() <= b.start() { vec![a, b] } else { vec![a] }),
    ]
}

fn february(day: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 2, 1).unwrap() + chrono::Days::new(day)
}

prop_compose! {
    fn any_rule()(kinds in 0u8..16, weekdays in 0u8..128, spans in any_spans(), from in 0u64..40, to in 0u64..40, bounded in 0u8..4) -> Rule {
        let kinds: WordSet<DayKind> = DayKind::ALL.iter().copied().filter(|k| kinds & (1 << k.index()) != 0).collect();
        let weekdays: WordSet<Weekday> = Weekday::ALL.iter().copied().filter(|d| weekdays & (1 << d.index()) != 0).collect();
        let weekdays = if kinds.is_empty() && weekdays.is_empty() { Weekday::ALL.iter().copied().collect() } else { weekdays };
        let (from, to) = (from.min(to), from.max(to));
        Rule { kinds, weekdays, spans, valid_from: (bounded == 0).then(|| february(from)), valid_to: (bounded <= 1).then(|| february(to)) }
    }
}

prop_compose! {
    fn any_hours()(
        rules in prop::collection::vec(any_rule(), 0..5),
        exceptions in prop::collection::vec((0u64..40, 0u64..6, any_spans()), 0..4),
        closed in any::<bool>(), as_workday in any::<bool>(),
    ) -> Hours {
        let exceptions = exceptions.into_iter().map(|(from, days, spans)| Exception {
            from: february(from), to: february(from + days), spans, reason: None,
        }).collect();
        Hours {
            version: 1, rules, exceptions,
            on_holidays: if closed { HolidayPolicy::Closed } else { HolidayPolicy::AsWeekday },
            on_make_up_workdays: if as_workday { MakeUpPolicy::AsWorkday } else { MakeUpPolicy::AsWeekday },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn it_agrees_with_the_reference_minute_by_minute(hours in any_hours(), first in 0u64..35) {
        let calendar = Calendar::shipped();
        let schedule = Schedule::new(hours.clone()).unwrap();
        let start = instant(february(first), 0);
        let reference: Vec<_> = (0..3 * 1440i64)
            .map(|m| reference::open(&hours, start + chrono::TimeDelta::minutes(m), &calendar))
            .collect();
        for (minute, expected) in (0i64..).zip(&reference).take(2 * 1440) {
            let now = start + chrono::TimeDelta::minutes(minute);
            prop_assert_eq!(schedule.is_open_at(&Moment::new(now, &calendar)), *expected);
        }
        for minute in (0..1440usize).step_by(97) {
            let now = start + chrono::TimeDelta::minutes(minute as i64);
            let state = schedule.state_at(now, &calendar);
            let Some(is_open) = state.open else { continue };
            // The first minute at which the reference is surely the opposite.
            let changed = reference[minute..].iter().position(|open| *open == Some(!is_open));
            let unknown = reference[minute..].iter().position(Option::is_none);
            let Some(changed) = changed else { continue };
            if unknown.is_none_or(|unknown| changed < unknown) {
                prop_assert_eq!(state.next_change, Some(now + chrono::TimeDelta::minutes(changed as i64)));
            }
        }
    }
}
