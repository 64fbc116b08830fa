//! Texts from a time when they lay open: sealed where they stand, once servers have a key.
//!
//! There is something to do only after an upgrade; then it ends within minutes.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

use super::{Place, Vault};
use crate::{Db, Env, Error};

/// Table, the column that lay open, and the one that took its place. What stands in the first is the
/// newer: who writes the second empties it.
const OPEN: &[(&str, &str, &str)] = &[
    ("booking", "purpose_open", "purpose_sealed"),
    ("booking", "reason_open", "reason_sealed"),
    ("facility_report", "text", "text_sealed"),
    ("facility_report", "answer", "answer_sealed"),
];

/// Texts sealed in one transaction.
const BATCH: usize = 100;

/// Seals some of what lies open; whether there may be more.
pub async fn seal_some(db: &Db, env: &Env, vault: &Vault) -> Result<bool, Error> {
    let mut more = false;
    for (table, open, sealed) in OPEN {
        let rows = &batch(db, table, open).await?;
        more |= rows.len() == BATCH;
        if rows.is_empty() {
            continue;
        }
        // What was changed or forgotten in between is left alone.
        let sql = &format!("UPDATE {table} SET {sealed} = $1, {open} = NULL WHERE id = $2 AND {open} = $3");
        db.in_tx("vault.seal", |tx| async move {
            for (row, text) in rows {
                let value = vault.seal(env, Place::new(table, sealed, *row), text)?;
                let values = [value.into(), (*row).into(), text.clone().into()];
                tx.execute_raw(Statement::from_sql_and_values(db.backend(), sql.clone(), values)).await?;
            }
            tx.commit(()).await
        })
        .await?;
    }
    Ok(more)
}

async fn batch(db: &Db, table: &str, open: &str) -> Result<Vec<(Uuid, String)>, DbErr> {
    let sql = format!("SELECT id, {open} FROM {table} WHERE {open} IS NOT NULL ORDER BY id LIMIT {BATCH}");
    let rows = db.read().query_all_raw(Statement::from_string(db.backend(), sql)).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}
