//! Lineage: which line of history a database is on.
//!
//! A restored backup takes the history back: what was committed after the backup is undone, and on
//! a fresh PostgreSQL cluster transaction ids start over, so that positions in the outbox and in
//! the changes feed lie in the future and whatever is written next would never be read. A restore
//! therefore begins a new line. Positions are brought back into the present, the gate forgets, and
//! whoever keeps a copy (catalogues, clients of the feed) sees another lineage and starts over.
//!
//! Invariant: no stored position is ahead of the database once [`keep`] has returned.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryOrder, Set, Statement, entity::prelude::*};

use crate::{Db, Env, Error};

/// The lineage table: one row for each line, the latest is the current one.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lineage")]
pub struct Model {
    /// Counts the lines of this database: the clock may go back, a number does not.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    /// Names the line, also beside those of another restore of the same backup.
    pub id: Uuid,
    /// What the database said of itself when the line began; empty where it does not tell.
    pub origin: String,
    /// When it began.
    pub began_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How a database is, compared with what it knows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No line has begun yet: a new database.
    New,
    /// The line goes on.
    Same,
    /// It is not the database it was: restored, or promoted from a standby.
    Another {
        /// Positions lie in the future: transaction ids have started over.
        ahead: bool,
    },
}

/// The current line; `None` in a database that no server has opened yet.
pub async fn current(conn: &impl ConnectionTrait) -> Result<Option<Uuid>, DbErr> {
    Ok(latest(conn).await?.map(|row| row.id))
}

/// Looks without changing anything.
pub async fn look(conn: &impl ConnectionTrait) -> Result<State, DbErr> {
    let known = latest(conn).await?;
    let ahead = any_ahead(conn).await?;
    Ok(match known {
        _ if ahead => State::Another { ahead },
        None => State::New,
        Some(row) if row.origin == origin(conn).await => State::Same,
        Some(_) => State::Another { ahead },
    })
}

/// Looks, and begins another line where the database is another one; says what it found.
pub async fn keep(db: &Db, env: &Env) -> Result<State, Error> {
    match look(db.any_write()).await? {
        State::Same => Ok(State::Same),
        _ => begin(db, env, false).await,
    }
}

/// Begins another line, whatever the database looks like: for the operator who has restored it.
pub async fn renew(db: &Db, env: &Env) -> Result<State, Error> {
    begin(db, env, true).await
}

/// Held by the one that begins a line.
const LOCK: &str = "SELECT pg_advisory_xact_lock(20261124)";

/// One server begins a line; those that come a moment later find it begun.
async fn begin(db: &Db, env: &Env, forced: bool) -> Result<State, Error> {
    let origin = &origin(db.any_write()).await;
    db.in_tx("lineage.begin", |tx| async move {
        if db.backend() == DbBackend::Postgres {
            // Only servers that begin a line wait for each other, and a week of events takes a while.
            for sql in ["SET LOCAL statement_timeout = 0", "SET LOCAL lock_timeout = 0", LOCK] {
                tx.execute_unprepared(sql).await?;
            }
        }
        let state = look(tx.conn()).await?;
        if state == State::Same && !forced {
            return tx.commit(state).await;
        }
        if any_ahead(tx.conn()).await? {
            settle(tx.conn()).await?;
        }
        if state != State::New {
            forget(tx.conn()).await?;
        }
        let number = latest(tx.conn()).await?.map_or(1, |row| row.number + 1);
        let row = ActiveModel {
            number: Set(number),
            id: Set(env.id()),
            origin: Set(origin.clone()),
            began_at: Set(env.now()),
        };
        Entity::insert(row).exec_without_returning(tx.conn()).await?;
        tx.commit(state).await
    })
    .await
}

async fn latest(conn: &impl ConnectionTrait) -> Result<Option<Model>, DbErr> {
    Entity::find().order_by_desc(Column::Number).one(conn).await
}

/// Cluster, timeline and database: a logical restore changes the first or the last, a promoted
/// standby and a recovery to a point in time change the second. SQLite has nothing of the kind.
async fn origin(conn: &impl ConnectionTrait) -> String {
    const SQL: &str = "SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || \
         substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '/' || \
         (SELECT oid FROM pg_database WHERE datname = current_database())::text";
    if conn.get_database_backend() != DbBackend::Postgres {
        return String::new();
    }
    // A hosted PostgreSQL may not tell; positions ahead are still recognised.
    let row = conn.query_one_raw(Statement::from_string(DbBackend::Postgres, SQL)).await;
    row.ok().flatten().and_then(|row| row.try_get_by_index(0).ok()).unwrap_or_default()
}

/// Whether a stored position belongs to a transaction that has not happened yet.
async fn any_ahead(conn: &impl ConnectionTrait) -> Result<bool, DbErr> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM outbox_cursor WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint) \
         OR EXISTS (SELECT 1 FROM outbox WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint) \
         OR EXISTS (SELECT 1 FROM facility WHERE revision >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint)";
    if conn.get_database_backend() != DbBackend::Postgres {
        return Ok(false);
    }
    let row = conn.query_one_raw(Statement::from_string(DbBackend::Postgres, SQL)).await?;
    row.map_or(Ok(false), |row| row.try_get_by_index(0))
}

/// Brings positions back: what is there is older than everything that will be written, in the order
/// of its numbers. A consumer goes back to the first event it has not seen, so it may see some
/// twice, which it can take.
async fn settle(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    // An event written since the cursor moved last is unseen, whatever its transaction is called.
    const CURSORS: &str = "UPDATE outbox_cursor c SET xid = 0, seq = COALESCE( \
           (SELECT MIN(o.seq) - 1 FROM outbox o WHERE (o.xid, o.seq) > (c.xid, c.seq) OR o.at >= c.updated_at), \
           (SELECT MAX(o.seq) FROM outbox o), 0)";
    for sql in [CURSORS, "UPDATE outbox SET xid = 0 WHERE xid <> 0", "UPDATE facility SET revision = 0"] {
        tx.execute_unprepared(sql).await?;
    }
    Ok(())
}

/// What others hold of the line before is unknown: the gate loads anew, jobs are free at once.
async fn forget(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    // Far beyond any epoch that Redis may still remember of the undone days.
    tx.execute_unprepared("UPDATE gate_epoch SET epoch = epoch + 1000000").await?;
    tx.execute_unprepared("DELETE FROM lease").await?;
    Ok(())
}
