//! The sold-out cache: repeats a refusal for a moment without leaving the process.
//!
//! Never past `lapses_at`, and never to a request whose own claim or hold is or was on the stock.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use linli_domain::{
    ids::StockId,
    inventory::{KeyDigest, Shortage},
};

use super::{engine::Asked, gate::Refused};

/// How long a refusal is repeated, unless the configuration says otherwise.
pub(super) const REPEATED: Duration = Duration::from_millis(200);
/// A refusal with more digests than this is not worth keeping.
const MAX_KNOWN: usize = 256;
/// Entries per shard; a full shard is swept.
const MAX_ENTRIES: usize = 1_024;
const SHARDS: usize = 16;

struct Entry {
    until: Instant,
    refused: Refused,
}

type Shard = HashMap<StockId, Entry>;

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

    /// The refusal to repeat to the request `digest`, if there is one.
    pub(super) fn refuses(&self, digest: KeyDigest, asked: &Asked, now: DateTime<Utc>) -> Option<Shortage> {
        let mut shortage = None;
        for need in asked.values().flatten() {
            let shard = self.shard(need.stock);
            let Some(Entry { until, refused }) = shard.get(&need.stock) else { continue };
            if Instant::now() >= *until || refused.lapses_at.is_some_and(|at| at <= now) {
                continue;
            }
            if refused.known.contains(&digest) {
                return None;
            }
            if refused.free < need.units {
                shortage = Some(refused.shortage.clone());
            }
        }
        shortage
    }

    /// Remembers a refusal.
    pub(super) fn remember(&self, refused: Refused) {
        if refused.partial || refused.known.len() > MAX_KNOWN || self.repeated.is_zero() {
            return;
        }
        let mut shard = self.shard(refused.stock);
        let now = Instant::now();
        if shard.len() >= MAX_ENTRIES {
            shard.retain(|_, entry| entry.until > now);
        }
        if shard.len() < MAX_ENTRIES {
            shard.insert(refused.stock, Entry { until: now + self.repeated, refused });
        }
    }

    /// Forgets what was said of `stock`.
    pub(super) fn forget(&self, stock: StockId) {
        self.shard(stock).remove(&stock);
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
    use linli_domain::inventory::{Need, Tag};
    use uuid::Uuid;

    fn refuses(cache: &SoldOut, digest: u8, units: u32, now: DateTime<Utc>) -> Option<Shortage> {
        let need = Need { stock: Uuid::from_u128(1).into(), units };
        let asked = Asked::from([(Tag::from("t".to_owned()), vec![need])]);
        cache.refuses(KeyDigest([digest; 16]), &asked, now)
    }

    fn refused(free: u32, known: u8, lapses_at: Option<DateTime<Utc>>) -> Refused {
        let known = vec![KeyDigest([known; 16])];
        let shortage = Shortage::SoldOut;
        Refused { stock: Uuid::from_u128(1).into(), shortage, free, lapses_at, known, partial: false }
    }

    #[test]
    fn repeats_a_refusal_but_not_to_its_holder_nor_after_a_lapse_nor_for_long() {
        let now = DateTime::UNIX_EPOCH;
        let cache = SoldOut::new(REPEATED);
        assert_eq!(refuses(&cache, 1, 1, now), None);
        cache.remember(refused(1, 7, Some(now + chrono::Duration::seconds(5))));
        assert_eq!(refuses(&cache, 1, 2, now), Some(Shortage::SoldOut));
        assert_eq!(refuses(&cache, 1, 1, now), None, "one unit is free");
        assert_eq!(refuses(&cache, 7, 2, now), None, "a retry wins over a refusal");
        assert_eq!(refuses(&cache, 1, 2, now + chrono::Duration::seconds(5)), None);
        cache.forget(Uuid::from_u128(1).into());
        assert_eq!(refuses(&cache, 1, 2, now), None);
        cache.remember(refused(0, 7, None));
        std::thread::sleep(REPEATED);
        assert_eq!(refuses(&cache, 1, 2, now), None);
        let off = SoldOut::new(Duration::ZERO);
        off.remember(refused(0, 7, None));
        assert_eq!(refuses(&off, 1, 2, now), None);
    }
}
