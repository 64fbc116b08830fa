//! Opening hours as one cell of a table, the way people write them on a door.
//!
//! ```text
//! 工作日 08:30-11:30,13:30-17:00; 周末 09:00-16:00; 法定节假日 休
//! 每天 18:00-次日02:00; 2026-02-15..2026-02-23 休 (春节)
//! [2026-06-01..2026-08-31] 周六、周日 08:00-20:00; 法定节假日照常
//! ```
//!
//! Entries stand between `;` and are rules, dated exceptions (a date first) or
//! one of two policies. Closing before opening is refused unless it says 次日,
//! because a forgotten digit is likelier than a bar. Invariant: what [`print`]
//! writes, [`parse`] reads back equal.

use chrono::NaiveDate;

use crate::{
    Refusal,
    calendar::DayKind,
    hours::{Exception, HolidayPolicy, Hours, MakeUpPolicy, Rule, Schedule, Span, Weekday},
    refusal::FieldErrors,
    time::DAY_MINUTES,
    vocabulary::{Vocabulary, WordSet},
};

const EVERY_DAY: &str = "每天";
const CLOSED: &str = "休";
const NEXT_DAY: &str = "次日";
const ON_HOLIDAYS: &str = "法定节假日照常";
const ON_MAKE_UP_WORKDAYS: &str = "调休上班按周末";

/// Reads the cell; an empty one means that the hours are not known.
pub fn parse(text: &str) -> Result<Schedule, Refusal> {
    let mut hours = Hours::default();
    let mut errors = FieldErrors::new();
    let entries = entries(text);
    for (index, entry) in entries.iter().enumerate() {
        if read_entry(entry, &mut hours).is_none() {
            errors.add(
                format!("[{index}]"),
                "hours_syntax",
                format!("第{}段开放时间无法识别，例：工作日 08:30-17:00; 法定节假日 休", index + 1),
                format!(
                    "Entry {} is not understood; for instance: workday 08:30-17:00; holiday closed",
                    index + 1
                ),
            );
        }
    }
    errors.finish()?;
    Schedule::new(hours)
}

/// Writes hours as [`parse`] reads them.
pub fn print(schedule: &Schedule) -> String {
    let hours = schedule.hours();
    let mut entries: Vec<String> = hours.rules.iter().map(print_rule).collect();
    entries.extend(hours.exceptions.iter().map(print_exception));
    if hours.on_holidays == HolidayPolicy::AsWeekday {
        entries.push(ON_HOLIDAYS.to_owned());
    }
    if hours.on_make_up_workdays == MakeUpPolicy::AsWeekday {
        entries.push(ON_MAKE_UP_WORKDAYS.to_owned());
    }
    entries.join("; ")
}

/// Splits at `;`, `；` and line ends, and undoes the backslashes that protect them in a reason.
fn entries(text: &str) -> Vec<String> {
    let mut entries = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let written = match c {
            ';' | '；' | '\n' => None,
            '\\' => chars.next().map(|protected| if protected == 'n' { '\n' } else { protected }),
            c => Some(c),
        };
        match (written, entries.last_mut()) {
            (Some(c), Some(entry)) => entry.push(c),
            _ => entries.push(String::new()),
        }
    }
    entries.retain(|entry| !entry.trim().is_empty());
    entries
}

fn read_entry(entry: &str, hours: &mut Hours) -> Option<()> {
    let entry = entry.trim();
    match entry {
        ON_HOLIDAYS | "节假日照常" => hours.on_holidays = HolidayPolicy::AsWeekday,
        ON_MAKE_UP_WORKDAYS => hours.on_make_up_workdays = MakeUpPolicy::AsWeekday,
        _ if entry.starts_with(|c: char| c.is_ascii_digit()) => hours.exceptions.push(read_exception(entry)?),
        _ => hours.rules.push(read_rule(entry)?),
    }
    Some(())
}

fn read_rule(entry: &str) -> Option<Rule> {
    let (period, rest) = match entry.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("..", entry),
    };
    let (from, to) = period.split_once("..")?;
    let (days, spans) = rest.trim().split_once(char::is_whitespace)?;
    let (kinds, weekdays) = read_days(days)?;
    Some(Rule {
        kinds,
        weekdays,
        spans: read_spans(spans)?,
        valid_from: read_date(from)?,
        valid_to: read_date(to)?,
    })
}

/// An empty text is an open end.
#[expect(clippy::option_option, reason = "no date and a bad date are different answers")]
fn read_date(text: &str) -> Option<Option<NaiveDate>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

fn read_exception(entry: &str) -> Option<Exception> {
    let (days, rest) = entry.split_once(char::is_whitespace)?;
    let (from, to) = days.split_once("..").unwrap_or((days, days));
    let (spans, reason) = match rest.split_once('(') {
        Some((spans, reason)) => (spans, Some(reason.strip_suffix(')')?.to_owned())),
        None => (rest, None),
    };
    Some(Exception { from: from.parse().ok()?, to: to.parse().ok()?, spans: read_spans(spans)?, reason })
}

