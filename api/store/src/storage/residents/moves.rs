//! What belongs to a resident, table by table: moved when two records become one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use linli_domain::ids::ResidentId;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};

use crate::storage::schema;

/// Tables whose rows do not simply change their owner: favourites are joined, sessions end.
const NOT_MOVED: [&str; 2] = ["favourite", "session"];

/// Links that both records had with the same other resident, or with each other, end.
const END_DOUBLE_LINKS: &str = "UPDATE family_link SET ended_at = $1 WHERE ended_at IS NULL AND ( \
     (principal_id = $2 AND agent_id = $3) OR (principal_id = $3 AND agent_id = $2) \
     OR (principal_id = $3 AND EXISTS (SELECT 1 FROM family_link w WHERE w.ended_at IS NULL \
         AND w.principal_id = $2 AND w.agent_id = family_link.agent_id)) \
     OR (agent_id = $3 AND EXISTS (SELECT 1 FROM family_link w WHERE w.ended_at IS NULL \
         AND w.agent_id = $2 AND w.principal_id = family_link.principal_id)))";

/// A consent to a link ends with it, and of two live consents to one thing the winner's stays.
const END_DOUBLE_CONSENTS: &str = "UPDATE consent SET revoked_at = $1 WHERE revoked_at IS NULL AND ( \
     (kind = 'family' AND resident_id IN ($2, $3) AND subject_id IN \
         (SELECT id FROM family_link WHERE ended_at IS NOT NULL)) \
     OR (resident_id = $3 AND EXISTS (SELECT 1 FROM consent w WHERE w.revoked_at IS NULL \
         AND w.resident_id = $2 AND w.kind = consent.kind AND w.subject_id = consent.subject_id)))";

/// Where both records have the same time or the same message, the winner's stays.
const DROP_DOUBLES: [&str; 2] = [
    "DELETE FROM booking_presence WHERE resident_id = $2 AND EXISTS (SELECT 1 FROM booking_presence w \
     WHERE w.resident_id = $1 AND w.starts_at = booking_presence.starts_at)",
    "DELETE FROM message WHERE resident_id = $2 AND EXISTS (SELECT 1 FROM message w \
     WHERE w.resident_id = $1 AND w.booking_id = message.booking_id \
       AND w.booking_version = message.booking_version)",
];

const JOIN_FAVOURITES: &str = "INSERT INTO favourite (resident_id, facility_id, created_at) \
     SELECT $1, facility_id, created_at FROM favourite WHERE resident_id = $2 ON CONFLICT DO NOTHING";

/// Locks both records in the order of their ids.
pub async fn lock_pair(tx: &impl ConnectionTrait, a: ResidentId, b: ResidentId) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Postgres {
        let sql = "SELECT id FROM resident WHERE id IN ($1, $2) ORDER BY id FOR UPDATE";
        let values = [a.0.into(), b.0.into()];
        tx.query_all_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    }
    Ok(())
}

/// Moves everything of `loser` to `winner`; answers how many rows of which table.
///
/// The tables are asked from the schema: one that a later migration adds cannot be forgotten here.
pub async fn move_all(
    tx: &impl ConnectionTrait,
    now: DateTime<Utc>,
    winner: ResidentId,
    loser: ResidentId,
) -> Result<BTreeMap<String, u64>, DbErr> {
    let (to, from): (Value, Value) = (winner.0.into(), loser.0.into());
    let (pair, timed) = ([to.clone(), from.clone()], [now.into(), to, from.clone()]);
    let mut moved = BTreeMap::new();
    run(tx, END_DOUBLE_LINKS, timed.clone()).await?;
    run(tx, END_DOUBLE_CONSENTS, timed).await?;
    for doubles in DROP_DOUBLES {
        run(tx, doubles, pair.clone()).await?;
    }
    moved.insert("favourite".to_owned(), run(tx, JOIN_FAVOURITES, pair.clone()).await?);
    run(tx, "DELETE FROM favourite WHERE resident_id = $1", [from]).await?;
    for (column, other) in [("principal_id", "agent_id"), ("agent_id", "principal_id")] {
        // A link that was between the two stays as it was: nobody is linked to themselves.
        let sql = format!(
            "UPDATE family_link SET {column} = $1 WHERE {column} = $2 AND ({other} IS NULL OR {other} <> $1)"
        );
        *moved.entry("family_link".to_owned()).or_default() += run(tx, &sql, pair.clone()).await?;
    }
    for table in schema::tables_with(tx, "resident_id").await? {
        if !NOT_MOVED.contains(&table.as_str()) {
            let sql = format!("UPDATE {table} SET resident_id = $1 WHERE resident_id = $2");
            moved.insert(table, run(tx, &sql, pair.clone()).await?);
        }
    }
    moved.retain(|_, rows| *rows > 0);
    Ok(moved)
}

async fn run(
    tx: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, DbErr> {
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    Ok(tx.execute_raw(statement).await?.rows_affected())
}
