//! Waiting 候补: what comes back goes to whoever waits for it first, and to the public only after them.
//!
//! The rule: those who wait are asked in the order of their tickets. Whoever can have *all* they wait for
//! is offered it; whoever cannot keeps their place and is told why; then the next is asked. Nobody new
//! gets what somebody who waits could have.

use chrono::{DateTime, Duration, Utc};

use crate::{
    time::{DAY_MINUTES, instant, local_date, local_minute},
    vocabulary::vocabulary,
};

/// How many may wait for one stock.
pub const MAX_WAITING: u32 = 100;

/// On how many lists one resident may be.
pub const MAX_PER_RESIDENT: u64 = 10;

/// How long an offer stands by day.
const STANDS: Duration = Duration::hours(2);
/// Nobody is expected to answer between nine in the evening and eight in the morning.
const QUIET: (u16, u16) = (21 * 60, 8 * 60);

vocabulary! {
    /// Where somebody who waits stands.
    WaitingState {
        Waiting, "waiting", "候补中", "Waiting";
        Offered, "offered", "已留位，待确认", "Kept for them until they accept";
        Taken, "taken", "已转为预约", "Accepted";
        Left, "left", "已退出候补", "They left";
        Declined, "declined", "已放弃名额", "They did not want it";
        Lapsed, "lapsed", "超时未确认", "They did not answer in time";
        Passed, "passed", "没有排到", "Nothing came free in time";
    }
}

vocabulary! {
    /// Why somebody was passed over though something came free.
    PassedOver {
        TooFew, "too_few_free", "空出来的不够，先让给后面的人", "What came free is not enough for all of you";
        Quota, "quota_exhausted", "您的限额已用完，暂时轮不到", "Your quota is used up at the moment";
    }
}

/// Until when what is offered at `now` is kept, for something that can be had until `closes_at`.
///
/// Two hours by day. What is offered in the evening or at night, or would lapse then, is kept until an
/// hour after the night: nobody loses their turn asleep. Never past `closes_at`.
pub fn offer_until(now: DateTime<Utc>, closes_at: DateTime<Utc>) -> DateTime<Utc> {
    let until = now + STANDS;
    let morning = |date| instant(date, i32::from(QUIET.1) + 60);
    let until = match local_minute(until) {
        minute if minute >= QUIET.0 => {
            instant(local_date(until), i32::from(DAY_MINUTES) + i32::from(QUIET.1) + 60)
        }
        minute if minute < QUIET.1 => morning(local_date(until)),
        _ => until.max(if local_minute(now) < QUIET.1 { morning(local_date(now)) } else { until }),
    };
    until.min(closes_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_stands_two_hours_and_the_night() {
        let at = |text: &str| format!("{text}:00+08:00").parse::<DateTime<Utc>>().unwrap();
        let far = at("2026-03-09T10:00");
        for (now, until) in [
            ("2026-03-02T10:00", "2026-03-02T12:00"),
            ("2026-03-02T18:59", "2026-03-02T20:59"),
            ("2026-03-02T19:00", "2026-03-03T09:00"),
            ("2026-03-02T23:30", "2026-03-03T09:00"),
            ("2026-03-03T03:00", "2026-03-03T09:00"),
            ("2026-03-03T06:30", "2026-03-03T09:00"),
            ("2026-03-03T07:59", "2026-03-03T09:59"),
        ] {
            assert_eq!(offer_until(at(now), far), at(until), "{now}");
        }
        assert_eq!(offer_until(at("2026-03-02T10:00"), at("2026-03-02T10:30")), at("2026-03-02T10:30"));
    }
}
