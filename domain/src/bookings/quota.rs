//! Quota rules 限额: how much one resident or household may book, as data that staff write.
//!
//! A rule becomes one counter per holder and window; the inventory engine counts, in the transaction
//! that books, so no number of parallel requests and no second door gets past it.

use chrono::{DateTime, Utc};

use super::{Times, message};
use crate::{
    Code, Refusal,
    ids::{HouseholdId, QuotaRuleId, ResidentId, SlotId},
    inventory::{Period, QuotaNeed},
    time::local_date,
    vocabulary::{Vocabulary, vocabulary},
};

/// How many rules may apply to one room.
pub const MAX_RULES: usize = 12;

/// Largest limit of a rule.
pub const MAX_LIMIT: u32 = 100_000;

vocabulary! {
    /// Whose bookings a rule counts together.
    QuotaSubject {
        Resident, "resident", "每人", "Each resident";
        Household, "household", "每户", "Each household";
    }
}

vocabulary! {
    /// What a rule counts.
    QuotaMeasure {
        Count, "count", "次数", "Bookings";
        Minutes, "minutes", "分钟", "Minutes";
    }
}

vocabulary! {
    /// Where the bookings are that a rule counts.
    QuotaOver {
        Room, "room", "一个房间", "One room";
        Facility, "facility", "一个设施", "The rooms of a facility";
        ServiceArea, "service_area", "一个片区", "The rooms of a service area";
        Organisation, "organisation", "一个机构及下属", "An organisation and everything below it";
    }
}

/// A rule, as far as counting goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Id.
    pub id: QuotaRuleId,
    /// What it is called, in Chinese.
    pub name_zh: String,
    /// The same in English, if staff wrote it.
    pub name_en: Option<String>,
    /// Whose bookings.
    pub subject: QuotaSubject,
    /// QuotaOver which span.
    pub period: Period,
    /// Counted how.
    pub measure: QuotaMeasure,
    /// At most so much.
    pub limit: u32,
    /// Whether a booking that is cancelled late still counts.
    pub late_cancel_counts: bool,
}

/// Whom a booking counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Who comes.
    pub resident: ResidentId,
    /// Their verified household.
    pub household: Option<HouseholdId>,
}

impl Rule {
    /// The counter of `holder`.
    pub fn key(&self, holder: Holder) -> String {
        let (kind, id) = match (self.subject, holder.household) {
            (QuotaSubject::Resident, _) => ("resident", holder.resident.0),
            (QuotaSubject::Household, Some(household)) => ("household", household.0),
            (QuotaSubject::Household, None) => ("alone", holder.resident.0),
        };
        format!("rule:{}:{kind}:{id}", self.id)
    }

    fn units(&self, (starts_at, ends_at): Times) -> u32 {
        match self.measure {
            QuotaMeasure::Count => 1,
            QuotaMeasure::Minutes => {
                u32::try_from((ends_at - starts_at).num_minutes()).unwrap_or(u32::MAX).max(1)
            }
        }
    }

    /// The window that a booking at `times` counts in: that of the local date it starts on.
    pub fn window(&self, starts_at: DateTime<Utc>) -> String {
        self.period.window(local_date(starts_at))
    }
}

/// What a booking of `holder` at `times` counts against.
pub fn needs(rules: &[Rule], holder: Holder, times: Times) -> Vec<QuotaNeed> {
    let need = |rule: &Rule| QuotaNeed {
        key: rule.key(holder),
        window: rule.window(times.0),
        units: rule.units(times),
        limit: rule.limit,
    };
    rules.iter().map(need).collect()
}

/// Of a shared slot with `capacity` units, what may go through the online door.
///
/// The rest is for those who call or come. `None` when nothing is kept back.
pub fn online_share(
    slot: SlotId,
    capacity: u32,
    reserved: u16,
    units: u32,
    at: DateTime<Utc>,
) -> Option<QuotaNeed> {
    let limit = capacity.saturating_sub(reserved.into());
    (reserved > 0).then(|| QuotaNeed {
        key: share_key(slot),
        window: Period::Day.window(local_date(at)),
        units,
        limit,
    })
}

