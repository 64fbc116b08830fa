//! Making a claim and giving it back: admission, the one transaction, and telling the gate.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use linli_domain::{
    Event, Refusal,
    ids::{ClaimId, StockId},
    inventory::{Claim, KeyDigest, Need, Shortage, Stock, Tag},
};
use tokio::runtime::Handle;

use super::{
    claims::{self, Guard, Short},
    gate::{Gate, Health, Outcome, Refused, Verdict},
    queue::Queue,
    sold_out::{REPEATED, SoldOut},
    states,
    upkeep::Loads,
};
use crate::{
    Db, Env, Error, Tx, failpoint,
    idempotency::{self, Begun, Request, Stored},
    outbox,
};

/// Bounds of the engine.
#[derive(Clone, Copy, Debug)]
pub struct InventoryOptions {
    /// How many claims may be in SQL at once; about as many as there are connections.
    pub at_once: usize,
}

/// The engine. One per process.
pub struct Inventory {
    pub(super) gate: Arc<dyn Gate>,
    pub(super) loads: Loads,
    sold_out: SoldOut,
    queue: Queue,
    guard: Guard,
}

/// A claim to make.
pub struct Order<'a> {
    /// Name of the transaction.
    pub name: &'static str,
    /// What is claimed.
    pub claim: &'a Claim,
    /// The request that must have one effect.
    pub request: &'a Request,
    /// What it is answered, known before the work: ids and times are ours.
    pub answer: &'a Stored,
    /// What to look at afterwards, besides the stocks.
    pub events: &'a [Event],
    /// How the context says that there is nothing left.
    pub refusal: fn(Shortage) -> Refusal,
}

/// A claim to give back.
pub struct Return<'a> {
    /// Name of the transaction.
    pub name: &'static str,
    /// Which claim.
    pub claim: ClaimId,
    /// The request that must have one effect.
    pub request: &'a Request,
    /// What it is answered.
    pub answer: &'a Stored,
    /// What to look at afterwards, besides the stocks.
    pub events: &'a [Event],
}

/// What the caller is answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Status and body.
    pub stored: Stored,
    /// Whether an earlier request had this effect.
    pub replayed: bool,
}

enum Written {
    Claimed(Vec<Stock>),
    Replayed(Stored),
}

impl Inventory {
    /// An engine behind `gate`.
    pub fn new(gate: Arc<dyn Gate>, options: InventoryOptions) -> Self {
        Self {
            gate,
            loads: Loads::default(),
            sold_out: SoldOut::new(REPEATED),
            queue: Queue::new(options.at_once),
            guard: Guard::from_environment(),
        }
    }

    /// The same, repeating a refusal for so long without asking again; not at all when zero.
    #[must_use]
    pub fn repeating_refusals(mut self, repeated: Duration) -> Self {
        self.sold_out = SoldOut::new(repeated);
        self
    }

    /// The same, where a claim waits so long for its turn in SQL.
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Self {
        self.queue = self.queue.patient(patience);
        self
    }

    /// The same without asking SQL whether a unit is free: the negative control of the race tests.
    #[cfg(test)]
    pub(super) fn unguarded(mut self) -> Self {
        self.guard = Guard::Off;
        self
    }

    /// How the gate stands.
    pub fn health(&self) -> Health {
        self.gate.health()
    }

