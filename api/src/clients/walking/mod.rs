//! Real walks, where a router is configured: AMap, Tencent or a Valhalla of one's own.
//!
//! The router refines what is shown and never what is found: which facilities are within a walk,
//! and their order, follow the estimate, so that pages stay whole when the router is away. It gets
//! a bounded time; three failures in a row close the door to it for a while.

mod providers;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use linli_domain::geo::{Point, WalkProfile};
use tokio::time::Instant;

use crate::config;
use providers::{Amap, Tencent, Valhalla};

/// One walk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Walk {
    /// Minutes at the speed of who walks.
    pub minutes: f64,
}

/// Walks to several places, and who found them.
pub struct Walked {
    /// Name of the router.
    pub method: &'static str,
    /// One for each place asked about; `None` where there is no way.
    pub walks: Vec<Option<Walk>>,
}

/// Why a router gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// It could not be reached in time.
    #[error("the walking router does not answer")]
    Away(#[from] reqwest::Error),
    /// It said no, or something that is no answer.
    #[error("the walking router refused: {0}")]
    Refused(String),
}

/// Something that knows the length of walks.
#[async_trait]
pub trait WalkingRouter: Send + Sync {
    /// Its name in answers.
    fn name(&self) -> &'static str;

    /// Metres on foot to each place, in their order; `None` where there is no way.
    async fn metres(&self, from: Point, to: &[Point]) -> Result<Vec<Option<f64>>, WalkError>;
}

/// A router behind a circuit breaker.
pub struct Walking {
    router: Box<dyn WalkingRouter>,
    timeout: Duration,
    circuit: Mutex<Circuit>,
}

#[derive(Default)]
struct Circuit {
    failures: u32,
    closed_until: Option<Instant>,
}

const FAILURES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(30);

impl Walking {
    /// The router that is configured, if any.
    pub fn configured(config: &config::Walking) -> Option<Self> {
        let timeout = Duration::from_millis(config.timeout_ms);
        let (http, url, key) = (super::http(timeout), config.url.clone(), config.key.clone());
        let router: Box<dyn WalkingRouter> = match config.provider {
            config::WalkingProvider::Estimate => return None,
            config::WalkingProvider::Amap => Box::new(Amap { http, url, key }),
            config::WalkingProvider::Tencent => Box::new(Tencent { http, url, key }),
            config::WalkingProvider::Valhalla => Box::new(Valhalla { http, url }),
        };
        Some(Self { router, timeout, circuit: Mutex::default() })
    }

    /// Walks to the places that are known; `None` means: keep to the estimate.
    pub async fn walk(&self, from: Point, to: &[Option<Point>], profile: WalkProfile) -> Option<Walked> {
        let known: Vec<Point> = to.iter().copied().flatten().collect();
        if known.is_empty() || !self.may_ask() {
            return None;
        }
        let asked = tokio::time::timeout(self.timeout, self.router.metres(from, &known)).await;
        let metres = match asked {
            Ok(Ok(metres)) if metres.len() == known.len() => Some(metres),
            Ok(Ok(_)) => None,
            Ok(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "no walks from the router");
                None
            }
            Err(_) => None,
        };
        self.note(metres.is_some());
        let mut metres = metres?.into_iter();
        let walks = to.iter().map(|place| {
            place
                .and_then(|_| metres.next().flatten())
                .map(|m| Walk { minutes: m / profile.metres_per_minute() })
        });
        Some(Walked { method: self.router.name(), walks: walks.collect() })
    }

    fn may_ask(&self) -> bool {
        let circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        circuit.closed_until.is_none_or(|until| until <= Instant::now())
    }

    fn note(&self, answered: bool) {
        let mut circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            *circuit = Circuit::default();
            return;
        }
        metrics::counter!("linli_walking_failures_total", "router" => self.router.name()).increment(1);
        circuit.failures += 1;
        if circuit.failures >= FAILURES {
            *circuit = Circuit { failures: 0, closed_until: Some(Instant::now() + PAUSE) };
        }
    }
}

#[cfg(test)]
mod tests;
