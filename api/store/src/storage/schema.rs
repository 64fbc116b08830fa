//! Questions to the schema itself.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// Table.
    pub table: String,
    /// Name.
    pub name: String,
    /// Type as the database calls it.
    pub kind: String,
}

/// Every column of every table of ours, sorted.
pub async fn columns(conn: &impl ConnectionTrait) -> Result<Vec<Column>, DbErr> {
    let backend = conn.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => {
            "SELECT c.table_name::text, c.column_name::text, c.data_type::text FROM information_schema.columns c \
             JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
             WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' ORDER BY 1, 2"
        }
        _ => {
            "SELECT m.name, c.name, lower(c.type) FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY 1, 2"
        }
    };
    let rows = conn.query_all_raw(Statement::from_string(backend, sql)).await?;
    let column = |row: &sea_orm::QueryResult| {
        Ok(Column {
            table: row.try_get_by_index(0)?,
            name: row.try_get_by_index(1)?,
            kind: row.try_get_by_index(2)?,
        })
    };
    rows.iter().map(column).collect()
}

/// The tables that have a column of this name, sorted.
pub async fn tables_with(conn: &impl ConnectionTrait, column: &str) -> Result<Vec<String>, DbErr> {
    let backend = conn.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => {
            "SELECT c.table_name::text FROM information_schema.columns c \
             JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
             WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.column_name = $1 ORDER BY 1"
        }
        _ => {
            "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = $1 \
             WHERE m.type = 'table' ORDER BY 1"
        }
    };
    let rows = conn.query_all_raw(Statement::from_sql_and_values(backend, sql, [column.into()])).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}
