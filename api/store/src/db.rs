//! The database: a writer and a reader, and the one transaction of a use case.

use std::{ops::Deref, time::Duration};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::Error;

/// How often a transaction that the database asks to repeat is tried in all.
const ATTEMPTS: u32 = 4;

/// Bounds of the connections; every wait has one.
#[derive(Clone, Debug)]
pub struct DbOptions {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    /// Connections at the most (SQLite: readers; it has one writer).
    pub max_connections: u32,
    /// How long to wait for a connection.
    pub acquire_timeout: Duration,
    /// How long a statement may run (PostgreSQL).
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock (PostgreSQL); also how long a second request
    /// with the same idempotency key waits for the first.
    pub lock_timeout: Duration,
}

impl DbOptions {
    /// Sensible bounds for `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 16,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(2),
        }
    }
}

/// The database of a city.
///
/// SQLite gets one connection for writing, whose transactions begin `IMMEDIATE`, beside a pool that
/// can only read; on PostgreSQL both are one pool.
#[derive(Clone, Debug)]
pub struct Db {
    write: DatabaseConnection,
    read: DatabaseConnection,
    backend: DbBackend,
}

impl Db {
    /// Connects.
    pub async fn connect(options: &DbOptions) -> Result<Self, DbErr> {
        if options.url.starts_with("sqlite:") {
            let write = Database::connect(sqlite(options, false)).await?;
            let read = Database::connect(sqlite(options, true)).await?;
            return Ok(Self { write, read, backend: DbBackend::Sqlite });
        }
        let pool = Database::connect(postgres(options)).await?;
        Ok(Self { write: pool.clone(), read: pool, backend: DbBackend::Postgres })
    }

    /// Which database this is.
    pub const fn backend(&self) -> DbBackend {
        self.backend
    }

    /// For look-ups and lists outside a transaction.
    pub const fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// The raw writer, for the migrator and for maintenance only.
    pub const fn any_write(&self) -> &DatabaseConnection {
        &self.write
    }

