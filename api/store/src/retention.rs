//! Retention: how long each kind of row is kept, in one table, and the job that keeps to it.

use sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::Env;

/// One period: rows of `table` whose `column` is older than `days` are deleted.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// Table.
    pub table: &'static str,
    /// Primary key, to delete in batches.
    pub key: &'static str,
    /// Timestamp the period counts from.
    pub column: &'static str,
    /// Days kept after that.
    pub days: i64,
    /// Further condition in SQL both databases read, or empty.
    pub only: &'static str,
    /// Why this long.
    pub why: &'static str,
}

/// The table of periods. What is not named here is kept.
pub const PERIODS: &[Period] = &[
    Period {
        table: "idempotency",
        key: "principal, key",
        column: "expires_at",
        days: 0,
        only: "",
        why: "a client retries within two days (idempotency::KEPT)",
    },
    Period {
        table: "outbox",
        key: "seq",
        column: "at",
        days: 7,
        only: "",
        why: "a consumer that was away a week starts over from the tables",
    },
    Period {
        table: "refresh_token",
        key: "digest",
        column: "issued_at",
        days: 190,
        only: "",
        why: "no session goes unrenewed longer than 180 days",
    },
    Period {
        table: "session",
        key: "id",
        column: "expires_at",
        days: 30,
        only: "",
        why: "residents and auditors may ask about a sign-in of last month",
    },
    Period {
        table: "session",
        key: "id",
        column: "revoked_at",
        days: 30,
        only: "",
        why: "the same for one that was ended early",
    },
    Period {
        table: "failed_attempt",
        key: "key",
        column: "last_at",
        days: 1,
        only: "",
        why: "an hour without attempts forgives them anyway",
    },
    Period {
        table: "family_link",
        key: "id",
        column: "expires_at",
        days: 7,
        only: "accepted_at IS NULL",
        why: "an invitation nobody accepted is of no use",
    },
    Period {
        table: "search_demand",
        key: "day, org_path, words",
        column: "last_at",
        days: 400,
        only: "",
        why: "a year and a season are compared; no person is in it",
    },
    Period {
        table: "message",
        key: "id",
        column: "created_at",
        days: 365,
        only: "",
        why: "a resident may look up what they were told within the year",
    },
    Period {
        table: "booking_change",
        key: "booking_id, version",
        column: "at",
        days: 365,
        only: "",
        why: "it is what messages are made of, and goes with them",
    },
    Period {
        table: "booking_presence",
        key: "resident_id, starts_at",
        column: "starts_at",
        days: 7,
        only: "",
        why: "where somebody was is nobody's business afterwards",
    },
    Period {
        table: "calendar_feed",
        key: "id",
        column: "revoked_at",
        days: 30,
        only: "",
        why: "residents may ask about a feed they took back last month",
    },
];

/// Rows deleted in one statement, so that no lock is held for long.
const BATCH: u32 = 1_000;

/// Deletes one batch per period; returns how many rows went, 0 when everything is clean.
pub async fn sweep(conn: &impl ConnectionTrait, env: &Env) -> Result<u64, DbErr> {
    let backend = conn.get_database_backend();
    let mut gone = 0;
    for Period { table, key, column, days, only, .. } in PERIODS {
        let before = env.now() - chrono::Duration::days(*days);
        let and = if only.is_empty() { String::new() } else { format!("AND ({only})") };
        let sql = format!(
            "DELETE FROM {table} WHERE ({key}) IN \
             (SELECT {key} FROM {table} WHERE {column} < $1 {and} LIMIT {BATCH})"
        );
        let deleted = conn
            .execute_raw(Statement::from_sql_and_values(backend, sql, [before.into()]))
            .await?
            .rows_affected();
        if deleted > 0 {
            tracing::info!(retention.table = table, retention.rows = deleted, "rows past their period went");
        }
        gone += deleted;
    }
    Ok(gone)
}
