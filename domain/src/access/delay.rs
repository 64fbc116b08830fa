//! Lock-out by delay: guessing gets slower and slower, and nobody is ever locked out for good.

use chrono::{DateTime, Duration, Utc};

/// How delays grow for one kind of key.
#[derive(Clone, Copy, Debug)]
pub struct DelayPolicy {
    /// Attempts that cost nothing: people mistype.
    pub free: u32,
    /// The longest delay.
    pub longest: Duration,
    /// A pause as long as this forgives everything.
    pub forgiven_after: Duration,
}

/// One account (or code) from one address. Because the address belongs to the key, a stranger's
/// guesses delay the stranger and never the owner of the account.
pub const ONE_ACCOUNT: DelayPolicy =
    DelayPolicy { free: 4, longest: Duration::minutes(15), forgiven_after: Duration::hours(1) };

/// One address over all accounts: a whole office may sit behind it, so it is given more.
pub const ONE_ADDRESS: DelayPolicy =
    DelayPolicy { free: 60, longest: Duration::minutes(5), forgiven_after: Duration::minutes(30) };

/// What is remembered of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// Attempts since the last success or long pause.
    pub failures: u32,
    /// The last one.
    pub last_at: DateTime<Utc>,
    /// Until when further ones are refused unseen.
    pub blocked_until: DateTime<Utc>,
}

impl DelayPolicy {
    /// Charges one more attempt at `now` *before* it is judged, so that a thousand at once are
    /// counted as a thousand. `Err` says how long to wait; a refused attempt is not counted.
    pub fn charge(self, before: Option<Attempts>, now: DateTime<Utc>) -> Result<Attempts, Duration> {
        let before = before.filter(|attempts| now - attempts.last_at < self.forgiven_after);
        if let Some(attempts) = before.filter(|attempts| attempts.blocked_until > now) {
            return Err(attempts.blocked_until - now);
        }
        let failures = before.map_or(0, |attempts| attempts.failures).saturating_add(1);
        Ok(Attempts { failures, last_at: now, blocked_until: now + self.delay(failures) })
    }

    /// 0 for the free ones, then 1, 2, 4 … seconds up to the longest.
    fn delay(self, failures: u32) -> Duration {
        match failures.checked_sub(self.free) {
            None | Some(0) => Duration::zero(),
            Some(beyond) => Duration::seconds(1 << (beyond - 1).min(20)).min(self.longest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn the_first_are_free_then_delays_double_up_to_a_bound() {
        let mut attempts = None;
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..18 {
            let charged = ONE_ACCOUNT.charge(attempts, now).unwrap();
            waits.push((charged.blocked_until - now).num_seconds());
            now = charged.blocked_until;
            attempts = Some(charged);
        }
        assert_eq!(waits[..8], [0, 0, 0, 0, 1, 2, 4, 8]);
        assert_eq!(waits[17], 900, "never longer than a quarter of an hour");
    }

    #[test]
    fn an_early_attempt_is_told_how_long_to_wait_and_does_not_make_it_longer() {
        let blocked = Attempts { failures: 6, last_at: at(0), blocked_until: at(2) };
        assert_eq!(ONE_ACCOUNT.charge(Some(blocked), at(1)), Err(Duration::seconds(1)));
        assert_eq!(ONE_ACCOUNT.charge(Some(blocked), at(2)).unwrap().failures, 7);
    }

    #[test]
    fn a_long_pause_forgives() {
        let old = Attempts { failures: 40, last_at: at(0), blocked_until: at(900) };
        assert_eq!(ONE_ACCOUNT.charge(Some(old), at(3600)).unwrap().failures, 1);
    }
}
