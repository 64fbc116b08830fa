//! The tree as the database keeps it: paths that are copied to every scoped row.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::storage::schema;

/// What the audit says belongs to the place where it happened, and is sealed.
const HISTORY: [&str; 1] = ["audit"];

/// Lets one transaction at a time change the shape of the tree, so that two moves cannot make a
/// circle and a child cannot appear under a path that is just changing.
pub async fn lock(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Postgres {
        // SQLite has one writer anyway.
        let roots = "SELECT id FROM organisation WHERE parent_id IS NULL ORDER BY id FOR UPDATE";
        tx.query_all_raw(Statement::from_string(DbBackend::Postgres, roots)).await?;
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
    let sql = format!(
        "UPDATE {table} SET {column} = $1 || substr({column}, length($2) + 1) WHERE {column} LIKE $3"
    );
    let values = [to.into(), from.into(), format!("{from}%").into()];
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}
