//! What this process moved, for those who keep what they read of stocks.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

use linli_domain::inventory::Tag;

/// Tags share counters: a move under another tag with the same counter only costs a look.
const COUNTERS: usize = 1_024;

pub(super) struct Moves {
    counters: Box<[AtomicU64; COUNTERS]>,
    hasher: RandomState,
}

impl Default for Moves {
    fn default() -> Self {
        Self { counters: Box::new([const { AtomicU64::new(0) }; COUNTERS]), hasher: RandomState::new() }
    }
}

impl Moves {
    pub(super) fn note(&self, tag: &Tag) {
        self.counter(tag).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn of(&self, tags: &[Tag]) -> u64 {
        tags.iter().map(|tag| self.counter(tag).load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }

    fn counter(&self, tag: &Tag) -> &AtomicU64 {
        let index = self.hasher.hash_one(tag) % COUNTERS as u64;
        &self.counters[usize::try_from(index).unwrap_or(0)]
    }
}
