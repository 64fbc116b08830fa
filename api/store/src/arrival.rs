//! The request that is being served, as far as its connection goes: known to the edge, needed by the
//! engine, and of no business to what lies between.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// When a request arrived, and whether its client still listens.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When its head was read.
    pub since: Instant,
    /// Set when the client hangs up.
    pub hung_up: Arc<AtomicBool>,
}

tokio::task_local! {
    static ARRIVAL: Arrival;
}

impl Arrival {
    /// Serves the request.
    pub async fn serve<F: Future>(self, work: F) -> F::Output {
        ARRIVAL.scope(self, work).await
    }
}

/// When the request being served arrived; now, where none is served.
pub fn since() -> Instant {
    ARRIVAL.try_with(|arrival| arrival.since).unwrap_or_else(|_| Instant::now())
}

/// Whether nobody waits for the answer any more.
pub fn hung_up() -> bool {
    ARRIVAL.try_with(|arrival| arrival.hung_up.load(Ordering::Relaxed)).unwrap_or(false)
}