/// Of a shared slot with `seats`, what is left for those who book online, of whom `used` took theirs.
pub fn online_left(seats: u32, reserved: u16, used: u32) -> u32 {
    seats.saturating_sub(reserved.into()).saturating_sub(used)
}

const SHARE: &str = "share:";

/// The counter of what went through the online door of a shared slot.
pub fn share_key(slot: SlotId) -> String {
    format!("{SHARE}{slot}")
}

/// The refusal of a booking at `times` because the counter `key` stands at `used`.
pub fn refuse(rules: &[Rule], key: &str, used: u32, times: Times, now: DateTime<Utc>) -> Refusal {
    if key.starts_with(SHARE) {
        return Code::OnlineShareFull.into();
    }
    let id = rule_of(key);
    match rules.iter().find(|rule| Some(rule.id.to_string().as_str()) == id) {
        Some(rule) => {
            let (zh, en) = explain(rule, used, times, now);
            let quota = serde_json::json!({
                "rule_id": rule.id,
                "per": rule.subject.as_str(),
                "period": rule.period.as_str(),
                "measure": rule.measure.as_str(),
                "window": rule.window(times.0),
                "used": used,
                "limit": rule.limit,
            });
            Refusal::new(Code::QuotaExhausted).with_detail(zh, en).with_extra("quota", quota)
        }
        None => Code::QuotaExhausted.into(),
    }
}

/// Says in a refusal which bookings use the quota up, when they start: as far as the caller may know them.
#[must_use]
pub fn name_bookings(refusal: Refusal, starts: &[DateTime<Utc>]) -> Refusal {
    let Some((zh, en)) = refusal.detail.clone().filter(|_| !starts.is_empty()) else { return refusal };
    let told = starts.iter().take(MOST_NAMED);
    let (in_zh, in_en): (Vec<_>, Vec<_>) =
        told.map(|at| (message::when_zh(*at, None), message::when_en(*at, None))).unzip();
    refusal.with_detail(
        format!("{zh}（已约：{}）", in_zh.join("、")),
        format!("{en} (booked: {})", in_en.join("; ")),
    )
}

/// How many bookings a sentence names.
const MOST_NAMED: usize = 4;

/// The rule whose counter `key` names; `None` for a counter that is no rule's.
pub fn rule_of(key: &str) -> Option<&str> {
    key.strip_prefix("rule:")?.split(':').next()
}