    /// Makes a claim together with the rows it is for, all or nothing.
    ///
    /// `rows` writes the caller's rows into the transaction and hands it back. It runs after the
    /// idempotency record and before the stocks, which are hot and come last.
    pub async fn claim<F, Fut>(
        &self,
        db: &Db,
        env: &Env,
        order: &Order<'_>,
        rows: F,
    ) -> Result<Answered, Error>
    where
        F: Fn(Tx) -> Fut + Sync,
        Fut: Future<Output = Result<Tx, Error>> + Send,
    {
        let claim = order.claim;
        let refused = |shortage| Error::from((order.refusal)(shortage));
        if let Some(shortage) = self.sold_out.refuses(claim, env.now()) {
            metrics::counter!("linli_inventory_refused_total", "by" => "cache").increment(1);
            return Err(refused(shortage));
        }
        let holds = self.reserve(db, env, claim).await.map_err(refused)?;
        let _turn = self.queue.enter().await?;
        // Whoever waited without a hold may have been overtaken by the answer.
        if holds.is_empty()
            && let Some(shortage) = self.sold_out.refuses(claim, env.now())
        {
            return Err(refused(shortage));
        }
        failpoint::hit("claim.reserved").await;
        let short = Mutex::new(None);
        let written = self.write(db, env, order, &rows, &short).await;
        if matches!(written, Ok(Written::Claimed(_))) {
            failpoint::hit("claim.after_commit").await;
        }
        if let Some(short) = short.into_inner().unwrap_or_else(PoisonError::into_inner) {
            metrics::counter!("linli_inventory_refused_total", "by" => "sql").increment(1);
            self.refused_by_sql(db, env, claim, short, &holds).await;
        }
        match written {
            Ok(Written::Claimed(stocks)) => {
                self.settle(claim, holds, &stocks).await;
                failpoint::hit("claim.settled").await;
                Ok(Answered { stored: order.answer.clone(), replayed: false })
            }
            Ok(Written::Replayed(stored)) => {
                holds.void().await;
                Ok(Answered { stored, replayed: true })
            }
            Err(error) => {
                holds.void().await;
                Err(error)
            }
        }
    }

    async fn write<F, Fut>(
        &self,
        db: &Db,
        env: &Env,
        order: &Order<'_>,
        rows: &F,
        short: &Mutex<Option<Short>>,
    ) -> Result<Written, Error>
    where
        F: Fn(Tx) -> Fut + Sync,
        Fut: Future<Output = Result<Tx, Error>> + Send,
    {
        let needs = &order.claim.needs_by_stock();
        let events = &events(order.events, needs.iter().map(|need| need.stock));
        db.in_tx(order.name, |tx| async move {
            if let Begun::Replay(stored) = idempotency::begin(&tx, env, order.request, order.answer).await? {
                return tx.commit(Written::Replayed(stored)).await;
            }
            claims::insert(tx.conn(), env, order.claim).await?;
            let tx = rows(tx).await?;
            outbox::emit(tx.conn(), env, events).await?;
            match claims::take(tx.conn(), needs, self.guard).await? {
                Ok(stocks) => {
                    failpoint::hit("claim.before_commit").await;
                    tx.commit(Written::Claimed(stocks)).await
                }
                Err(refused) => {
                    *short.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
                    Err((order.refusal)(refused.shortage).into())
                }
            }
        })
        .await
    }

    /// Gives a live claim back.
    ///
    /// `own` moves the caller's row out of its live state, and refuses when it is not in one.
    pub async fn release<F, Fut>(
        &self,
        db: &Db,
        env: &Env,
        order: &Return<'_>,
        own: F,
    ) -> Result<Answered, Error>
    where
        F: Fn(Tx) -> Fut + Sync,
        Fut: Future<Output = Result<Tx, Error>> + Send,
    {
        let _turn = self.queue.enter().await?;
        let own = &own;
        let released = db
            .in_tx(order.name, |tx| async move {
                if let Begun::Replay(stored) =
                    idempotency::begin(&tx, env, order.request, order.answer).await?
                {
                    return tx.commit(Err(stored)).await;
                }
                let tx = own(tx).await?;
                let held = claims::held(tx.conn(), order.claim).await?;
                let held = held.ok_or_else(|| Error::internal("giving back", "the claim is not live"))?;
                if !claims::end(tx.conn(), env, order.claim).await? {
                    return Err(Error::internal("giving back", "the claim ended twice"));
                }
                let events = events(order.events, held.needs.iter().map(|(_, need)| need.stock));
                outbox::emit(tx.conn(), env, &events).await?;
                let needs: Vec<Need> = held.needs.iter().map(|(_, need)| *need).collect();
                let stocks = claims::give_back(tx.conn(), &needs).await?;
                failpoint::hit("release.before_commit").await;
                tx.commit(Ok((held, stocks))).await
            })
            .await?;
        let (held, stocks) = match released {
            Ok(released) => released,
            Err(stored) => return Ok(Answered { stored, replayed: true }),
        };
        failpoint::hit("release.after_commit").await;
        for stock in &stocks {
            self.sold_out.forget(stock.id);
        }
        let mut tags: Vec<&Tag> = held.needs.iter().map(|(tag, _)| tag).collect();
        tags.dedup();
        for tag in tags {
            let here = |stock: &Stock| held.needs.iter().any(|(t, need)| t == tag && need.stock == stock.id);
            let stocks: Vec<_> = stocks.iter().filter(|stock| here(stock)).copied().collect();
            self.gate.settle(tag, held.digest, Outcome::Released, &stocks).await;
        }
        Ok(Answered { stored: order.answer.clone(), replayed: false })
    }

