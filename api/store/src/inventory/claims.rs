//! Claims in SQL: the rows of one, from its making to its end.

use chrono::{DateTime, Utc};
use linli_domain::{
    ids::ClaimId,
    inventory::{Claim, KeyDigest, Need, Tag},
};
use sea_orm::{
    Condition, ConnectionTrait, DbErr, FromQueryResult, Set, Statement, entity::prelude::*, sea_query::Expr,
};

use super::{
    changes::{to_i32, to_u32},
    entities::{claim, claim_quota, claim_stock},
};
use crate::{Env, Error};

/// What a claim holds, as giving it back needs to know.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) digest: KeyDigest,
    /// In the order of stock ids.
    pub(super) needs: Vec<(Tag, Need)>,
    pub(super) quotas: Vec<claim_quota::Model>,
}

impl Held {
    pub(super) fn plain_needs(&self) -> Vec<Need> {
        self.needs.iter().map(|(_, need)| *need).collect()
    }
}

/// Writes the claim and what it holds. Comes before the stocks, which are hot.
pub(super) async fn insert(tx: &impl ConnectionTrait, env: &Env, claim: &Claim) -> Result<(), DbErr> {
    let row = claim::ActiveModel {
        id: Set(claim.id.0),
        principal: Set(claim.principal.clone()),
        digest: Set(claim.digest.to_string()),
        created_at: Set(env.now()),
        expires_at: Set(claim.expires_at),
        ended_at: Set(None),
    };
    claim::Entity::insert(row).exec_without_returning(tx).await?;
    insert_holdings(tx, claim).await
}

/// Writes a hold that nobody asked for just now: it is offered to somebody who waits.
pub(super) async fn insert_hold(
    tx: &impl ConnectionTrait,
    now: DateTime<Utc>,
    (id, principal, digest): (ClaimId, &str, KeyDigest),
    expires_at: DateTime<Utc>,
    needs: &[Need],
) -> Result<(), DbErr> {
    let row = claim::ActiveModel {
        id: Set(id.0),
        principal: Set(principal.to_owned()),
        digest: Set(digest.to_string()),
        created_at: Set(now),
        expires_at: Set(Some(expires_at)),
        ended_at: Set(None),
    };
    claim::Entity::insert(row).exec_without_returning(tx).await?;
    let stocks = needs.iter().map(|need| claim_stock::ActiveModel {
        claim_id: Set(id.0),
        stock_id: Set(need.stock.0),
        units: Set(to_i32(need.units)),
    });
    claim_stock::Entity::insert_many(stocks).exec_without_returning(tx).await?;
    Ok(())
}

async fn insert_holdings(tx: &impl ConnectionTrait, claim: &Claim) -> Result<(), DbErr> {
    let stocks = claim.needs_by_stock().into_iter().map(|need| claim_stock::ActiveModel {
        claim_id: Set(claim.id.0),
        stock_id: Set(need.stock.0),
        units: Set(to_i32(need.units)),
    });
    claim_stock::Entity::insert_many(stocks).exec_without_returning(tx).await?;
    let quotas = claim.quotas().iter().map(|need| claim_quota::ActiveModel {
        claim_id: Set(claim.id.0),
        key: Set(need.key.clone()),
        window: Set(need.window.clone()),
        units: Set(to_i32(need.units)),
    });
    claim_quota::Entity::insert_many(quotas).exec_without_returning(tx).await?;
    Ok(())
}

/// What a claim holds, or held when it ended.
pub(super) async fn held(conn: &impl ConnectionTrait, id: ClaimId) -> Result<Option<Held>, Error> {
    match claim::Entity::find_by_id(id.0).one(conn).await? {
        Some(row) => read(conn, &row).await.map(Some),
        None => Ok(None),
    }
}

async fn read(conn: &impl ConnectionTrait, row: &claim::Model) -> Result<Held, Error> {
    #[derive(FromQueryResult)]
    struct Row {
        stock_id: Uuid,
        units: i32,
        tag: String,
    }
    const SQL: &str = "SELECT claim_stock.stock_id, claim_stock.units, stock.tag FROM claim_stock \
         JOIN stock ON stock.id = claim_stock.stock_id WHERE claim_stock.claim_id = $1 \
         ORDER BY claim_stock.stock_id";
    let digest = row.digest.parse().map_err(|error| Error::internal("reading a claim's digest", error))?;
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), SQL, [row.id.into()]);
    let stocks = Row::find_by_statement(statement).all(conn).await?;
    let quotas =
        claim_quota::Entity::find().filter(claim_quota::Column::ClaimId.eq(row.id)).all(conn).await?;
    let needs = stocks
        .into_iter()
        .map(|row| (Tag::from(row.tag), Need { stock: row.stock_id.into(), units: to_u32(row.units) }));
    Ok(Held { digest, needs: needs.collect(), quotas })
}

