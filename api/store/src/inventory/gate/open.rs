//! The gate that admits everyone: for a small town without Redis.

use async_trait::async_trait;
use linli_domain::inventory::{KeyDigest, Need, Stock, Tag};

use super::{Asking, Away, Gate, Health, NodeRun, Outcome, Settled, StockState, Verdict};

/// Admits everyone and remembers nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenGate;

#[async_trait]
impl Gate for OpenGate {
    async fn reserve(&self, _: &Tag, _: &Asking, _: &[Need]) -> Verdict {
        Verdict::Unavailable
    }

    async fn settle(&self, _: &Tag, _: KeyDigest, _: Outcome, _: &[Settled]) {}

    async fn load(&self, _: &Tag, _: &[StockState]) -> Result<(), Away> {
        Ok(())
    }

    async fn sync(&self, _: &Tag, _: &[StockState]) -> Result<(), Away> {
        Ok(())
    }

    async fn forget(&self, _: &Tag) {}

    async fn dump(&self, _: &Tag) -> Result<Option<Vec<Stock>>, Away> {
        Ok(None)
    }

    async fn runs(&self) -> Result<Vec<NodeRun>, Away> {
        Ok(Vec::new())
    }

    fn set_epoch(&self, _: i64) {}

    fn health(&self) -> Health {
        Health::Open
    }
}