    /// Runs the one transaction of a use case.
    ///
    /// The closure ends with `tx.commit(value).await`; when it returns early, everything is undone.
    /// It runs again when the database asks for it (serialisation failure, deadlock), so it must
    /// have no effect outside the transaction. Written `|tx| async move { … }` over references:
    /// the futures of async closures cannot yet be proven `Send` when they borrow.
    pub async fn in_tx<T, F, Fut>(&self, name: &'static str, work: F) -> Result<T, Error>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<Committed<T>, Error>>,
    {
        let mut attempt = 1;
        loop {
            let tx = self.begin().await?;
            match work(tx).await {
                Ok(committed) => return Ok(committed.0),
                Err(error) if error.is_retryable() && attempt < ATTEMPTS => {
                    metrics::counter!("linli_tx_retries_total", "tx" => name).increment(1);
                    tracing::debug!(tx.name = name, tx.attempt = attempt, "retrying a transaction");
                    // A little apart, so that two that collided do not collide again.
                    tokio::time::sleep(Duration::from_millis(u64::from(attempt * attempt) * 5)).await;
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that begins transactions")]
    async fn begin(&self) -> Result<Tx, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        Ok(Tx(self.write.begin_with_options(options).await?))
    }

    /// Closes the pools, waiting for what is checked out.
    pub async fn close(&self) -> Result<(), DbErr> {
        self.read.close_by_ref().await?;
        self.write.close_by_ref().await
    }
}

/// An open transaction. Dropped without [`Tx::commit`], it is rolled back.
#[derive(Debug)]
pub struct Tx(DatabaseTransaction);

impl Tx {
    /// Makes everything durable and hands out `value`.
    pub async fn commit<T>(self, value: T) -> Result<Committed<T>, Error> {
        self.0.commit().await?;
        Ok(Committed(value))
    }

    /// The connection, for queries.
    pub const fn conn(&self) -> &DatabaseTransaction {
        &self.0
    }
}

impl Deref for Tx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.0
    }
}

/// A value whose transaction is committed. Only [`Tx::commit`] makes one.
#[derive(Debug)]
pub struct Committed<T>(T);

fn bounded(options: &DbOptions) -> ConnectOptions {
    let mut connect = ConnectOptions::new(options.url.clone());
    connect
        .acquire_timeout(options.acquire_timeout)
        .connect_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    connect
}

fn sqlite(options: &DbOptions, read_only: bool) -> ConnectOptions {
    let mut connect = bounded(options);
    connect.max_connections(if read_only { options.max_connections } else { 1 });
    connect.map_sqlx_sqlite_opts(move |sqlite| {
        use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
        sqlite
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: an acknowledged write survives a power cut, not only a dead process.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .pragma("query_only", if read_only { "true" } else { "false" })
            .pragma("cache_size", "-16384")
    });
    connect
}

fn postgres(options: &DbOptions) -> ConnectOptions {
    let mut connect = bounded(options);
    let lock_timeout = options.lock_timeout.as_millis().to_string();
    connect
        .max_connections(options.max_connections)
        .min_connections(2)
        .set_application_name("linli")
        .statement_timeout(options.statement_timeout)
        .map_sqlx_postgres_opts(move |postgres| {
            postgres.options([
                ("lock_timeout", lock_timeout.as_str()),
                // A process that dies between two statements must not hold its locks for long.
                ("idle_in_transaction_session_timeout", "10000"),
            ])
        });
    connect
}

#[cfg(test)]
mod tests {
    use super::*;
    use linli_domain::{Code, Event};
    use linli_migrations::{Migrator, MigratorTrait};

    use crate::{Env, outbox};

    async fn fresh(folder: &tempfile::TempDir) -> Db {
        let url = format!("sqlite:{}", folder.path().join("t.db").display());
        let db = Db::connect(&DbOptions::new(url)).await.unwrap();
        Migrator::up(db.any_write(), None).await.unwrap();
        db
    }

    #[tokio::test]
    async fn what_is_not_committed_is_gone_and_what_is_can_be_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let db = fresh(&folder).await;
        let env = &Env::system();
        let refused = db
            .in_tx("test.refuse", |tx| async move {
                outbox::emit(tx.conn(), env, &[Event::CalendarChanged]).await?;
                Err::<Committed<()>, _>(Error::from(Code::Conflict))
            })
            .await;
        assert_eq!(refused.unwrap_err().refusal().unwrap().code, Code::Conflict);
        assert!(outbox::read_after(db.read(), outbox::Cursor::default(), 10).await.unwrap().is_empty());

        let id = env.id();
        db.in_tx("test.keep", |tx| async move {
            let events = [Event::CalendarChanged, Event::FacilityChanged(id)];
            outbox::emit(tx.conn(), env, &events).await?;
            tx.commit(()).await
        })
        .await
        .unwrap();
        let read = outbox::read_after(db.read(), outbox::Cursor::default(), 10).await.unwrap();
        let events: Vec<_> = read.iter().filter_map(|entry| entry.event).collect();
        assert_eq!(events, [Event::CalendarChanged, Event::FacilityChanged(id)]);
        assert_eq!(outbox::tail(db.read()).await.unwrap(), read[1].cursor);
    }

    #[tokio::test]
    async fn the_reading_pool_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let db = fresh(&folder).await;
        let write = outbox::emit(db.read(), &Env::system(), &[Event::CalendarChanged]).await;
        assert!(write.is_err());
    }

    /// Futures of use cases must be `Send`, or no handler can await them.
    #[tokio::test]
    async fn transactions_can_be_spawned() {
        let folder = tempfile::tempdir().unwrap();
        let db = fresh(&folder).await;
        let env = Env::system();
        let text = String::from("borrowed");
        let work = async move {
            let (env, text) = (&env, &text);
            db.in_tx("test.spawn", |tx| async move {
                outbox::emit(tx.conn(), env, &[Event::CalendarChanged]).await?;
                let length = text.len();
                tx.commit(length).await
            })
            .await
        };
        assert_eq!(tokio::spawn(work).await.unwrap().unwrap(), 8);
    }
}
