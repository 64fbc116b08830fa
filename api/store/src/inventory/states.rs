//! What SQL has of stocks, as the gate wants it.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use linli_domain::{
    ids::StockId,
    inventory::{KeyDigest, Stock, Tag},
};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, JoinType, QuerySelect, entity::prelude::*};

use super::{
    changes::to_u32,
    entities::{claim, claim_stock, stock},
    gate::StockState,
};

/// States of stocks by tag.
pub(super) type ByTag = BTreeMap<Tag, Vec<StockState>>;

/// Every stock of a tag.
pub(super) async fn of_tag(conn: &impl ConnectionTrait, tag: &Tag) -> Result<Vec<StockState>, DbErr> {
    let by_tag = read(conn, stock::Column::Tag.eq(tag.as_str()).into()).await?;
    Ok(by_tag.into_values().next().unwrap_or_default())
}

/// These stocks; one that does not exist is left out.
pub(super) async fn of_ids(conn: &impl ConnectionTrait, ids: &[StockId]) -> Result<ByTag, DbErr> {
    read(conn, stock::Column::Id.is_in(ids.iter().map(|id| id.0)).into()).await
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

/// Reads the rows first and who lives on them second: a digest more than the version knows is
/// harmless, one less would refuse somebody's retry.
async fn read(conn: &impl ConnectionTrait, which: Condition) -> Result<ByTag, DbErr> {
    let rows = stock::Entity::find().filter(which.clone()).all(conn).await?;
    let live: Vec<(Uuid, String, Option<DateTime<Utc>>)> = claim_stock::Entity::find()
        .select_only()
        .column(claim_stock::Column::StockId)
        .column(claim::Column::Digest)
        .column(claim::Column::ExpiresAt)
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
        .filter(claim::Column::EndedAt.is_null())
        .into_tuple()
        .all(conn)
        .await?;
    let mut lives = HashMap::<Uuid, (Vec<KeyDigest>, Option<DateTime<Utc>>)>::new();
    for (stock, digest, expires_at) in live {
        let (digests, lapses_at) = lives.entry(stock).or_default();
        digests.extend(digest.parse::<KeyDigest>());
        *lapses_at = [*lapses_at, expires_at].into_iter().flatten().min();
    }
    let mut by_tag = ByTag::new();
    for row in rows {
        let (live, lapses_at) = lives.remove(&row.id).unwrap_or_default();
        let state = StockState { stock: to_stock(&row), lapses_at, live };
        by_tag.entry(Tag::from(row.tag)).or_default().push(state);
    }
    Ok(by_tag)
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
