//! Local time: every date a person reads is a date in China Standard Time.
//!
//! China has had one zone without summer time since 1992, so a fixed offset is
//! the whole truth and no zone database is needed.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};

/// Minutes in a day.
pub const DAY_MINUTES: u16 = 24 * 60;

/// Asia/Shanghai, +08:00.
pub const ZONE: FixedOffset = match FixedOffset::east_opt(8 * 3600) {
    Some(zone) => zone,
    None => unreachable!(),
};

/// The instant as people here read it.
pub fn local(now: DateTime<Utc>) -> DateTime<FixedOffset> {
    now.with_timezone(&ZONE)
}

/// The local date.
pub fn local_date(now: DateTime<Utc>) -> NaiveDate {
    local(now).date_naive()
}

/// Minutes since local midnight, 0 to 1439.
pub fn local_minute(now: DateTime<Utc>) -> u16 {
    let time = local(now).time();
    u16::try_from(time.hour() * 60 + time.minute()).unwrap_or(0)
}

/// The instant `minute` minutes after local midnight of `date`; past 1440 it is in the next days.
pub fn instant(date: NaiveDate, minute: i32) -> DateTime<Utc> {
    let midnight = date.and_time(NaiveTime::MIN).and_utc() - TimeDelta::hours(8);
    midnight + TimeDelta::minutes(i64::from(minute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_day_begins_at_four_in_the_afternoon_utc() {
        let now = "2026-02-13T16:00:30Z".parse::<DateTime<Utc>>().unwrap();
        assert_eq!(local_date(now).to_string(), "2026-02-14");
        assert_eq!(local_minute(now), 0);
        assert_eq!(instant(local_date(now), 1500).to_rfc3339(), "2026-02-14T17:00:00+00:00");
        assert_eq!(local(now).to_rfc3339(), "2026-02-14T00:00:30+08:00");
    }
}
