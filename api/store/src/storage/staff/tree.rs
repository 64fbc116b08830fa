//! The tree as the database keeps it: paths that are copied to every scoped row.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::storage::schema;

/// What the audit says belongs to the place where it happened, and is sealed.
const HISTORY: [&str; 1] = ["audit"];

/// Rows that an edit writes whole, path included, at the version it read: a move takes the next
/// version, so that such an edit cannot write the old path back.
const WRITTEN_WHOLE: [&str; 4] = ["organisation", "resident", "service_area", "staff"];

/// Names the tree among the advisory locks of PostgreSQL.
const TREE: i64 = 0x6c69_6e6c_6974_7265;

/// Lets one transaction at a time change the shape of the tree, so that two moves cannot make a
/// circle and nothing can be put under a path that is just changing. Taken before anything is read.
pub async fn lock(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    advisory(tx, "SELECT pg_advisory_xact_lock($1)").await
}

/// Keeps the shape of the tree until the transaction ends: whoever copies a path to a new row asks
/// for it before reading that path. Any number hold it at once.
pub async fn hold(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    advisory(tx, "SELECT pg_advisory_xact_lock_shared($1)").await
}

async fn advisory(tx: &impl ConnectionTrait, sql: &str) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Postgres {
        // SQLite has one writer anyway.
        tx.query_one_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, [TREE.into()])).await?;
    }
    Ok(())
}

/// Rewrites every copy of a path that begins with `from`.
///
/// The tables are asked from the schema: one that a later migration adds cannot be forgotten here.
pub async fn rewrite_paths(tx: &impl ConnectionTrait, from: &str, to: &str) -> Result<(), DbErr> {
    rewrite(tx, "organisation", "path", from, to).await?;
    for table in schema::tables_with(tx, "org_path").await? {
        if !HISTORY.contains(&table.as_str()) {
            rewrite(tx, &table, "org_path", from, to).await?;
        }
    }
    Ok(())
}

async fn rewrite(
    tx: &impl ConnectionTrait,
    table: &str,
    column: &str,
    from: &str,
    to: &str,
) -> Result<(), DbErr> {
    let next_version = if WRITTEN_WHOLE.contains(&table) { ", version = version + 1" } else { "" };
    let sql = format!(
        "UPDATE {table} SET {column} = $1 || substr({column}, length($2) + 1){next_version} WHERE {column} LIKE $3"
    );
    let values = [to.into(), from.into(), format!("{from}%").into()];
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}
