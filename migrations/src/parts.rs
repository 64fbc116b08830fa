//! Parts that many migrations share.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// A named foreign key to the `id` of another table.
pub(crate) fn references(
    name: &str,
    table: &'static str,
    column: &'static str,
    to: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create().name(name).from(table, column).to(to, "id").to_owned()
}

/// The index behind `<column> LIKE '<path>%'`.
///
/// PostgreSQL needs the pattern operator class for that, whatever the collation; SQLite uses an
/// index for LIKE only where the column collates without case, and paths are lower case anyway.
pub(crate) async fn path_index(manager: &SchemaManager<'_>, table: &str, column: &str) -> Result<(), DbErr> {
    let class = match manager.get_database_backend() {
        DbBackend::Postgres => "text_pattern_ops",
        _ => "COLLATE NOCASE",
    };
    let sql = format!("CREATE INDEX {table}_{column} ON {table} ({column} {class})");
    manager.get_connection().execute_unprepared(&sql).await?;
    Ok(())
}

/// A unique index over the rows that `only` selects.
pub(crate) async fn unique_where(
    manager: &SchemaManager<'_>,
    name: &str,
    table: &str,
    columns: &str,
    only: &str,
) -> Result<(), DbErr> {
    let sql = format!("CREATE UNIQUE INDEX {name} ON {table} ({columns}) WHERE {only}");
    manager.get_connection().execute_unprepared(&sql).await?;
    Ok(())
}
