//! `linli migrate`: the schema, by one process at a time.

use std::time::Duration;

use linli_migrations::{Migrator, MigratorTrait};
use linli_store::Db;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};

use super::{Outcome, say};
use crate::Config;

/// Any number; it only has to be ours.
const LOCK: i64 = 0x006C_696E_6C69;

/// Runs it for the configured database.
pub(super) async fn run(config: &Config) -> Outcome {
    // One connection without the limits of a serving pool: an index may take minutes to build, and
    // the advisory lock lives and dies with the connection.
    let mut options = ConnectOptions::new(if config.database.url.starts_with("sqlite:") {
        format!("{}?mode=rwc", config.database.url)
    } else {
        config.database.url.clone()
    });
    options.max_connections(1).sqlx_logging(false);
    if let Some(file) = config.database.url.strip_prefix("sqlite:")
        && let Some(folder) = std::path::Path::new(file.trim_start_matches("//")).parent()
    {
        std::fs::create_dir_all(folder)?;
    }
    let conn = Database::connect(options).await?;
    lock(&conn).await?;
    let pending = Migrator::get_pending_migrations(&conn).await?.len();
    Migrator::up(&conn, None).await?;
    say(&format!("the schema is up to date ({pending} migrations applied)"));
    conn.close().await?;
    Ok(())
}

/// Migrates a database that nobody else uses: the demo's and the tests'.
pub async fn own(config: &Config) -> Result<(), sea_orm::DbErr> {
    let db = Db::connect(&crate::app::db_options(config)).await?;
    Migrator::up(db.any_write(), None).await?;
    db.close().await
}

/// Takes the lock by asking again and again: a waiter that blocks inside PostgreSQL would hold a
/// snapshot open and stall `CREATE INDEX CONCURRENTLY` of the one that works.
async fn lock(conn: &DatabaseConnection) -> Result<(), sea_orm::DbErr> {
    if conn.get_database_backend() != DbBackend::Postgres {
        // SQLite locks the file itself.
        return Ok(());
    }
    loop {
        let ask = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_try_advisory_lock($1) AS got",
            [LOCK.into()],
        );
        let got = conn.query_one_raw(ask).await?.map(|row| row.try_get("", "got")).transpose()?;
        if got == Some(true) {
            return Ok(());
        }
        eprintln!("another process is migrating; waiting");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
