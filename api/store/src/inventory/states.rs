//! What SQL has of stocks, as the gate wants it.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use linli_domain::{
    ids::StockId,
    inventory::{KeyDigest, Stock, Tag},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, FromQueryResult, JoinType, QuerySelect,
    entity::prelude::*, sea_query::ExprTrait,
};

use super::{
    changes::to_u32,
    entities::{claim, claim_stock, stock},
    gate::StockState,
};
use crate::{Env, idempotency};

/// States of stocks by tag.
pub(super) type ByTag = BTreeMap<Tag, Vec<StockState>>;

/// Every stock of a tag.
pub(super) async fn of_tag(
    conn: &impl ConnectionTrait,
    env: &Env,
    tag: &Tag,
) -> Result<Vec<StockState>, DbErr> {
    let by_tag = read(conn, env, stock::Column::Tag.eq(tag.as_str()).into()).await?;
    Ok(by_tag.into_values().next().unwrap_or_default())
}

/// These stocks; one that does not exist is left out.
pub(super) async fn of_ids(conn: &impl ConnectionTrait, env: &Env, ids: &[StockId]) -> Result<ByTag, DbErr> {
    read(conn, env, stock::Column::Id.is_in(ids.iter().map(|id| id.0)).into()).await
}

/// The stocks alone, for availability.
pub async fn of_stocks(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = StockId>,
) -> Result<HashMap<StockId, Stock>, DbErr> {
    let rows = stock::Entity::find()
        .filter(stock::Column::Id.is_in(ids.into_iter().map(|id| id.0)))
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id.into(), to_stock(&row))).collect())
}

/// Reads the rows first and whose claims are or were on them second: a digest more than the version
/// knows is harmless, one less would refuse somebody's retry.
async fn read(conn: &impl ConnectionTrait, env: &Env, which: Condition) -> Result<ByTag, DbErr> {
    let rows = stock::Entity::find().filter(which.clone()).all(conn).await?;
    let replayed = claim::Column::EndedAt.gt(env.now() - idempotency::KEPT);
    let claims = claim_stock::Entity::find()
        .select_only()
        .column(claim_stock::Column::StockId)
        .column(claim::Column::Digest)
        .column(claim::Column::ExpiresAt)
        .column(claim::Column::EndedAt)
        .join(
            JoinType::InnerJoin,
            claim_stock::Entity::belongs_to(claim::Entity)
                .from(claim_stock::Column::ClaimId)
                .to(claim::Column::Id)
                .into(),
        )
        .join(
            JoinType::InnerJoin,
            claim_stock::Entity::belongs_to(stock::Entity)
                .from(claim_stock::Column::StockId)
                .to(stock::Column::Id)
                .into(),
        )
        .filter(which)
        .filter(claim::Column::EndedAt.is_null().or(replayed))
        .into_model::<ClaimOn>()
        .all(conn)
        .await?;
    let mut on = HashMap::<Uuid, Claims>::new();
    for ClaimOn { stock_id, digest, expires_at, ended_at } in claims {
        let on = on.entry(stock_id).or_default();
        if ended_at.is_some() {
            on.past.extend(digest.parse::<KeyDigest>());
        } else {
            on.live.extend(digest.parse::<KeyDigest>());
            on.lapses_at = [on.lapses_at, expires_at].into_iter().flatten().min();
        }
    }
    let mut by_tag = ByTag::new();
    for row in rows {
        let Claims { live, past, lapses_at } = on.remove(&row.id).unwrap_or_default();
        let state = StockState { stock: to_stock(&row), lapses_at, live, past };
        by_tag.entry(Tag::from(row.tag)).or_default().push(state);
    }
    Ok(by_tag)
}

/// A claim that lives on a stock, or did until lately.
#[derive(FromQueryResult)]
struct ClaimOn {
    stock_id: Uuid,
    digest: String,
    expires_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
}

/// Whose claims are and were on a stock.
#[derive(Default)]
struct Claims {
    live: Vec<KeyDigest>,
    past: Vec<KeyDigest>,
    lapses_at: Option<DateTime<Utc>>,
}

fn to_stock(row: &stock::Model) -> Stock {
    Stock {
        id: row.id.into(),
        capacity: to_u32(row.capacity),
        used: to_u32(row.used),
        open: row.open,
        version: row.version,
    }
}