/// `本周已用 2/2 次：…`, `2 of 2 used this week: …`.
fn explain(rule: &Rule, used: u32, times: Times, now: DateTime<Utc>) -> (String, String) {
    let current = rule.window(times.0) == rule.window(now);
    let (when_zh, when_en) = match (rule.period, current) {
        (Period::Day, true) => ("今天", "today"),
        (Period::Day, false) => ("当天", "that day"),
        (Period::IsoWeek, true) => ("本周", "this week"),
        (Period::IsoWeek, false) => ("那一周", "that week"),
        (Period::Month, true) => ("本月", "this month"),
        (Period::Month, false) => ("那个月", "that month"),
    };
    let (unit_zh, unit_en) = match rule.measure {
        QuotaMeasure::Count => ("次", ""),
        QuotaMeasure::Minutes => ("分钟", " minutes"),
    };
    let whose = match rule.subject {
        QuotaSubject::Resident => ("", ""),
        QuotaSubject::Household => ("全家", " by the household"),
    };
    let (limit, name_zh) = (rule.limit, &rule.name_zh);
    let name_en = rule.name_en.as_ref().unwrap_or(name_zh);
    let mut zh = format!("{when_zh}{}已用 {used}/{limit} {unit_zh}：{name_zh}", whose.0);
    let mut en = format!("{used} of {limit}{unit_en} used {when_en}{}: {name_en}", whose.1);
    let units = rule.units(times);
    if rule.measure == QuotaMeasure::Minutes {
        zh.push_str(&format!("；这次要 {units} 分钟"));
        en.push_str(&format!("; this one needs {units} minutes"));
    }
    (zh, en)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn rule(period: Period, measure: QuotaMeasure, limit: u32) -> Rule {
        Rule {
            id: Uuid::from_u128(7).into(),
            name_zh: "多功能厅每周两次".into(),
            name_en: Some("hall, twice a week".into()),
            subject: QuotaSubject::Resident,
            period,
            measure,
            limit,
            late_cancel_counts: true,
        }
    }

    fn times(start: &str, minutes: i64) -> Times {
        let start: DateTime<Utc> = start.parse().unwrap();
        (start, start + chrono::Duration::minutes(minutes))
    }

    const ALONE: Holder = Holder { resident: ResidentId(Uuid::from_u128(1)), household: None };

    #[test]
    fn sunday_night_and_the_half_hour_after_midnight_are_different_weeks() {
        let weekly = [rule(Period::IsoWeek, QuotaMeasure::Count, 2)];
        let window = |start| needs(&weekly, ALONE, times(start, 30))[0].window.clone();
        assert_eq!(window("2026-03-08T23:30:00+08:00"), "2026-W10");
        assert_eq!(window("2026-03-09T00:30:00+08:00"), "2026-W11");
    }

    #[test]
    fn minutes_count_by_length_and_a_household_together() {
        let daily =
            Rule { subject: QuotaSubject::Household, ..rule(Period::Day, QuotaMeasure::Minutes, 120) };
        let of = |resident: u128, household: Option<u128>| {
            let holder = Holder {
                resident: Uuid::from_u128(resident).into(),
                household: household.map(|id| Uuid::from_u128(id).into()),
            };
            needs(std::slice::from_ref(&daily), holder, times("2026-03-03T09:00:00+08:00", 90)).remove(0)
        };
        assert_eq!((of(1, Some(9)).units, of(1, Some(9)).limit), (90, 120));
        assert_eq!(of(1, Some(9)), of(2, Some(9)));
        assert_ne!(of(1, None).key, of(2, None).key);
    }

    #[test]
    fn a_refusal_says_how_much_is_used_of_what() {
        let weekly = rule(Period::IsoWeek, QuotaMeasure::Count, 2);
        let now = "2026-03-02T10:00:00+08:00".parse().unwrap();
        let wanted = times("2026-03-03T09:00:00+08:00", 60);
        let key = weekly.key(ALONE);
        let refusal = refuse(std::slice::from_ref(&weekly), &key, 2, wanted, now);
        let (zh, en) = refusal.detail.clone().unwrap();
        assert_eq!(zh, "本周已用 2/2 次：多功能厅每周两次");
        assert_eq!(en, "2 of 2 used this week: hall, twice a week");
        assert_eq!(refusal.extra["quota"]["window"], "2026-W10");
        let named = name_bookings(refusal.clone(), &[wanted.0, wanted.1]);
        let (zh, en) = named.detail.unwrap();
        let (both_zh, both_en) =
            ("3月3日星期二上午9:00、3月3日星期二上午10:00", "Tue 3 Mar, 09:00; Tue 3 Mar, 10:00");
        assert_eq!(zh, format!("本周已用 2/2 次：多功能厅每周两次（已约：{both_zh}）"));
        assert_eq!(en, format!("2 of 2 used this week: hall, twice a week (booked: {both_en})"));
        assert_eq!(name_bookings(refusal.clone(), &[]), refusal);
        let minutes = rule(Period::Day, QuotaMeasure::Minutes, 120);
        let (zh, en) = explain(&minutes, 90, wanted, now);
        assert_eq!(zh, "当天已用 90/120 分钟：多功能厅每周两次；这次要 60 分钟");
        assert!(en.starts_with("90 of 120 minutes used that day: "), "{en}");
    }

    #[test]
    fn what_is_kept_back_is_no_ones_online() {
        let slot = Uuid::from_u128(3).into();
        let at = "2026-03-03T09:00:00+08:00".parse().unwrap();
        assert_eq!(online_share(slot, 20, 0, 1, at), None);
        let share = online_share(slot, 20, 5, 2, at).unwrap();
        assert_eq!((share.limit, share.units), (15, 2));
        assert_eq!(online_share(slot, 3, 5, 1, at).unwrap().limit, 0);
        assert_eq!(refuse(&[], &share.key, 15, (at, at), at).code, Code::OnlineShareFull);
    }
}