/// `工作日`, `周一至周五`, `周六、周日`, or both kinds as `工作日且周五`.
fn read_days(text: &str) -> Option<(WordSet<DayKind>, WordSet<Weekday>)> {
    let (mut kinds, mut weekdays) = (WordSet::EMPTY, WordSet::EMPTY);
    for word in text.split(['、', ',', '，', '且']) {
        if let Some(kind) = read_kind(word) {
            kinds.insert(kind);
        } else if matches!(word, EVERY_DAY | "daily") {
            weekdays = Weekday::ALL.iter().copied().collect();
        } else {
            let (first, last) = word.split_once(['至', '-']).unwrap_or((word, word));
            let (first, last) = (read_weekday(first)?.index(), read_weekday(last)?.index());
            let days = (last + 7 - first) % 7;
            Weekday::ALL.iter().cycle().skip(first).take(days + 1).for_each(|day| weekdays.insert(*day));
        }
    }
    // Without 且, a list of both would be read as "and" where people mean "or".
    let both = !kinds.is_empty() && !weekdays.is_empty();
    (both == text.contains('且')).then_some((kinds, weekdays))
}

fn read_kind(word: &str) -> Option<DayKind> {
    let labelled = DayKind::ALL.iter().copied().find(|kind| kind.zh() == word);
    labelled.or_else(|| DayKind::parse(word)).or(match word {
        "节假日" => Some(DayKind::Holiday),
        "调休" => Some(DayKind::MakeUpWorkday),
        "双休日" => Some(DayKind::Weekend),
        _ => None,
    })
}

fn read_weekday(word: &str) -> Option<Weekday> {
    let day = word.strip_prefix("星期").map(|rest| format!("周{rest}"));
    let word = match day.as_deref().unwrap_or(word) {
        "周天" => "周日",
        word => word,
    };
    Weekday::ALL.iter().copied().find(|day| day.zh() == word).or_else(|| Weekday::parse(word))
}

fn read_spans(text: &str) -> Option<Vec<Span>> {
    match text.trim() {
        CLOSED | "休息" | "不开放" | "closed" => Some(Vec::new()),
        "全天" | "24h" => Some(vec![Span::parse("00:00", "24:00").ok()?]),
        spans => spans.split([',', '，', '、']).map(|span| read_span(span.trim())).collect(),
    }
}

fn read_span(text: &str) -> Option<Span> {
    let text = text.replace('：', ":");
    let (opens, closes) = text.split_once(['-', '–', '—', '~', '～', '至'])?;
    let next_day = closes.strip_prefix(NEXT_DAY).or_else(|| closes.strip_suffix("+1"));
    let span = Span::parse(&two_digits(opens), &two_digits(next_day.unwrap_or(closes))).ok()?;
    (next_day.is_some() == (span.end() > DAY_MINUTES)).then_some(span)
}

/// People write `8:30`.
fn two_digits(clock: &str) -> String {
    let clock = clock.trim();
    if clock.len() == 4 { format!("0{clock}") } else { clock.to_owned() }
}

fn print_rule(rule: &Rule) -> String {
    let kinds = rule.kinds.iter().map(Vocabulary::zh).collect::<Vec<_>>().join("、");
    let weekdays = print_weekdays(rule.weekdays);
    let and = if kinds.is_empty() || weekdays.is_empty() { "" } else { "且" };
    let date = |date: Option<NaiveDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let period = match (rule.valid_from, rule.valid_to) {
        (None, None) => String::new(),
        (from, to) => format!("[{}..{}] ", date(from), date(to)),
    };
    format!("{period}{kinds}{and}{weekdays} {}", print_spans(&rule.spans))
}

fn print_weekdays(days: WordSet<Weekday>) -> String {
    let mut runs: Vec<(Weekday, Weekday)> = Vec::new();
    for day in days.iter() {
        match runs.last_mut() {
            Some((_, last)) if last.index() + 1 == day.index() => *last = day,
            _ => runs.push((day, day)),
        }
    }
    if let [(Weekday::Monday, Weekday::Sunday)] = *runs {
        return EVERY_DAY.to_owned();
    }
    let run = |(first, last): (Weekday, Weekday)| match last.index() - first.index() {
        0 => first.zh().to_owned(),
        1 => format!("{}、{}", first.zh(), last.zh()),
        _ => format!("{}至{}", first.zh(), last.zh()),
    };
    runs.into_iter().map(run).collect::<Vec<_>>().join("、")
}

fn print_exception(exception: &Exception) -> String {
    let mut text = exception.from.to_string();
    if exception.to != exception.from {
        text = format!("{text}..{}", exception.to);
    }
    text = format!("{text} {}", print_spans(&exception.spans));
    if let Some(reason) = &exception.reason {
        text.push_str(" (");
        for c in reason.chars() {
            match c {
                '\n' => text.push_str("\\n"),
                '\\' | ';' | '；' => text.extend(['\\', c]),
                c => text.push(c),
            }
        }
        text.push(')');
    }
    text
}

