//! Questions to the schema itself.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

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
