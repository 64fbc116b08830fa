//! The outbox: events written in the transaction that causes them, read in commit-safe order.
//!
//! Ids are taken before commits become visible, so a cursor over ids loses events. On PostgreSQL
//! each row carries its transaction's id, and readers see only rows below the oldest transaction
//! still running, ordered by `(xid, seq)`; the cursor is that pair. SQLite has one writer, so
//! `xid` is always 0 there and `seq` alone is the order.

use chrono::{DateTime, Utc};
use linli_domain::Event;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, entity::prelude::*};

use crate::Env;

/// The outbox table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    /// Order of writing.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// Transaction that wrote it (PostgreSQL), 0 on SQLite. Set by the database.
    pub xid: i64,
    /// What kind of thing changed.
    pub topic: String,
    /// Which one.
    pub subject: Uuid,
    /// When.
    pub at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A position in the outbox; everything at or before it has been seen.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Cursor {
    /// Transaction.
    pub xid: i64,
    /// Row.
    pub seq: i64,
}

/// An event with its position.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Where it stands.
    pub cursor: Cursor,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// What to look at; `None` when written by a newer version of Linli.
    pub event: Option<Event>,
}

/// Writes events inside the caller's transaction.
pub async fn emit(tx: &impl ConnectionTrait, env: &Env, events: &[Event]) -> Result<(), DbErr> {
    if events.is_empty() {
        return Ok(());
    }
    let at = env.now();
    let rows = events.iter().map(|event| ActiveModel {
        topic: sea_orm::Set(event.topic().to_owned()),
        subject: sea_orm::Set(event.subject()),
        at: sea_orm::Set(at),
        ..Default::default()
    });
    Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

#[derive(FromQueryResult)]
struct Row {
    xid: i64,
    seq: i64,
    topic: String,
    subject: Uuid,
    at: DateTimeUtc,
}

/// Reads up to `limit` events after `cursor`, oldest first, none of which can be overtaken any more.
pub async fn read_after(
    conn: &impl ConnectionTrait,
    cursor: Cursor,
    limit: u32,
) -> Result<Vec<Entry>, DbErr> {
    let backend = conn.get_database_backend();
    let after = match backend {
        DbBackend::Postgres => {
            "(xid, seq) > ($1, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint \
             ORDER BY xid, seq"
        }
        // One writer: the sequence alone is the order. Asked for the pair, SQLite would look through all
        // there is at every poll.
        _ => "seq > $2 AND +xid >= $1 ORDER BY seq",
    };
    let sql = format!("SELECT xid, seq, topic, subject, at FROM outbox WHERE {after} LIMIT $3");
    let values = [cursor.xid.into(), cursor.seq.into(), i64::from(limit).into()];
    let rows = Row::find_by_statement(Statement::from_sql_and_values(backend, sql, values)).all(conn).await?;
    Ok(rows
        .into_iter()
        .map(|row| Entry {
            cursor: Cursor { xid: row.xid, seq: row.seq },
            at: row.at,
            event: Event::parse(&row.topic, row.subject),
        })
        .collect())
}

/// The position a reader that has just read everything from the tables may start at.
///
/// Take it *before* reading the tables: what commits meanwhile is then seen again, never missed.
pub async fn tail(conn: &impl ConnectionTrait) -> Result<Cursor, DbErr> {
    let backend = conn.get_database_backend();
    let sql = match backend {
        // Everything below the oldest running transaction is visible to the reads that follow.
        DbBackend::Postgres => {
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 AS xid, \
             9223372036854775807::bigint AS seq"
        }
        // The highest ever given, also when retention has emptied the table.
        _ => "SELECT 0 AS xid, COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0) AS seq",
    };
    let row = conn
        .query_one_raw(Statement::from_string(backend, sql))
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("outbox tail".to_owned()))?;
    Ok(Cursor { xid: row.try_get("", "xid")?, seq: row.try_get("", "seq")? })
}

/// Durable cursors of consumers that work once per city, not once per process.
pub mod cursor {
    use sea_orm::{ConnectionTrait, DbErr, QueryOrder, Set, entity::prelude::*, sea_query::OnConflict};

    use super::Cursor as Position;

    /// The cursor table.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox_cursor")]
    pub struct Model {
        /// Name of the consumer.
        #[sea_orm(primary_key, auto_increment = false)]
        pub consumer: String,
        /// Transaction.
        pub xid: i64,
        /// Row.
        pub seq: i64,
        /// When it moved last.
        pub updated_at: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    /// Where `consumer` stands; the beginning when it never ran.
    pub async fn load(conn: &impl ConnectionTrait, consumer: &str) -> Result<Position, DbErr> {
        let row = Entity::find_by_id(consumer.to_owned()).one(conn).await?;
        Ok(row.map_or(Position::default(), |row| Position { xid: row.xid, seq: row.seq }))
    }

    /// Every consumer that has something left to read, with the age of the first of it in seconds.
    pub async fn ages_s(conn: &impl ConnectionTrait, now: DateTimeUtc) -> Result<Vec<(String, i64)>, DbErr> {
        let mut ages = Vec::new();
        for row in Entity::find().order_by_asc(Column::Consumer).all(conn).await? {
            let position = Position { xid: row.xid, seq: row.seq };
            if let Some(entry) = super::read_after(conn, position, 1).await?.first() {
                ages.push((row.consumer, (now - entry.at).num_seconds()));
            }
        }
        Ok(ages)
    }

    /// Moves `consumer` forward.
    pub async fn save(
        conn: &impl ConnectionTrait,
        consumer: &str,
        position: Position,
        now: DateTimeUtc,
    ) -> Result<(), DbErr> {
        Entity::insert(ActiveModel {
            consumer: Set(consumer.to_owned()),
            xid: Set(position.xid),
            seq: Set(position.seq),
            updated_at: Set(now),
        })
        .on_conflict(
            OnConflict::column(Column::Consumer)
                .update_columns([Column::Xid, Column::Seq, Column::UpdatedAt])
                .to_owned(),
        )
        .exec_without_returning(conn)
        .await?;
        Ok(())
    }
}
