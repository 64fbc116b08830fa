//! The schema under `kill -9`: whatever was cut off, the next `linli migrate` completes it.

use std::{process::Stdio, thread, time::Duration};

use linli_store::Db;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::{database::Fresh, process::linli};

/// Every table and index with what defines it, sorted.
async fn schema(db: &Db) -> Vec<String> {
    let sql = match db.backend() {
        DbBackend::Postgres => {
            "SELECT table_name || '.' || column_name || ' ' || data_type AS line \
             FROM information_schema.columns WHERE table_schema = 'public' \
             UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
        }
        _ => "SELECT COALESCE(sql, name) AS line FROM sqlite_master ORDER BY 1",
    };
    let rows = db.read().query_all_raw(Statement::from_string(db.backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get("", "line").unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_migration_leaves_nothing_that_the_next_one_trips_over() {
    for (whole, cut) in [
        (Fresh::sqlite().await, Fresh::bare_sqlite()),
        (Fresh::postgres().await, Fresh::bare_postgres().await),
    ] {
        let data = tempfile::tempdir().unwrap();
        for patience_ms in [20, 40, 60, 80, 120, 160, 200] {
            let mut migrate = linli(&["migrate"], &cut.url, data.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            thread::sleep(Duration::from_millis(patience_ms));
            // It may have ended by itself.
            let _ = migrate.kill();
            migrate.wait().unwrap();
        }
        let last = linli(&["migrate"], &cut.url, data.path()).output().unwrap();
        assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
        let (expected, found) = (whole.connect().await, cut.connect().await);
        assert_eq!(schema(&expected).await, schema(&found).await);
        for (db, fresh) in [(expected, whole), (found, cut)] {
            db.close().await.unwrap();
            fresh.remove().await;
        }
    }
}
