//! The queue before SQL: bounded in length and in time, so that a rush ends in 503 and not in a heap.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use linli_domain::{Code, Refusal};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::Error;

/// Places to wait in.
const PLACES: usize = 2_000;
/// How long anyone waits, unless the configuration says otherwise.
const PATIENCE: Duration = Duration::from_secs(3);

/// Lets so many through at once; the others wait their turn.
pub(super) struct Queue {
    permits: Semaphore,
    waiting: AtomicUsize,
    patience: Duration,
}

impl Queue {
    pub(super) fn new(at_once: usize) -> Self {
        Self { permits: Semaphore::new(at_once.max(1)), waiting: AtomicUsize::new(0), patience: PATIENCE }
    }

    /// The same, where anyone waits so long.
    pub(super) fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Waits for a turn.
    pub(super) async fn enter(&self) -> Result<SemaphorePermit<'_>, Error> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(permit);
        }
        let _place = Place::take(&self.waiting).ok_or_else(busy)?;
        match tokio::time::timeout(self.patience, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}

fn busy() -> Error {
    metrics::counter!("linli_inventory_busy_total").increment(1);
    Refusal::new(Code::Unavailable).retry_after(2).into()
}

/// A place in the queue, given back when it is left for whatever reason.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        // Dropping an untaken place gives back what was just added.
        (waiting.fetch_add(1, Ordering::AcqRel) < PLACES).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_too_long_is_told_to_come_back_and_frees_the_place() {
        let queue = Queue::new(1).patient(Duration::from_millis(20));
        let turn = queue.enter().await.unwrap();
        let error = queue.enter().await.unwrap_err();
        assert_eq!(error.refusal().unwrap().retry_after_s, Some(2));
        assert_eq!(queue.waiting.load(Ordering::Acquire), 0);
        queue.waiting.store(PLACES, Ordering::Release);
        assert!(queue.enter().await.is_err(), "no place left");
        assert_eq!(queue.waiting.load(Ordering::Acquire), PLACES);
        drop(turn);
        assert!(queue.enter().await.is_ok());
    }
}
