//! A circuit: three failures in a row, and for a second nobody asks.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Failures in a row that open the circuit.
const FAILURES: u32 = 3;
/// How long it stays open before one caller tries again.
const OPEN_FOR: Duration = Duration::from_secs(1);

/// The state of the circuit.
#[derive(Debug)]
pub(super) struct Circuit {
    started: Instant,
    failures: AtomicU32,
    /// Milliseconds since `started` until which nobody asks.
    open_until_ms: AtomicU64,
}

impl Circuit {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), failures: AtomicU32::new(0), open_until_ms: AtomicU64::new(0) }
    }

    /// Whether to ask. After a failure spell one caller a second is let through to try.
    pub(super) fn allows(&self) -> bool {
        if !self.is_open() {
            return true;
        }
        let now_ms = self.now_ms();
        let until_ms = self.open_until_ms.load(Ordering::Acquire);
        now_ms >= until_ms && self.extend(until_ms, now_ms)
    }

    /// Whether the last calls all failed.
    pub(super) fn is_open(&self) -> bool {
        self.failures.load(Ordering::Acquire) >= FAILURES
    }

    pub(super) fn succeeded(&self) {
        self.failures.store(0, Ordering::Release);
    }

    pub(super) fn failed(&self) {
        if self.failures.fetch_add(1, Ordering::AcqRel) + 1 == FAILURES {
            let until_ms = self.open_until_ms.load(Ordering::Acquire);
            self.extend(until_ms, self.now_ms());
        }
    }

    /// Opens for another second; only one of several racing callers succeeds.
    fn extend(&self, until_ms: u64, now_ms: u64) -> bool {
        let next_ms = now_ms + u64::try_from(OPEN_FOR.as_millis()).unwrap_or(u64::MAX);
        self.open_until_ms.compare_exchange(until_ms, next_ms, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_open_it_one_caller_tries_and_a_success_closes_it() {
        let circuit = Circuit::new();
        circuit.failed();
        circuit.failed();
        assert!(circuit.allows());
        circuit.succeeded();
        (0..FAILURES).for_each(|_| circuit.failed());
        assert!(!circuit.allows() && circuit.is_open());
        circuit.open_until_ms.store(0, Ordering::Release);
        assert!(circuit.allows(), "the second is over: one tries");
        assert!(!circuit.allows(), "and only one");
        circuit.succeeded();
        assert!(circuit.allows() && !circuit.is_open());
    }
}
