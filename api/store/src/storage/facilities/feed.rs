//! The changes feed: every facility once, at the place of its latest change.
//!
//! A change moves its facility to the end. On PostgreSQL the place is the id of the writing
//! transaction, and readers stop below the oldest transaction still running, so a slow one is
//! never passed over; on SQLite, with one writer, it is a counter. Facilities of one transaction
//! stand in order of id.

use chrono::{DateTime, Utc};
use linli_domain::ids::FacilityId;
use sea_orm::{
    Condition, DbBackend, QueryOrder, QuerySelect, QueryTrait, entity::prelude::*, sea_query::Expr,
};
use serde::{Deserialize, Serialize};

use super::{
    Stored,
    facility::{Column, Entity},
};
use crate::Error;

/// A place in the feed; everything at or before it has been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Revision.
    pub revision: i64,
    /// Facility.
    pub id: FacilityId,
}

/// Moves facilities to the end of the feed.
pub(super) async fn touch(conn: &impl ConnectionTrait, ids: &[FacilityId]) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    let end = match conn.get_database_backend() {
        DbBackend::Postgres => "pg_current_xact_id()::text::bigint",
        _ => "(SELECT COALESCE(MAX(revision), 0) + 1 FROM facility)",
    };
    Entity::update_many()
        .col_expr(Column::Revision, Expr::cust(end))
        .filter(Column::Id.is_in(ids.iter().map(|id| id.0)))
        .exec(conn)
        .await?;
    Ok(())
}

/// Up to `limit` facilities after `after`, none of which can be overtaken any more, changed since `since`.
pub async fn read_after(
    conn: &impl ConnectionTrait,
    after: Option<Place>,
    since: Option<DateTime<Utc>>,
    limit: u64,
) -> Result<Vec<Stored>, Error> {
    let settled = match conn.get_database_backend() {
        DbBackend::Postgres => "facility.revision < pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
        _ => "1 = 1",
    };
    let rows = Entity::find()
        .filter(Expr::cust(settled))
        .apply_if(after, |query, Place { revision, id }| {
            let same = Condition::all().add(Column::Revision.eq(revision)).add(Column::Id.gt(id.0));
            query.filter(Condition::any().add(Column::Revision.gt(revision)).add(same))
        })
        .apply_if(since, |query, since| query.filter(Column::UpdatedAt.gte(since)))
        .order_by_asc(Column::Revision)
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    rows.into_iter().map(Stored::try_from).collect()
}
