//! Meilisearch: one or several independent nodes that hold the same.
//!
//! A question goes to one node and, when that fails, to the next; each gets a bounded time, and one
//! that failed three times in a row is left alone until it answers a probe. When none answers, the
//! embedded index does. Writes go to each node by itself, are never repeated by the client, and
//! are done when their task is.

mod http;
mod node;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use linli_search::{EngineError, Met, TextSource, Wanted, meili::Plan};

pub use node::{Node, NodeError};

use crate::config::{self, SearchEngineKind};

/// The nodes of this city.
pub struct Meili {
    /// In the order of the configuration.
    pub nodes: Vec<Arc<Node>>,
    /// What the names of our indexes begin with.
    pub prefix: String,
    timeout: Duration,
    turn: AtomicUsize,
}

/// Why a text was not looked up.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No node answers.
    #[error("no search node answers")]
    Away,
    /// The embedded index failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Meili {
    /// The nodes that are configured, if any.
    pub fn configured(search: &config::Search, meili: &config::Meili) -> Option<Self> {
        if search.engine == SearchEngineKind::Embedded {
            return None;
        }
        let timeout = Duration::from_millis(meili.timeout_ms);
        let urls = meili.url.split(',').map(str::trim).filter(|url| !url.is_empty());
        let nodes: Vec<_> = urls.map(|url| Arc::new(Node::new(url, &meili.key, timeout))).collect();
        (!nodes.is_empty()).then(|| Self {
            nodes,
            prefix: format!("{}_", meili.index),
            timeout,
            turn: AtomicUsize::new(0),
        })
    }

    /// The longest that a question may keep a person waiting before the embedded index answers.
    pub fn patience(&self) -> Duration {
        self.timeout * 2 + Duration::from_millis(50)
    }
}

impl TextSource for Meili {
    type Error = AskError;

    async fn find(&self, wanted: &Wanted<'_>) -> Result<Met, AskError> {
        let plan = Plan::new(wanted);
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        for step in 0..self.nodes.len() {
            let node = &self.nodes[first.wrapping_add(step) % self.nodes.len()];
            if !node.is_usable() {
                continue;
            }
            match node.ask(&plan).await {
                Ok(answers) => return Ok(plan.read(wanted.snapshot, &answers)),
                Err(error) => {
                    tracing::debug!(
                        search.node = node.name,
                        error = &error as &dyn std::error::Error,
                        "a search node did not answer"
                    );
                }
            }
        }
        Err(AskError::Away)
    }
}

#[cfg(test)]
mod tests;