    /// Asks the gate tag by tag, in their order; a refusal lets go of what was held.
    async fn reserve(&self, db: &Db, env: &Env, claim: &Claim) -> Result<Holds, Shortage> {
        let mut holds = Holds { gate: Arc::clone(&self.gate), digest: claim.digest, tags: Vec::new() };
        for (tag, needs) in claim.needs_by_tag() {
            match self.ask(db, env, tag, claim.digest, needs).await {
                Verdict::Granted => holds.tags.push(tag.clone()),
                // The answer is in SQL, whatever the other tags would say.
                Verdict::Known => break,
                Verdict::Lapsed | Verdict::Cold | Verdict::Unavailable => {}
                Verdict::Refused(refused) => {
                    metrics::counter!("linli_inventory_refused_total", "by" => "gate").increment(1);
                    let shortage = refused.shortage;
                    self.sold_out.remember(refused);
                    holds.void().await;
                    return Err(shortage);
                }
            }
        }
        Ok(holds)
    }

    async fn ask(&self, db: &Db, env: &Env, tag: &Tag, digest: KeyDigest, needs: &[Need]) -> Verdict {
        match self.gate.reserve(tag, digest, needs, env.now()).await {
            Verdict::Cold => {
                // One loads, the others wait for it; whoever comes too late finds it loaded.
                let Some(_load) = self.loads.enter(tag).await else { return Verdict::Cold };
                match self.gate.reserve(tag, digest, needs, env.now()).await {
                    Verdict::Cold if self.load(db, tag).await.is_ok() => {
                        self.gate.reserve(tag, digest, needs, env.now()).await
                    }
                    verdict => verdict,
                }
            }
            verdict => verdict,
        }
    }

    async fn settle(&self, claim: &Claim, mut holds: Holds, stocks: &[Stock]) {
        for (tag, needs) in claim.needs_by_tag() {
            let here = |stock: &Stock| needs.iter().any(|need| need.stock == stock.id);
            let stocks: Vec<_> = stocks.iter().filter(|stock| here(stock)).copied().collect();
            self.gate.settle(tag, claim.digest, Outcome::Committed, &stocks).await;
        }
        holds.tags.clear();
    }

    /// SQL said no: the cache repeats it, and a gate that had said yes is not believed any more.
    async fn refused_by_sql(&self, db: &Db, env: &Env, claim: &Claim, short: Short, holds: &Holds) {
        for tag in &holds.tags {
            self.gate.forget(tag).await;
        }
        if self.sold_out.refuses(claim, env.now()).is_some() {
            return;
        }
        let Ok(states) = states::of_ids(db.read(), &[short.stock]).await else { return };
        let Some(state) = states.into_values().flatten().next() else { return };
        self.sold_out.remember(Refused {
            stock: short.stock,
            shortage: short.shortage,
            free: state.stock.free(),
            lapses_at: state.lapses_at,
            known: state.live,
        });
    }
}

/// The caller's events and one `gate.sync` for each stock.
fn events(own: &[Event], stocks: impl Iterator<Item = StockId>) -> Vec<Event> {
    own.iter().copied().chain(stocks.map(Event::GateSync)).collect()
}

/// Holds of a claim that is under way. Whoever drops them gives them back, also when the client
/// hangs up in the middle; a process that dies leaves them to their expiry.
struct Holds {
    gate: Arc<dyn Gate>,
    digest: KeyDigest,
    tags: Vec<Tag>,
}

impl Holds {
    fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    async fn void(mut self) {
        for tag in std::mem::take(&mut self.tags) {
            self.gate.settle(&tag, self.digest, Outcome::Void, &[]).await;
        }
    }
}

impl Drop for Holds {
    fn drop(&mut self) {
        if self.tags.is_empty() {
            return;
        }
        let rest =
            Self { gate: Arc::clone(&self.gate), digest: self.digest, tags: std::mem::take(&mut self.tags) };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(rest.void())),
            // Without a runtime nobody can tell the gate: the expiry does.
            Err(_) => std::mem::forget(rest),
        }
    }
}
