//! Making a claim: admission, the one transaction, and telling the gate.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use linli_domain::{
    Code, Event, Refusal,
    ids::{ClaimId, StockId},
    inventory::{Claim, Need, Shortage, Stock, Tag},
};

use super::{
    changes::{Applied, Changes, Guard, Short},
    claims::{self, Held},
    gate::{Asking, Gate, Health, Lapses, Outcome, Refused, Settled, Verdict},
    holds::Holds,
    lapse,
    moves::Moves,
    queue::Queue,
    sold_out::{REPEATED, SoldOut},
    states,
    upkeep::Loads,
};
use crate::{
    Db, Env, Error, Tx, arrival, failpoint,
    idempotency::{self, Begun, Request, Stored},
    outbox,
};

/// What the gate is asked for, by tag.
pub(super) type Asked = BTreeMap<Tag, Vec<Need>>;

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
    pub(super) queue: Queue,
    guard: Guard,
    moves: Moves,
}

/// A claim to make, or what a live claim is to hold instead.
pub struct Order<'a> {
    /// Name of the transaction.
    pub name: &'static str,
    /// What is claimed.
    pub claim: &'a Claim,
    /// The request that must have one effect.
    pub request: &'a Request,
    /// What it is answered, known before the work, since ids and times are ours; not made for a request
    /// that the gate refuses.
    pub answer: &'a (dyn Fn() -> Result<Stored, Error> + Sync),
    /// What to look at afterwards, besides the stocks.
    pub events: &'a [Event],
    /// How the context says that there is nothing left.
    pub refusal: &'a (dyn Fn(&Shortage) -> Refusal + Sync),
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
    Claimed(Done),
    Replayed(Stored),
}

/// What a transaction did, as the gate is told.
struct Done {
    stocks: Vec<Stock>,
    /// What lapsed or was moved away from on the way.
    gone: Vec<Held>,
    /// When the next hold on each stock lapses, where something lapsed.
    lapses: Option<HashMap<StockId, DateTime<Utc>>>,
}

/// How a claim gets into SQL.
#[derive(Clone, Copy)]
enum Mode {
    /// A new one.
    Make,
    /// A live one gives back what it holds and takes what is asked instead.
    Move,
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
            moves: Moves::default(),
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

    /// A number that grows whenever this process took or gave back units under one of `tags`: what was read
    /// of their stocks before is older than that.
    pub fn moves(&self, tags: &[Tag]) -> u64 {
        self.moves.of(tags)
    }

    /// How the gate stands.
    pub fn health(&self) -> Health {
        self.gate.health()
    }

