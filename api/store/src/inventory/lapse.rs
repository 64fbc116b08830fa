//! Holds whose time is over: who they are, and ending them.
//!
//! A lapsed hold counts in `used` until it is ended. Whoever is short of what one holds ends it in the
//! claiming transaction, and the sweeper ends the rest, so nobody is refused because of one, sweeper
//! or not.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use linli_domain::{
    Event,
    ids::{ClaimId, StockId},
    inventory::Claim,
};
use sea_orm::{ConnectionTrait, DbErr, JoinType, QueryOrder, QuerySelect, entity::prelude::*};

use super::{
    changes::{Changes, Guard},
    claims::{self, Held},
    engine::Inventory,
    entities::{claim, claim_quota, claim_stock},
    waiting,
};
use crate::{Db, Env, Error, failpoint, outbox};

/// Most holds that one claim ends on its way.
const MOST: u64 = 512;
/// Holds that the sweeper ends in one transaction.
const SWEEP: u64 = 50;

/// The lapsed holds on what `claim` asks for, in the order in which they are ended.
pub(super) async fn in_the_way(
    conn: &impl ConnectionTrait,
    claim: &Claim,
    now: DateTime<Utc>,
) -> Result<Vec<ClaimId>, DbErr> {
    let stocks: Vec<_> = claim.needs_by_stock().into_iter().map(|need| need.stock).collect();
    let mut ids = on(conn, &stocks, now).await?;
    for quota in claim.quotas() {
        let held = lapsed(now)
            .join(
                JoinType::InnerJoin,
                claim::Entity::belongs_to(claim_quota::Entity)
                    .from(claim::Column::Id)
                    .to(claim_quota::Column::ClaimId)
                    .into(),
            )
            .filter(claim_quota::Column::Key.eq(&quota.key))
            .filter(claim_quota::Column::Window.eq(&quota.window))
            .limit(MOST);
        ids.extend(held.into_tuple::<Uuid>().all(conn).await?);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids.into_iter().map(ClaimId::from).collect())
}

/// The lapsed holds on `stocks`.
async fn on(conn: &impl ConnectionTrait, stocks: &[StockId], now: DateTime<Utc>) -> Result<Vec<Uuid>, DbErr> {
    lapsed(now)
        .join(
            JoinType::InnerJoin,
            claim::Entity::belongs_to(claim_stock::Entity)
                .from(claim::Column::Id)
                .to(claim_stock::Column::ClaimId)
                .into(),
        )
        .filter(claim_stock::Column::StockId.is_in(stocks.iter().map(|stock| stock.0)))
        .limit(MOST)
        .into_tuple()
        .all(conn)
        .await
}

/// Ends those of `ids` that are lapsed and not ended yet; their units are the caller's to give back.
pub(super) async fn end(
    tx: &impl ConnectionTrait,
    env: &Env,
    ids: &[ClaimId],
) -> Result<Vec<(ClaimId, Held)>, Error> {
    let mut ended = Vec::new();
    for &id in ids {
        // What was offered is lapsed before its claim is: own rows come first.
        let offered = waiting::lapse(tx, env, id).await?;
        if !claims::end_lapsed(tx, env, id).await? {
            if offered {
                return Err(Error::internal("ending an offer", "its hold is not lapsed"));
            }
            continue;
        }
        if let Some(mut held) = claims::held(tx, id).await? {
            claims::forget_quotas(tx, id, &mut held, &|_| false).await?;
            ended.push((id, held));
        }
    }
    Ok(ended)
}

/// When the first hold on each of `stocks` lapses, as the transaction leaves it.
pub(super) async fn next(
    tx: &impl ConnectionTrait,
    stocks: impl Iterator<Item = StockId>,
) -> Result<HashMap<StockId, DateTime<Utc>>, DbErr> {
    let rows: Vec<(Uuid, DateTime<Utc>)> = claim_stock::Entity::find()
        .select_only()
        .column(claim_stock::Column::StockId)
        .column_as(claim::Column::ExpiresAt.min(), "at")
        .join(
            JoinType::InnerJoin,
            claim_stock::Entity::belongs_to(claim::Entity)
                .from(claim_stock::Column::ClaimId)
                .to(claim::Column::Id)
                .into(),
        )
        .filter(claim_stock::Column::StockId.is_in(stocks.map(|stock| stock.0)))
        .filter(claim::Column::EndedAt.is_null())
        .filter(claim::Column::ExpiresAt.is_not_null())
        .group_by(claim_stock::Column::StockId)
        .into_tuple()
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|(stock, at)| (stock.into(), at)).collect())
}

fn lapsed(now: DateTime<Utc>) -> Select<claim::Entity> {
    claim::Entity::find()
        .select_only()
        .column(claim::Column::Id)
        .filter(claim::Column::EndedAt.is_null())
        .filter(claim::Column::ExpiresAt.lte(now))
}

impl Inventory {
    /// Ends some of the lapsed holds; `true` when there may be more. The work of the sweeper.
    pub async fn lapse_some(&self, db: &Db, env: &Env) -> Result<bool, Error> {
        let oldest = lapsed(env.now()).order_by_asc(claim::Column::ExpiresAt).limit(SWEEP);
        let mut ids: Vec<Uuid> = oldest.into_tuple().all(db.read()).await?;
        if ids.is_empty() {
            return Ok(false);
        }
        let found = ids.len();
        ids.sort_unstable();
        self.lapse(db, env, &ids.into_iter().map(ClaimId::from).collect()).await?;
        Ok(u64::try_from(found).is_ok_and(|found| found == SWEEP))
    }

    /// Ends the holds on `stocks` whose time is over, so that what they had goes on to whoever waits.
    pub async fn lapse_on(&self, db: &Db, env: &Env, stocks: &[StockId]) -> Result<(), Error> {
        let mut ids = on(db.read(), stocks, env.now()).await?;
        if ids.is_empty() {
            return Ok(());
        }
        ids.sort_unstable();
        self.lapse(db, env, &ids.into_iter().map(ClaimId::from).collect()).await
    }

    /// Ends those of `ids` that are lapsed.
    pub(super) async fn lapse(&self, db: &Db, env: &Env, ids: &Vec<ClaimId>) -> Result<(), Error> {
        let (ended, stocks, next) = db
            .in_tx("inventory.lapse", |tx| async move {
                let ended = end(tx.conn(), env, ids).await?;
                let changes = Changes::default().give_back(ended.iter().map(|(_, held)| held));
                let lapses = ended.iter().map(|(id, _)| Event::ClaimLapsed(*id));
                let events: Vec<_> = lapses.chain(changes.stocks().map(Event::GateSync)).collect();
                outbox::emit(tx.conn(), env, &events).await?;
                let applied = changes.apply(tx.conn(), env, Guard::On).await?.unwrap_or_default();
                let next = next(tx.conn(), changes.stocks()).await?;
                failpoint::hit("lapse.before_commit").await;
                tx.commit((ended, applied.stocks, next)).await
            })
            .await?;
        for (_, held) in &ended {
            self.let_go(held, &stocks, Some(&next)).await;
        }
        Ok(())
    }
}
