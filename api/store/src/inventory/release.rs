//! What becomes of a live claim: it is given back, or a hold of it is kept.

use linli_domain::{
    Code, Event,
    ids::{ClaimId, StockId},
};
use sea_orm::{ConnectionTrait, DbErr, QuerySelect, entity::prelude::*};

use super::{
    changes::{Changes, Guard},
    claims,
    engine::{Answered, Inventory},
    entities::claim_stock,
    lapse,
};
use crate::{
    Db, Env, Error, Tx, failpoint,
    idempotency::{self, Begun, Request, Stored},
    outbox,
};

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
    /// The quota keys that stay counted, for instance because it comes too late.
    pub keeps_quota: &'a (dyn Fn(&str) -> bool + Sync),
    /// How the context says that the claim is not there any more.
    pub gone: Code,
}

/// A hold to make permanent.
pub struct Confirm<'a> {
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
    /// How the context says that the hold has lapsed.
    pub gone: Code,
}

impl Inventory {
    /// Gives a claim back that has not ended.
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
                if !claims::end(tx.conn(), env, order.claim).await? {
                    return Err(order.gone.into());
                }
                let held = claims::held(tx.conn(), order.claim).await?;
                let mut held = held.ok_or_else(|| Error::internal("giving back", "no such claim"))?;
                claims::forget_quotas(tx.conn(), order.claim, &mut held, order.keeps_quota).await?;
                let changes = Changes::default().give_back([&held]);
                let syncs = changes.stocks().map(Event::GateSync);
                let events: Vec<_> = order.events.iter().copied().chain(syncs).collect();
                outbox::emit(tx.conn(), env, &events).await?;
                let applied = changes.apply(tx.conn(), env, Guard::On).await?.unwrap_or_default();
                let next = match applied.offered {
                    true => Some(lapse::next(tx.conn(), changes.stocks()).await?),
                    false => None,
                };
                failpoint::hit("release.before_commit").await;
                tx.commit(Ok((held, applied.stocks, next))).await
            })
            .await?;
        match released {
            Ok((held, stocks, next)) => {
                failpoint::hit("release.after_commit").await;
                self.let_go(&held, &stocks, next.as_ref()).await;
                Ok(Answered { stored: order.answer.clone(), replayed: false })
            }
            Err(stored) => Ok(Answered { stored, replayed: true }),
        }
    }

    /// Makes a hold permanent, unless its time is over.
    ///
    /// `own` moves the caller's row, and refuses when it is not in a state that can be confirmed.
    pub async fn confirm<F, Fut>(
        &self,
        db: &Db,
        env: &Env,
        order: &Confirm<'_>,
        own: F,
    ) -> Result<Answered, Error>
    where
        F: Fn(Tx) -> Fut + Sync,
        Fut: Future<Output = Result<Tx, Error>> + Send,
    {
        let own = &own;
        db.in_tx(order.name, |tx| async move {
            if let Begun::Replay(stored) = idempotency::begin(&tx, env, order.request, order.answer).await? {
                return tx.commit(Answered { stored, replayed: true }).await;
            }
            let tx = own(tx).await?;
            if !claims::keep(tx.conn(), env, order.claim).await? {
                return Err(order.gone.into());
            }
            // The gate must not wait for a lapse that will not come.
            let syncs = stocks_of(tx.conn(), order.claim).await?.into_iter().map(Event::GateSync);
            let events: Vec<_> = order.events.iter().copied().chain(syncs).collect();
            outbox::emit(tx.conn(), env, &events).await?;
            tx.commit(Answered { stored: order.answer.clone(), replayed: false }).await
        })
        .await
    }
}

async fn stocks_of(tx: &impl ConnectionTrait, claim: ClaimId) -> Result<Vec<StockId>, DbErr> {
    let ids: Vec<Uuid> = claim_stock::Entity::find()
        .select_only()
        .column(claim_stock::Column::StockId)
        .filter(claim_stock::Column::ClaimId.eq(claim.0))
        .into_tuple()
        .all(tx)
        .await?;
    Ok(ids.into_iter().map(StockId::from).collect())
}
