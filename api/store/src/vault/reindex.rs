//! A blind index key that has leaked is changed beside running servers.
//!
//! The new key is announced, so that every process knows it before anybody writes under it. From then
//! on readers look under both. A constraint compares within one key only; what must be unique is
//! therefore also looked for under the other, with [`hold_index_keys`] held, until [`reindex`] has
//! carried every row over and the old key is gone.

use chrono::Duration;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

use super::{Place, Report, Vault, keyring};
use crate::{Db, Env, Error, failpoint};

/// A column of blind indexes, made of what another column of the row seals.
#[derive(Clone, Copy, Debug)]
pub struct Indexed {
    /// Table; the row's key is `id`.
    pub table: &'static str,
    /// The column with the value.
    pub sealed: &'static str,
    /// The column with its index.
    pub index: &'static str,
    /// What [`Vault::index`] is told.
    pub domain: &'static str,
}

impl Indexed {
    const fn new(
        table: &'static str,
        sealed: &'static str,
        index: &'static str,
        domain: &'static str,
    ) -> Self {
        Self { table, sealed, index, domain }
    }
}

/// Every such column of the schema. The codes of family invitations are not among them: they are
/// nowhere else, and live for a day.
pub const INDEXED: &[Indexed] = &[
    Indexed::new("staff", "phone_sealed", "phone_index", "staff.phone"),
    Indexed::new("resident", "name_sealed", "name_index", "resident.name"),
    Indexed::new("resident", "phone_sealed", "phone_index", "resident.phone"),
    Indexed::new("resident", "id_card_sealed", "id_card_index", "resident.id_card"),
    Indexed::new("resident_identity", "subject_sealed", "subject_index", "resident_identity.subject"),
];

/// Rows read, and written, at once.
const BATCH: u32 = 500;

/// Transactions that began under the old key end within this time, and renewals of sessions that
/// were made under it are no longer asked for again.
const SETTLED: Duration = Duration::minutes(1);

/// What became of the indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reindexed {
    /// Every row is under the active key, and it is the only one.
    Done(Report),
    /// The new key is active in so long; nothing was done.
    TooEarly(Duration),
    /// Values that do not open cannot be indexed, so the old key stays.
    Broken(Report),
    /// Somebody still writes under the old key, so it stays.
    Contested(Report),
}

/// Makes every transaction that calls it wait for the one before, while there is a choice of keys.
pub async fn hold_index_keys(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    keyring::hold_index_keys(tx).await.map(drop)
}

/// Carries every row over to the active index key and forgets the one before. May run beside normal
/// work, be killed and be repeated: what is under the active key already is left alone.
pub async fn reindex(db: &Db, env: &Env, vault: &Vault, progress: impl Fn(u64)) -> Result<Reindexed, Error> {
    let newest = keyring::newest_index_key(db.read()).await?;
    let newest = newest.ok_or_else(|| Error::internal("reindexing", "there is no index key"))?;
    let settled = newest.active_from + SETTLED;
    if newest.version > 1 && env.now() < settled {
        return Ok(Reindexed::TooEarly(settled - env.now()));
    }
    vault.reload(db).await?;
    let report = walk(db, env, vault, true, &progress).await?;
    if report.broken > 0 {
        return Ok(Reindexed::Broken(report));
    }
    if check_indexes(db, env, vault).await?.stale > 0 {
        return Ok(Reindexed::Contested(report));
    }
    retire(db, &newest).await?;
    vault.reload(db).await?;
    Ok(Reindexed::Done(report))
}

/// Compares every index with its value and changes nothing.
pub async fn check_indexes(db: &Db, env: &Env, vault: &Vault) -> Result<Report, Error> {
    walk(db, env, vault, false, &|_| {}).await
}

/// The codes of invitations cannot be carried over: those of before end, and a new one is asked for.
async fn retire(db: &Db, newest: &keyring::Model) -> Result<(), Error> {
    let sql = "UPDATE family_link SET expires_at = $1 \
               WHERE accepted_at IS NULL AND invited_at < $1 AND expires_at > $1";
    let end = &Statement::from_sql_and_values(db.backend(), sql, [newest.active_from.into()]);
    db.in_tx("vault.forget_index_key", |tx| async move {
        // Who relies on two keys being there is let finish.
        if keyring::hold_index_keys(tx.conn()).await?.len() > 1 {
            tx.execute_raw(end.clone()).await?;
            keyring::forget_index_keys(tx.conn(), newest.version).await?;
        }
        failpoint::hit("reindex.before_forgetting").await;
        tx.commit(()).await
    })
    .await
}

async fn walk(
    db: &Db,
    env: &Env,
    vault: &Vault,
    renew: bool,
    progress: &impl Fn(u64),
) -> Result<Report, Error> {
    let mut report = Report::default();
    for column in INDEXED {
        let mut after = Uuid::nil();
        loop {
            let rows = batch(db, column, after).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            let stale = stale(env, vault, column, &rows, &mut report);
            if renew && !stale.is_empty() {
                write(db, column, &stale).await?;
            }
            progress(report.values);
        }
    }
    Ok(report)
}

struct Row {
    id: Uuid,
    sealed: Vec<u8>,
    index: Option<Vec<u8>>,
}

/// Rows whose index is not that of their value, with the right one.
fn stale(
    env: &Env,
    vault: &Vault,
    column: &Indexed,
    rows: &[Row],
    report: &mut Report,
) -> Vec<(Uuid, Vec<u8>, Vec<u8>)> {
    let mut stale = Vec::new();
    for Row { id, sealed, index } in rows {
        report.values += 1;
        let Ok(plain) = vault.open(Place::new(column.table, column.sealed, *id), sealed) else {
            tracing::error!(vault.table = column.table, vault.column = column.sealed, vault.row = %id, "a value does not open");
            report.broken += 1;
            continue;
        };
        let right = vault.index(env.now(), column.domain, &plain);
        if index.as_ref() != Some(&right) {
            report.stale += 1;
            stale.push((*id, sealed.clone(), right));
        }
    }
    stale
}

async fn batch(db: &Db, column: &Indexed, after: Uuid) -> Result<Vec<Row>, DbErr> {
    let Indexed { table, sealed, index, .. } = column;
    let sql = format!(
        "SELECT id, {sealed}, {index} FROM {table} WHERE {sealed} IS NOT NULL AND id > $1 ORDER BY id LIMIT {BATCH}"
    );
    let rows =
        db.read().query_all_raw(Statement::from_sql_and_values(db.backend(), sql, [after.into()])).await?;
    let row = |row: &sea_orm::QueryResult| {
        Ok(Row {
            id: row.try_get_by_index(0)?,
            sealed: row.try_get_by_index(1)?,
            index: row.try_get_by_index(2)?,
        })
    };
    rows.iter().map(row).collect()
}

/// A value that changed meanwhile is left alone: who changed it wrote its index, too.
async fn write(db: &Db, column: &Indexed, rows: &[(Uuid, Vec<u8>, Vec<u8>)]) -> Result<(), Error> {
    let Indexed { table, sealed, index, .. } = column;
    let sql = &format!("UPDATE {table} SET {index} = $1 WHERE id = $2 AND {sealed} = $3");
    db.in_tx("vault.reindex", |tx| async move {
        for (id, value, right) in rows {
            let values = [right.clone().into(), (*id).into(), value.clone().into()];
            tx.execute_raw(Statement::from_sql_and_values(db.backend(), sql.clone(), values)).await?;
        }
        failpoint::hit("reindex.before_commit").await;
        tx.commit(()).await
    })
    .await?;
    failpoint::hit("reindex.after_commit").await;
    Ok(())
}
