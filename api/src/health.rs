//! How the process is, part by part: what `/readyz` and the metrics tell.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::json;

/// How each part of the process is: the source of `/readyz`.
#[derive(Debug, Default)]
pub struct Health {
    stopping: AtomicBool,
    parts: Mutex<BTreeMap<&'static str, Part>>,
}

/// How one part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// As it should be.
    Ready,
    /// Answering in a lesser way; the word says which.
    Degraded(&'static str),
    /// Not answering: no traffic, please.
    Down(&'static str),
}

impl Health {
    /// Records how `part` is.
    pub fn set(&self, part: &'static str, state: Part) {
        let mut parts = self.parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if parts.insert(part, state) != Some(state) {
            tracing::info!(health.part = part, health.state = ?state, "{part} is {state:?}");
        }
    }

    /// Tells the balancer to look elsewhere.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Every part with its state.
    pub fn parts(&self) -> BTreeMap<&'static str, Part> {
        self.parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Whether the process takes traffic, and every part with its state.
    pub fn report(&self) -> (bool, serde_json::Value) {
        let parts = self.parts();
        let stopping = self.stopping.load(Ordering::SeqCst);
        let ready = !stopping && !parts.values().any(|part| matches!(part, Part::Down(_)));
        let degraded: Vec<_> =
            parts.iter().filter(|(_, part)| !matches!(part, Part::Ready)).map(|(name, _)| *name).collect();
        let states: serde_json::Map<_, _> = parts
            .iter()
            .map(|(name, part)| {
                let state = match part {
                    Part::Ready => "ready".to_owned(),
                    Part::Degraded(how) => format!("degraded: {how}"),
                    Part::Down(how) => format!("down: {how}"),
                };
                ((*name).to_owned(), state.into())
            })
            .collect();
        (ready, json!({ "ready": ready, "stopping": stopping, "degraded": degraded, "parts": states }))
    }
}
