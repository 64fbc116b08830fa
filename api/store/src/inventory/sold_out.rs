//! The sold-out cache: repeats a refusal for a moment without leaving the process.
//!
//! Never past `lapses_at`, and never to a request whose own claim or hold is or was on the stock. While it
//! repeats, the gate gives nobody more than what it says is left; so it never refuses a retry of what was
//! given elsewhere meanwhile. What SQL refused carries no such promise and is `partial`.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use linli_domain::ids::StockId;

use super::{
    engine::Asked,
    gate::{Asking, Refused},
};

/// How long a refusal is repeated, unless the configuration says otherwise.
pub(super) const REPEATED: Duration = Duration::from_millis(200);
/// A refusal with more digests than this is not worth keeping.
const MAX_KNOWN: usize = 256;
/// Entries per shard; a full shard is swept.
const MAX_ENTRIES: usize = 1_024;
const SHARDS: usize = 16;

type Shard = HashMap<StockId, Entry>;

/// What was refused, and how long that is repeated: shorter than it says, when it came free here.
struct Entry {
    refused: Arc<Refused>,
    until: Instant,
}

/// Refusals of the last moment.
pub(super) struct SoldOut {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    repeated: Duration,
}

impl SoldOut {
    pub(super) fn new(repeated: Duration) -> Self {
        Self { shards: Default::default(), hasher: RandomState::new(), repeated }
    }

    /// How long a refusal may be repeated.
    pub(super) const fn repeated(&self) -> Duration {
        self.repeated
    }

    /// The refusal that was repeated when the request arrived or since, if it concerns it.
    pub(super) fn refuses(&self, asking: &Asking, asked: &Asked) -> Option<Arc<Refused>> {
        let mut found = None;
        for need in asked.values().flatten() {
            let shard = self.shard(need.stock);
            let Some(Entry { refused, until }) = shard.get(&need.stock) else { continue };
            if asking.since >= *until || refused.lapses_at.is_some_and(|at| at <= asking.arrived) {
                continue;
            }
            if refused.known.contains(&asking.digest) {
                return None;
            }
            if refused.free < need.units {
                found = Some(Arc::clone(refused));
            }
        }
        found
    }

    /// Remembers a refusal.
    pub(super) fn remember(&self, refused: Arc<Refused>) {
        let now = Instant::now();
        if refused.known.len() > MAX_KNOWN || refused.until <= now {
            return;
        }
        let mut shard = self.shard(refused.stock);
        if shard.len() >= MAX_ENTRIES {
            shard.retain(|_, entry| entry.until > now);
        }
        if shard.len() < MAX_ENTRIES {
            shard.insert(refused.stock, Entry { until: refused.until, refused });
        }
    }

    /// Repeats what was said of `stock` to nobody who comes from now on.
    pub(super) fn forget(&self, stock: StockId) {
        if let Some(entry) = self.shard(stock).get_mut(&stock) {
            entry.until = entry.until.min(Instant::now());
        }
    }

    fn shard(&self, stock: StockId) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(stock);
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use linli_domain::inventory::{KeyDigest, Need, Shortage, Tag};
    use uuid::Uuid;

    fn stock() -> StockId {
        Uuid::from_u128(1).into()
    }

    fn asking(digest: u8, now: DateTime<Utc>) -> Asking {
        Asking {
            digest: KeyDigest([digest; 16]),
            now,
            since: Instant::now(),
            arrived: now,
            repeated: REPEATED,
        }
    }

    fn refuses(cache: &SoldOut, asking: &Asking, units: u32) -> bool {
        let needs = vec![Need { stock: stock(), units }];
        cache.refuses(asking, &Asked::from([(Tag::from("t".to_owned()), needs)])).is_some()
    }

    fn refused(free: u32, known: u8, lapses_at: Option<DateTime<Utc>>) -> Refused {
        Refused {
            stock: stock(),
            shortage: Shortage::SoldOut,
            free,
            lapses_at,
            until: Instant::now() + REPEATED,
            known: vec![KeyDigest([known; 16])],
            partial: false,
        }
    }

    #[test]
    fn repeats_a_refusal_but_not_to_its_holder_nor_after_a_lapse_nor_for_long() {
        let now = DateTime::UNIX_EPOCH;
        let lapse = now + chrono::Duration::seconds(5);
        let cache = SoldOut::new(REPEATED);
        assert!(!refuses(&cache, &asking(1, now), 1));
        cache.remember(Arc::new(refused(1, 7, Some(lapse))));
        assert!(refuses(&cache, &asking(1, now), 2));
        assert!(!refuses(&cache, &asking(1, now), 1), "one unit is free");
        assert!(!refuses(&cache, &asking(7, now), 2), "a retry wins over a refusal");
        assert!(!refuses(&cache, &asking(1, lapse), 2), "it came after the lapse");
        cache.remember(Arc::new(refused(0, 7, None)));
        std::thread::sleep(REPEATED);
        assert!(!refuses(&cache, &asking(1, now), 2));
        cache.remember(Arc::new(Refused { until: Instant::now(), ..refused(0, 7, None) }));
        assert!(!refuses(&cache, &asking(1, now), 2));
    }

    #[test]
    fn who_came_while_it_was_repeated_is_refused_also_afterwards() {
        let now = DateTime::UNIX_EPOCH;
        let cache = SoldOut::new(REPEATED);
        cache.remember(Arc::new(refused(0, 7, None)));
        let before = asking(1, now);
        cache.forget(stock());
        let after = asking(1, now);
        assert!(refuses(&cache, &before, 1), "a retry of it may have been refused elsewhere");
        assert!(!refuses(&cache, &after, 1));
    }
}