/// Ends a claim that has not ended: `false` when it has.
pub(super) async fn end(tx: &impl ConnectionTrait, env: &Env, id: ClaimId) -> Result<bool, DbErr> {
    move_row(tx, id, not_ended(), claim::Column::EndedAt, Some(env.now())).await
}

/// Ends a hold whose time is over: `false` when it is not, or somebody else ended it.
pub(super) async fn end_lapsed(tx: &impl ConnectionTrait, env: &Env, id: ClaimId) -> Result<bool, DbErr> {
    let now = env.now();
    let lapsed = not_ended().add(claim::Column::ExpiresAt.lte(now));
    move_row(tx, id, lapsed, claim::Column::EndedAt, Some(now)).await
}

/// Makes a live hold permanent: `false` when it has lapsed or ended.
pub(super) async fn keep(tx: &impl ConnectionTrait, env: &Env, id: ClaimId) -> Result<bool, DbErr> {
    move_row(tx, id, live(env.now()), claim::Column::ExpiresAt, None).await
}

/// Forgets that `held` counted against its quotas, except those that `keeps` names: they stay counted.
pub(super) async fn forget_quotas(
    tx: &impl ConnectionTrait,
    id: ClaimId,
    held: &mut Held,
    keeps: &(dyn Fn(&str) -> bool + Sync),
) -> Result<(), DbErr> {
    held.quotas.retain(|row| !keeps(&row.key));
    for row in &held.quotas {
        claim_quota::Entity::delete_by_id((id.0, row.key.clone(), row.window.clone())).exec(tx).await?;
    }
    Ok(())
}

/// Puts what a live claim holds behind it and gives the claim what `moved` asks for.
///
/// What it held stays on record under a claim of its own that has ended: its digest is how a retry of
/// the request that made it still finds its answer.
pub(super) async fn replace(
    tx: &impl ConnectionTrait,
    env: &Env,
    moved: &Claim,
) -> Result<Option<Held>, Error> {
    let now = env.now();
    let before = claim::Entity::find_by_id(moved.id.0).filter(live(now)).one(tx).await?;
    let Some(before) = before else { return Ok(None) };
    let past_id: Uuid = env.id();
    let past = claim::ActiveModel {
        id: Set(past_id),
        principal: Set(before.principal.clone()),
        digest: Set(before.digest.clone()),
        created_at: Set(before.created_at),
        expires_at: Set(before.expires_at),
        ended_at: Set(Some(now)),
    };
    // Only one of two that move or end it at once finds it as it was read.
    let changed = claim::Entity::update_many()
        .col_expr(claim::Column::Digest, Expr::value(moved.digest.to_string()))
        .col_expr(claim::Column::ExpiresAt, Expr::value(moved.expires_at))
        .filter(claim::Column::Id.eq(moved.id.0))
        .filter(claim::Column::Digest.eq(&before.digest))
        .filter(live(now))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(None);
    }
    let mut held = read(tx, &before).await?;
    forget_quotas(tx, moved.id, &mut held, &|_| false).await?;
    claim::Entity::insert(past).exec_without_returning(tx).await?;
    claim_stock::Entity::update_many()
        .col_expr(claim_stock::Column::ClaimId, Expr::value(past_id))
        .filter(claim_stock::Column::ClaimId.eq(moved.id.0))
        .exec(tx)
        .await?;
    insert_holdings(tx, moved).await?;
    Ok(Some(held))
}

fn not_ended() -> Condition {
    Condition::all().add(claim::Column::EndedAt.is_null())
}

/// SQL's form of [`linli_domain::inventory::is_live`].
fn live(now: DateTime<Utc>) -> Condition {
    let to_come =
        Condition::any().add(claim::Column::ExpiresAt.is_null()).add(claim::Column::ExpiresAt.gt(now));
    not_ended().add(to_come)
}

async fn move_row(
    tx: &impl ConnectionTrait,
    id: ClaimId,
    when: Condition,
    column: claim::Column,
    value: Option<DateTime<Utc>>,
) -> Result<bool, DbErr> {
    let moved = claim::Entity::update_many()
        .col_expr(column, Expr::value(value))
        .filter(claim::Column::Id.eq(id.0))
        .filter(when)
        .exec(tx)
        .await?;
    Ok(moved.rows_affected == 1)
}