fn print_spans(spans: &[Span]) -> String {
    if spans.is_empty() {
        return CLOSED.to_owned();
    }
    let print = |span: &Span| {
        let next_day = if span.end() > DAY_MINUTES { NEXT_DAY } else { "" };
        format!("{}-{next_day}{}", span.opens(), span.closes())
    };
    spans.iter().map(print).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*, sample::subsequence};

    use super::*;

    #[test]
    fn what_people_write_on_a_door_is_understood() {
        for (written, canonical) in [
            ("", ""),
            (
                "工作日 8:30-17:00；周末 09：00—16：00; 节假日 休息",
                "工作日 08:30-17:00; 周末 09:00-16:00; 法定节假日 休",
            ),
            ("周一至周五 08:30-11:30，13:30-17:00", "周一至周五 08:30-11:30,13:30-17:00"),
            ("星期六、星期天 全天", "周六、周日 00:00-24:00"),
            ("周六至周一 09:00-12:00", "周一、周六、周日 09:00-12:00"),
            ("daily 18:00-02:00+1\nholiday closed", "每天 18:00-次日02:00; 法定节假日 休"),
            ("mon-sun 09:00-17:00;节假日照常", "每天 09:00-17:00; 法定节假日照常"),
            ("工作日且周五 09:00-12:00", "工作日且周五 09:00-12:00"),
            ("2026-02-15..2026-02-23 休 (春节 (含除夕))", "2026-02-15..2026-02-23 休 (春节 (含除夕))"),
            ("[2026-06-01..] 周末 08:00-20:00", "[2026-06-01..] 周末 08:00-20:00"),
        ] {
            assert_eq!(print(&parse(written).unwrap()), canonical, "{written}");
        }
    }

    #[test]
    fn a_slip_is_refused_with_the_entry_it_is_in() {
        for slip in [
            "工作日",
            "工作日 08:30",
            "上班时间 08:30-17:00",
            "工作日 17:00-08:30",
            "工作日 08:30-次日17:00",
            "工作日、周五 08:30-17:00",
            "2026-02-30 休",
            "2026-02-15 休 (春节",
            "[2026-06-01] 周末 08:00-20:00",
        ] {
            let refusal = parse(&format!("周末 09:00-16:00; {slip}")).unwrap_err();
            assert_eq!(
                (&*refusal.errors[0].field, refusal.errors[0].code),
                ("[1]", "hours_syntax"),
                "{slip}"
            );
        }
        // What the schedule itself refuses keeps its own place and code.
        let refusal = parse("工作日 08:00-12:00,11:00-13:00").unwrap_err();
        assert_eq!((&*refusal.errors[0].field, refusal.errors[0].code), ("rules[0].spans[1]", "overlap"));
    }

    fn date() -> impl Strategy<Value = NaiveDate> {
        (0_i64..2000).prop_map(|n| NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + chrono::TimeDelta::days(n))
    }

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        let one =
            (0..1440_u16, 0..=1440_u16).prop_map(|(opens, closes)| vec![Span::new(opens, closes).unwrap()]);
        let two = (0..600_u16, 600..1440_u16, 1..60_u16).prop_map(|(a, b, gap)| {
            vec![Span::new(b, (b + gap).min(1440)).unwrap(), Span::new(a, a + 1).unwrap()]
        });
        prop_oneof![Just(Vec::new()), one, two]
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let kinds = subsequence(DayKind::ALL.to_vec(), 0..=4);
        let weekdays = subsequence(Weekday::ALL.to_vec(), 0..=7);
        (kinds, weekdays, spans(), option::of(date()), option::of(0_i64..300)).prop_filter_map(
            "names days",
            |(kinds, weekdays, spans, valid_from, days)| {
                let valid_to = valid_from.zip(days).map(|(from, days)| from + chrono::TimeDelta::days(days));
                (!kinds.is_empty() || !weekdays.is_empty()).then(|| Rule {
                    kinds: kinds.into_iter().collect(),
                    weekdays: weekdays.into_iter().collect(),
                    spans,
                    valid_from,
                    valid_to,
                })
            },
        )
    }

    fn exception() -> impl Strategy<Value = Exception> {
        (date(), 0_i64..300, spans(), option::of("[a-z();；\\\\\n春 ]{0,12}x")).prop_map(
            |(from, days, spans, reason)| Exception {
                from,
                to: from + chrono::TimeDelta::days(days),
                spans,
                reason,
            },
        )
    }

    proptest! {
        #[test]
        fn whatever_hours_hold_is_read_back_equal(
            rules in vec(rule(), 0..5),
            exceptions in vec(exception(), 0..4),
            on_holidays in prop::sample::select(HolidayPolicy::ALL),
            on_make_up_workdays in prop::sample::select(MakeUpPolicy::ALL),
        ) {
            let hours = Hours { version: 1, rules, exceptions, on_holidays, on_make_up_workdays };
            let schedule = Schedule::new(hours).unwrap();
            let text = print(&schedule);
            prop_assert_eq!(parse(&text).unwrap(), schedule, "{}", text);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            let _ = parse(&text);
        }
    }
}
