//! What tests stand on: a fresh migrated database of either kind, and a Redis that may be killed.
//!
//! Compiled into the unit tests of this crate, and by path into the integration tests of `linli`,
//! so that neither a feature nor a published module is needed. Nothing is ever skipped: where a
//! service is missing, the test fails and says how to start it.

pub(crate) mod database;
pub(crate) mod redis;

/// Declares a test that runs once on SQLite and once on PostgreSQL:
/// `on_both!(name, async |db: &Db| { … });`
macro_rules! on_both {
    ($name:ident, $body:expr) => {
        mod $name {
            use super::*;

            async fn body(fresh: linli_store::testing::database::Fresh) {
                let db = fresh.connect().await;
                let test = $body;
                test(&db).await;
                db.close().await.unwrap();
                fresh.remove().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                body(linli_store::testing::database::Fresh::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                body(linli_store::testing::database::Fresh::postgres().await).await;
            }
        }
    };
}
pub(crate) use on_both;
