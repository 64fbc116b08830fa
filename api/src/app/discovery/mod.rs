//! Discovery: the catalogue of this process, kept up with SQL, and what is asked of it.

pub mod catalogue;
pub mod demand;
mod document;
pub mod eval;
pub(crate) mod folder;
pub mod meili;

use std::sync::{Arc, OnceLock};

use linli_domain::{Code, Refusal};
use linli_search::SearchEngine;

/// The search engine of this process, once it is loaded.
#[derive(Default)]
pub struct Discovery(OnceLock<Arc<SearchEngine>>);

impl Discovery {
    /// The engine; until the catalogue is loaded, please come back.
    pub fn engine(&self) -> Result<&Arc<SearchEngine>, Refusal> {
        self.0.get().ok_or_else(|| Refusal::new(Code::Unavailable).retry_after(1))
    }
}