    /// Makes a claim together with the rows it is for, all or nothing.
    ///
    /// `rows` writes the caller's rows into the transaction and hands it back. It runs after the
    /// idempotency record and before quotas and stocks, which are hot and come last. A claim with
    /// `expires_at` is a hold that lapses unless [`Self::confirm`] comes before.
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
        self.take(db, env, order, rows, order.claim.needs_by_tag(), Mode::Make).await
    }

    /// Gives a live claim's stocks and quotas back and takes what `order.claim`, under the same id, asks
    /// for, in one transaction: refused, the claim is what it was.
    ///
    /// `own` moves the caller's row and refuses when it is not in a live state. A hold that has lapsed is
    /// refused with [`Code::HoldLapsed`].
    pub async fn swap<F, Fut>(&self, db: &Db, env: &Env, order: &Order<'_>, own: F) -> Result<Answered, Error>
    where
        F: Fn(Tx) -> Fut + Sync,
        Fut: Future<Output = Result<Tx, Error>> + Send,
    {
        // Read outside the transaction, only to spare the gate what is held already.
        let held = claims::held(db.read(), order.claim.id).await?;
        let asked = order.claim.beyond(&held.map(|held| held.plain_needs()).unwrap_or_default());
        self.take(db, env, order, own, &asked, Mode::Move).await
    }

    async fn take<F, Fut>(
        &self,
        db: &Db,
        env: &Env,
        order: &Order<'_>,
        rows: F,
        asked: &Asked,
        mode: Mode,
    ) -> Result<Answered, Error>
    where
        F: Fn(Tx) -> Fut + Sync,
        Fut: Future<Output = Result<Tx, Error>> + Send,
    {
        let asking = &Asking::new(order.claim.digest, env, self.sold_out.repeated());
        if let Some(refused) = self.sold_out.refuses(asking, asked) {
            metrics::counter!("linli_inventory_refused_total", "by" => "cache").increment(1);
            return replay_or_refuse(db, order, &refused).await;
        }
        let mut holds = match self.reserve(db, env, asking, asked).await {
            Ok(holds) => holds,
            Err(refused) => return replay_or_refuse(db, order, &refused).await,
        };
        let _turn = self.queue.enter().await?;
        // Whoever waited without a hold may have been overtaken by the answer.
        if holds.is_empty()
            && let Some(refused) = self.sold_out.refuses(asking, asked)
        {
            return replay_or_refuse(db, order, &refused).await;
        }
        failpoint::hit("claim.reserved").await;
        if arrival::hung_up() {
            // A retry may have been refused meanwhile; what nobody waits for is not made.
            return Err(Refusal::new(Code::Unavailable).retry_after(1).into());
        }
        let answer = (order.answer)()?;
        holds.ask_sql(db, env, order.request);
        // Apart: its future is large, and most who come in a rush never get here.
        let work = self.write_past_lapsed(db, env, order, &rows, (mode, &answer), &holds);
        let written = Box::pin(work).await;
        match written {
            Ok(Written::Claimed(done)) => {
                failpoint::hit("claim.after_commit").await;
                self.settle(order.claim, holds, &done).await;
                failpoint::hit("claim.settled").await;
                Ok(Answered { stored: answer, replayed: false })
            }
            Ok(Written::Replayed(stored)) => {
                // Its units may be these: given back, somebody else would be let in and this refused.
                let _ = holds.made(db, env).await;
                Ok(Answered { stored, replayed: true })
            }
            Err(error) => {
                // A refusal undid everything, unless it says that another try is at work, whose hold this
                // is too. Then, and after a failure, the claim may be made: dropped, the holds find out.
                let undone = |refusal: &Refusal| refusal.code != Code::IdempotencyInProgress;
                if error.refusal().is_some_and(undone) {
                    holds.void().await;
                }
                Err(error)
            }
        }
    }

    /// Writes the claim; where lapsed holds were in the way, once more with their end.
    async fn write_past_lapsed<F, Fut>(
        &self,
        db: &Db,
        env: &Env,
        order: &Order<'_>,
        rows: &F,
        work: (Mode, &Stored),
        holds: &Holds,
    ) -> Result<Written, Error>
    where
        F: Fn(Tx) -> Fut + Sync,
        Fut: Future<Output = Result<Tx, Error>> + Send,
    {
        let mut lapsed = Vec::new();
        loop {
            let short = Mutex::new(None);
            let written = self.write(db, env, order, rows, (work, &lapsed), &short).await;
            let short = short.into_inner().unwrap_or_else(PoisonError::into_inner);
            let (Some(short), Err(error)) = (short, &written) else { return written };
            if lapsed.is_empty() && error.refusal().is_some() {
                lapsed = lapse::in_the_way(db.read(), order.claim, env.now()).await?;
                if !lapsed.is_empty() {
                    continue;
                }
            }
            if short.queued {
                self.see_to_the_line(db, env, order.claim, &lapsed).await?;
            }
            metrics::counter!("linli_inventory_refused_total", "by" => "sql").increment(1);
            self.refused_by_sql(db, env, &short, holds).await;
            return written;
        }
    }

    /// Hands what a newcomer found free to those who wait for it: the refusal undid that.
    async fn see_to_the_line(
        &self,
        db: &Db,
        env: &Env,
        claim: &Claim,
        lapsed: &Vec<ClaimId>,
    ) -> Result<(), Error> {
        if !lapsed.is_empty() {
            return Box::pin(self.lapse(db, env, lapsed)).await;
        }
        let stocks: Vec<_> = claim.needs_by_stock().into_iter().map(|need| need.stock).collect();
        Box::pin(self.serve(db, env, &stocks)).await
    }

    async fn write<F, Fut>(
        &self,
        db: &Db,
        env: &Env,
        order: &Order<'_>,
        rows: &F,
        ((mode, answer), lapsed): ((Mode, &Stored), &Vec<ClaimId>),
        short: &Mutex<Option<Short>>,
    ) -> Result<Written, Error>
    where
        F: Fn(Tx) -> Fut + Sync,
        Fut: Future<Output = Result<Tx, Error>> + Send,
    {
        let claim = order.claim;
        let needs = &claim.needs_by_stock();
        db.in_tx(order.name, |mut tx| async move {
            if let Begun::Replay(stored) = idempotency::begin(&tx, env, order.request, answer).await? {
                return tx.commit(Written::Replayed(stored)).await;
            }
            let ended = lapse::end(tx.conn(), env, lapsed).await?;
            let mut events = order.events.to_vec();
            events.extend(ended.iter().map(|(id, _)| Event::ClaimLapsed(*id)));
            let mut gone: Vec<Held> = ended.into_iter().map(|(_, held)| held).collect();
            let mut moved_from = None;
            match mode {
                Mode::Make => {
                    claims::insert(tx.conn(), env, claim).await?;
                    tx = rows(tx).await?;
                }
                Mode::Move => {
                    tx = rows(tx).await?;
                    let held = claims::replace(tx.conn(), env, claim).await?;
                    moved_from = Some(held.ok_or(Code::HoldLapsed)?);
                }
            }
            let changes =
                Changes::default().take(needs, claim.quotas()).give_back(&gone).move_from(&moved_from);
            gone.extend(moved_from);
            events.extend(changes.stocks().map(Event::GateSync));
            outbox::emit(tx.conn(), env, &events).await?;
            match changes.apply(tx.conn(), env, self.guard).await? {
                Ok(Applied { stocks, offered }) => {
                    let lapses = match lapsed.is_empty() && !offered {
                        true => None,
                        false => Some(lapse::next(tx.conn(), changes.stocks()).await?),
                    };
                    failpoint::hit("claim.before_commit").await;
                    tx.commit(Written::Claimed(Done { stocks, gone, lapses })).await
                }
                Err(refused) => {
                    let refusal = (order.refusal)(&refused.shortage);
                    *short.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
                    Err(refusal.into())
                }
            }
        })
        .await
    }

    /// Asks the gate tag by tag, in their order; a refusal lets go of what was held.
    async fn reserve(
        &self,
        db: &Db,
        env: &Env,
        asking: &Asking,
        asked: &Asked,
    ) -> Result<Holds, Arc<Refused>> {
        let mut holds = Holds::new(&self.gate, asking.digest);
        for (tag, needs) in asked {
            match self.ask(db, env, tag, asking, needs).await {
                Verdict::Granted => holds.add(tag, needs),
                // The answer is in SQL, whatever the other tags would say.
                Verdict::Known => return Ok(holds),
                Verdict::Lapsed | Verdict::Cold | Verdict::Unavailable => {}
                Verdict::Refused(refused) => {
                    metrics::counter!("linli_inventory_refused_total", "by" => "gate").increment(1);
                    let refused = Arc::new(refused);
                    self.sold_out.remember(Arc::clone(&refused));
                    holds.void().await;
                    return Err(refused);
                }
            }
        }
        Ok(holds)
    }

    /// Asks the gate, a silent one twice. Meanwhile every cache stops repeating what it said before, so
    /// that none contradicts what SQL gives.
    async fn ask(&self, db: &Db, env: &Env, tag: &Tag, asking: &Asking, needs: &[Need]) -> Verdict {
        match self.ask_or_load(db, env, tag, asking, needs).await {
            Verdict::Cold | Verdict::Unavailable if self.gate.health() != Health::Open => {
                tokio::time::sleep(asking.repeated).await;
                self.ask_or_load(db, env, tag, asking, needs).await
            }
            verdict => verdict,
        }
    }

    async fn ask_or_load(&self, db: &Db, env: &Env, tag: &Tag, asking: &Asking, needs: &[Need]) -> Verdict {
        match self.gate.reserve(tag, asking, needs).await {
            Verdict::Cold => {
                // One loads, the others wait for it; whoever comes too late finds it loaded.
                let Some(_load) = self.loads.enter(tag).await else { return Verdict::Cold };
                match self.gate.reserve(tag, asking, needs).await {
                    Verdict::Cold if Box::pin(self.load(db, env, tag)).await.is_ok() => {
                        self.gate.reserve(tag, asking, needs).await
                    }
                    verdict => verdict,
                }
            }
            verdict => verdict,
        }
    }

    async fn settle(&self, claim: &Claim, holds: Holds, done: &Done) {
        for held in &done.gone {
            self.let_go(held, &done.stocks, done.lapses.as_ref()).await;
        }
        for (tag, needs) in claim.needs_by_tag() {
            self.moves.note(tag);
            let here = |stock: &&Stock| needs.iter().any(|need| need.stock == stock.id);
            let settled = done.stocks.iter().filter(here).map(|stock| Settled {
                stock: *stock,
                lapses: match (&done.lapses, claim.expires_at) {
                    (Some(next), _) => Lapses::At(next.get(&stock.id).copied()),
                    (None, Some(at)) => Lapses::NotAfter(at),
                    (None, None) => Lapses::AsBefore,
                },
            });
            let settled: Vec<_> = settled.collect();
            self.gate.settle(tag, claim.digest, Outcome::Committed, &settled).await;
        }
        holds.settled();
    }

    /// Tells cache and gate that a claim does not hold what it held.
    pub(super) async fn let_go(
        &self,
        held: &Held,
        stocks: &[Stock],
        next: Option<&HashMap<StockId, DateTime<Utc>>>,
    ) {
        for (_, need) in &held.needs {
            self.sold_out.forget(need.stock);
        }
        let mut tags: Vec<&Tag> = held.needs.iter().map(|(tag, _)| tag).collect();
        tags.sort_unstable();
        tags.dedup();
        for tag in tags {
            self.moves.note(tag);
            let here = |stock: &&Stock| held.needs.iter().any(|(t, need)| t == tag && need.stock == stock.id);
            let settled = stocks.iter().filter(here).map(|stock| Settled {
                stock: *stock,
                lapses: next.map_or(Lapses::AsBefore, |next| Lapses::At(next.get(&stock.id).copied())),
            });
            let settled: Vec<_> = settled.collect();
            self.gate.settle(tag, held.digest, Outcome::Released, &settled).await;
        }
    }

    /// SQL said no: the cache repeats it, and a gate that had said yes is not believed any more.
    async fn refused_by_sql(&self, db: &Db, env: &Env, short: &Short, holds: &Holds) {
        // A quota is not the gate's knowledge.
        let Some(stock) = short.stock else { return };
        for tag in holds.tags() {
            self.gate.forget(tag).await;
        }
        if short.shortage == Shortage::Closed {
            return;
        }
        let until = Instant::now() + self.sold_out.repeated();
        let Ok(states) = states::of_ids(db.read(), env, &[stock]).await else { return };
        let Some(state) = states.into_values().flatten().next() else { return };
        let refused = Refused {
            stock,
            shortage: short.shortage.clone(),
            free: state.stock.free(),
            lapses_at: state.lapses_at,
            until,
            known: state.live.into_iter().chain(state.past).collect(),
            // Nothing keeps what comes free from being given elsewhere meanwhile.
            partial: true,
        };
        self.sold_out.remember(refused.into());
    }
}

/// Tells a refusal; first looks for the answer of an earlier try where only its record can tell.
async fn replay_or_refuse(db: &Db, order: &Order<'_>, refused: &Refused) -> Result<Answered, Error> {
    if refused.partial
        && let Some(stored) = idempotency::find(db.read(), order.request).await?
    {
        return Ok(Answered { stored, replayed: true });
    }
    Err((order.refusal)(&refused.shortage).into())
}
