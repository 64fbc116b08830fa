//! What the gate holds for a claim that is under way.

use std::{mem::ManuallyDrop, sync::Arc};

use linli_domain::inventory::{KeyDigest, Need, Tag};
use tokio::runtime::Handle;

use super::{
    engine::Asked,
    gate::{Gate, Lapses, Outcome, Settled},
    states,
};
use crate::{
    Db, Env, Error,
    idempotency::{self, Request},
};

/// Units that the gate holds for one claim.
///
/// Dropped before SQL was asked (the client hung up), they are given back at once. Dropped later, nobody
/// here knows whether the claim was made, and giving back what it may have taken would let the gate refuse
/// its retry: the record of the request is asked first. A process that dies leaves them to their expiry.
pub(super) struct Holds {
    gate: Arc<dyn Gate>,
    digest: KeyDigest,
    held: Asked,
    asked_sql: Option<(Db, Env, Request)>,
}

impl Holds {
    pub(super) fn new(gate: &Arc<dyn Gate>, digest: KeyDigest) -> Self {
        Self { gate: Arc::clone(gate), digest, held: Asked::new(), asked_sql: None }
    }

    pub(super) fn add(&mut self, tag: &Tag, needs: &[Need]) {
        self.held.insert(tag.clone(), needs.to_vec());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(super) fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.held.keys()
    }

    /// From here on only SQL knows what becomes of the claim.
    pub(super) fn ask_sql(&mut self, db: &Db, env: &Env, request: &Request) {
        self.asked_sql = Some((db.clone(), env.clone(), request.clone()));
    }

    /// No claim came of it.
    pub(super) async fn void(mut self) {
        for tag in std::mem::take(&mut self.held).into_keys() {
            self.gate.settle(&tag, self.digest, Outcome::Void, &[]).await;
        }
    }

    /// The gate was told everything.
    pub(super) fn settled(mut self) {
        self.held.clear();
    }

    /// The claim was made, by an earlier try or unseen: the gate is told what SQL has by now.
    pub(super) async fn made(mut self, db: &Db, env: &Env) -> Result<(), Error> {
        // Unanswered, `gate.sync` and the expiry of the holds tell the gate.
        for (tag, needs) in std::mem::take(&mut self.held) {
            let ids: Vec<_> = needs.iter().map(|need| need.stock).collect();
            let states = states::of_ids(db.read(), env, &ids).await?.remove(&tag).unwrap_or_default();
            let settled: Vec<_> = states
                .iter()
                .map(|state| Settled { stock: state.stock, lapses: Lapses::At(state.lapses_at) })
                .collect();
            self.gate.settle(&tag, self.digest, Outcome::Committed, &settled).await;
        }
        Ok(())
    }

    async fn find_out(mut self) {
        let Some((db, env, request)) = self.asked_sql.take() else { return self.void().await };
        match idempotency::had_effect(&db, &env, &request).await {
            Ok(false) => self.void().await,
            Ok(true) => drop(self.made(&db, &env).await),
            // Dropped again, they would ask again.
            Err(_) => self.held.clear(),
        }
    }
}

impl Drop for Holds {
    fn drop(&mut self) {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return;
        }
        let rest = Self {
            gate: Arc::clone(&self.gate),
            digest: self.digest,
            held,
            asked_sql: self.asked_sql.take(),
        };
        // Without a runtime, or with one that ends, nobody can tell the gate: the expiry does. What such a
        // runtime drops unasked must not come here again.
        let rest = ManuallyDrop::new(rest);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { ManuallyDrop::into_inner(rest).find_out().await });
        }
    }
}

#[cfg(test)]
mod tests {
    use linli_domain::ids::StockId;
    use uuid::Uuid;

    use super::*;
    use crate::inventory::gate::OpenGate;

    #[test]
    fn holds_that_outlive_their_runtime_end_quietly() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        let _entered = handle.enter();
        let gate: Arc<dyn Gate> = Arc::new(OpenGate);
        let mut holds = Holds::new(&gate, KeyDigest([1; 16]));
        let need = Need { stock: StockId::from(Uuid::from_u128(1)), units: 1 };
        holds.add(&Tag::from("day".to_owned()), &[need]);
        drop(holds);
    }
}
