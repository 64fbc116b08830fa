//! Retention: how long each kind of row is kept, in one table, and the job that keeps to it.

use sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::Env;

/// One period: rows of `table` whose `column` is older than `days` are deleted, or what they say is.
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
    /// Columns that are emptied while the row stays; none of them: the row goes.
    pub forgets: &'static [&'static str],
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
        forgets: &[],
        why: "a client retries within two days (idempotency::KEPT)",
    },
    Period {
        table: "outbox",
        key: "seq",
        column: "at",
        days: 7,
        only: "",
        forgets: &[],
        why: "a consumer that was away a week starts over from the tables",
    },
    Period {
        table: "refresh_token",
        key: "digest",
        column: "issued_at",
        days: 190,
        only: "",
        forgets: &[],
        why: "no session goes unrenewed longer than 180 days",
    },
    Period {
        table: "session",
        key: "id",
        column: "expires_at",
        days: 30,
        only: "",
        forgets: &[],
        why: "residents and auditors may ask about a sign-in of last month",
    },
    Period {
        table: "session",
        key: "id",
        column: "revoked_at",
        days: 30,
        only: "",
        forgets: &[],
        why: "the same for one that was ended early",
    },
    Period {
        table: "failed_attempt",
        key: "key",
        column: "last_at",
        days: 1,
        only: "",
        forgets: &[],
        why: "an hour without attempts forgives them anyway",
    },
    Period {
        table: "facility_report",
        key: "id",
        column: "closed_at",
        days: 180,
        only: "",
        forgets: &["text_sealed", "text", "answer_sealed", "answer"],
        why: "who reported has half a year to read the answer; that there was a report stays",
    },
    Period {
        table: "family_link",
        key: "id",
        column: "expires_at",
        days: 7,
        only: "accepted_at IS NULL",
        forgets: &[],
        why: "an invitation nobody accepted is of no use",
    },
    Period {
        table: "search_demand",
        key: "day, org_path, words",
        column: "last_at",
        days: 400,
        only: "",
        forgets: &[],
        why: "a year and a season are compared; no person is in it",
    },
    Period {
        table: "message",
        key: "id",
        column: "created_at",
        days: 365,
        only: "",
        forgets: &[],
        why: "a resident may look up what they were told within the year",
    },
    Period {
        table: "booking",
        key: "id",
        column: "ends_at",
        days: 180,
        only: "",
        forgets: &["purpose_sealed", "purpose_open", "companions_sealed", "reason_sealed", "reason_open"],
        why: "half a year on nobody asks what somebody came for and with whom; that there was a booking stays",
    },
    Period {
        table: "booking_change",
        key: "booking_id, version",
        column: "at",
        days: 365,
        only: "",
        forgets: &[],
        why: "it is what messages are made of, and goes with them",
    },
    Period {
        table: "booking_presence",
        key: "resident_id, starts_at",
        column: "starts_at",
        days: 7,
        only: "",
        forgets: &[],
        why: "where somebody was is nobody's business afterwards",
    },
    Period {
        table: "calendar_feed",
        key: "id",
        column: "revoked_at",
        days: 30,
        only: "",
        forgets: &[],
        why: "residents may ask about a feed they took back last month",
    },
];

/// Rows changed in one statement, so that no lock is held for long.
const BATCH: u32 = 1_000;

/// Sees to one batch per period; returns how many rows it met, 0 when everything is clean.
pub async fn sweep(conn: &impl ConnectionTrait, env: &Env) -> Result<u64, DbErr> {
    let backend = conn.get_database_backend();
    let mut gone = 0;
    for period @ Period { table, days, .. } in PERIODS {
        let before = env.now() - chrono::Duration::days(*days);
        let statement = Statement::from_sql_and_values(backend, period.sql(), [before.into()]);
        let met = conn.execute_raw(statement).await?.rows_affected();
        if met > 0 {
            tracing::info!(retention.table = table, retention.rows = met, "rows past their period went");
        }
        gone += met;
    }
    Ok(gone)
}

impl Period {
    fn sql(&self) -> String {
        let Self { table, key, column, only, forgets, .. } = self;
        let mut past = format!("{column} < $1");
        if !only.is_empty() {
            past.push_str(&format!(" AND ({only})"));
        }
        let verb = if forgets.is_empty() {
            format!("DELETE FROM {table}")
        } else {
            past.push_str(&format!(" AND ({} IS NOT NULL)", forgets.join(" IS NOT NULL OR ")));
            format!("UPDATE {table} SET {} = NULL", forgets.join(" = NULL, "))
        };
        format!("{verb} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {past} LIMIT {BATCH})")
    }
}
