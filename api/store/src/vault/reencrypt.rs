//! Carrying rows over to the active data key, and checking that every row opens.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

use super::{Place, Vault};
use crate::{Db, Env, Error};

/// Every sealed column of the schema: table and column; the row's key is `id`.
pub const SEALED: &[(&str, &str)] = &[
    ("staff", "name_sealed"),
    ("staff", "phone_sealed"),
    ("resident", "name_sealed"),
    ("resident", "phone_sealed"),
    ("resident", "id_card_sealed"),
    ("resident_identity", "subject_sealed"),
    ("booking", "purpose_sealed"),
    ("booking", "companions_sealed"),
    ("booking", "reason_sealed"),
    ("facility_report", "text_sealed"),
    ("facility_report", "answer_sealed"),
];

/// Rows read at once.
const BATCH: u32 = 500;

/// What a walk over sealed or indexed columns found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Values looked at.
    pub values: u64,
    /// Values sealed or indexed under another key than the active one; carried over, if that was asked for.
    pub stale: u64,
    /// Values that do not open in their place.
    pub broken: u64,
}

/// Seals every stale value anew. May run beside normal work and be repeated: a value that
/// changed meanwhile is left alone, it is under the active key already.
pub async fn reencrypt(db: &Db, env: &Env, vault: &Vault) -> Result<Report, Error> {
    walk(db, env, vault, true).await
}

/// Opens every value and changes nothing.
pub async fn verify(db: &Db, env: &Env, vault: &Vault) -> Result<Report, Error> {
    walk(db, env, vault, false).await
}

async fn walk(db: &Db, env: &Env, vault: &Vault, renew: bool) -> Result<Report, Error> {
    let mut report = Report::default();
    for (table, column) in SEALED {
        let mut after = Uuid::nil();
        loop {
            let rows = batch(db, table, column, after).await?;
            let Some((last, _)) = rows.last() else { break };
            after = *last;
            for (row, sealed) in &rows {
                report.values += 1;
                let place = Place::new(table, column, *row);
                let Ok(plain) = vault.open(place, sealed) else {
                    tracing::error!(vault.table = table, vault.column = column, vault.row = %row, "a value does not open");
                    report.broken += 1;
                    continue;
                };
                if vault.is_stale(env, sealed) {
                    report.stale += 1;
                    if renew {
                        replace(db, table, column, *row, sealed, vault.seal(env, place, &plain)?).await?;
                    }
                }
            }
        }
    }
    Ok(report)
}

async fn batch(db: &Db, table: &str, column: &str, after: Uuid) -> Result<Vec<(Uuid, Vec<u8>)>, DbErr> {
    let sql = format!(
        "SELECT id, {column} FROM {table} WHERE {column} IS NOT NULL AND id > $1 ORDER BY id LIMIT {BATCH}"
    );
    let rows =
        db.read().query_all_raw(Statement::from_sql_and_values(db.backend(), sql, [after.into()])).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

async fn replace(
    db: &Db,
    table: &str,
    column: &str,
    row: Uuid,
    old: &[u8],
    new: Vec<u8>,
) -> Result<(), Error> {
    let sql = format!("UPDATE {table} SET {column} = $1 WHERE id = $2 AND {column} = $3");
    let values = [new.into(), row.into(), old.to_vec().into()];
    let statement = &Statement::from_sql_and_values(db.backend(), sql, values);
    db.in_tx("vault.reencrypt", |tx| async move {
        tx.execute_raw(statement.clone()).await?;
        tx.commit(()).await
    })
    .await
}
