//! Every column that names a resident, and what becomes of it when two records become one, when a
//! record is erased, and when its owner asks for everything that is kept.
//!
//! This table is the whole of it: merging and erasing work through it, and a test reads the schema
//! and fails when a column is missing here. A column that names a resident is called `resident_id`
//! or `…_resident_id`.

use linli_domain::ids::ResidentId;
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

/// What becomes of the column when its resident is merged into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMerge {
    /// It names the other one from then on. Where the rest of a key would then be there twice, the
    /// other one's row stays; these are the columns of that rest.
    Moves(&'static [&'static str]),
    /// [`moves`](super::moves) sees to it, because people must not be linked to themselves.
    Links,
    /// The row ends.
    Ends,
    /// It stays, because it tells what was.
    Stays,
}

/// What becomes of the column when its resident is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnErasure {
    /// The row goes.
    Goes,
    /// The row stays and names nobody.
    Unnamed,
    /// The row ends, because somebody else rests on it.
    Ends,
    /// It names the bare record, which names nobody.
    Stays,
}

/// How the column holds its resident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The id.
    Id,
    /// `resident:<id>`.
    Principal,
}

/// A column that names a resident.
#[derive(Clone, Copy, Debug)]
pub struct Holding {
    /// Table.
    pub table: &'static str,
    /// Column.
    pub column: &'static str,
    /// How it holds the resident.
    pub form: Form,
    /// When merged.
    pub merge: OnMerge,
    /// When erased.
    pub erasure: OnErasure,
    /// Under which name an export tells of it; `None` with the reason beside it.
    pub export: Option<&'static str>,
}

const fn id(
    table: &'static str,
    column: &'static str,
    merge: OnMerge,
    erasure: OnErasure,
    export: Option<&'static str>,
) -> Holding {
    Holding { table, column, form: Form::Id, merge, erasure, export }
}

const fn principal(table: &'static str, merge: OnMerge, erasure: OnErasure) -> Holding {
    // What was claimed or asked for is told as what came of it.
    Holding { table, column: "principal", form: Form::Principal, merge, erasure, export: None }
}

/// All of them.
pub const HOLDINGS: &[Holding] = &[
    id("resident", "merged_into_id", OnMerge::Stays, OnErasure::Stays, Some("merges")),
    id("resident_identity", "resident_id", OnMerge::Moves(&[]), OnErasure::Goes, Some("identities")),
    id("resident_merge", "winner_id", OnMerge::Stays, OnErasure::Stays, Some("merges")),
    id("resident_merge", "loser_id", OnMerge::Stays, OnErasure::Stays, Some("merges")),
    id("session", "resident_id", OnMerge::Ends, OnErasure::Ends, Some("sessions")),
    id("household_member", "resident_id", OnMerge::Moves(&[]), OnErasure::Goes, Some("household")),
    id("family_link", "principal_id", OnMerge::Links, OnErasure::Ends, Some("family")),
    id("family_link", "agent_id", OnMerge::Links, OnErasure::Ends, Some("family")),
    id("consent", "resident_id", OnMerge::Moves(&[]), OnErasure::Ends, Some("consents")),
    id("favourite", "resident_id", OnMerge::Moves(&["facility_id"]), OnErasure::Goes, Some("favourites")),
    id("facility_report", "resident_id", OnMerge::Moves(&[]), OnErasure::Unnamed, Some("reports")),
    id("booking", "resident_id", OnMerge::Moves(&[]), OnErasure::Stays, Some("bookings")),
    id("booking", "booked_by_resident_id", OnMerge::Moves(&[]), OnErasure::Stays, Some("bookings")),
    id("booking", "ended_by_resident_id", OnMerge::Moves(&[]), OnErasure::Stays, Some("bookings")),
    // Told as the times of the bookings that take it.
    id("booking_presence", "resident_id", OnMerge::Moves(&["starts_at"]), OnErasure::Goes, Some("bookings")),
    id(
        "message",
        "resident_id",
        OnMerge::Moves(&["booking_id", "booking_version"]),
        OnErasure::Goes,
        Some("messages"),
    ),
    id("calendar_feed", "resident_id", OnMerge::Moves(&[]), OnErasure::Goes, Some("calendar_feeds")),
    principal("claim", OnMerge::Moves(&[]), OnErasure::Stays),
    principal("idempotency", OnMerge::Moves(&["key"]), OnErasure::Goes),
    // What the audit says is sealed; it knows people by their ids alone.
    id("audit", "actor_id", OnMerge::Stays, OnErasure::Stays, Some("activity")),
    id("audit", "subject_id", OnMerge::Stays, OnErasure::Stays, Some("activity")),
];

impl Holding {
    /// What the column says of this resident.
    pub fn value(&self, resident: ResidentId) -> Value {
        match self.form {
            Form::Id => resident.0.into(),
            Form::Principal => format!("resident:{resident}").into(),
        }
    }

    /// Lets the column name `to` where it named `from`; answers how many rows.
    pub(super) async fn rename(
        &self,
        tx: &impl ConnectionTrait,
        rest: &[&str],
        to: ResidentId,
        from: ResidentId,
    ) -> Result<u64, DbErr> {
        let Self { table, column, .. } = self;
        if !rest.is_empty() {
            let same: String = rest.iter().map(|key| format!(" AND w.{key} = {table}.{key}")).collect();
            let sql = format!(
                "DELETE FROM {table} WHERE {column} = $1 AND EXISTS \
                 (SELECT 1 FROM {table} w WHERE w.{column} = $2{same})"
            );
            run(tx, &sql, [self.value(from), self.value(to)]).await?;
        }
        let sql = format!("UPDATE {table} SET {column} = $1 WHERE {column} = $2");
        run(tx, &sql, [self.value(to), self.value(from)]).await
    }

    /// Does at an erasure what the table says, where that is all there is to do.
    async fn erase(&self, tx: &impl ConnectionTrait, resident: ResidentId) -> Result<u64, DbErr> {
        let Self { table, column, .. } = self;
        let sql = match self.erasure {
            OnErasure::Goes => format!("DELETE FROM {table} WHERE {column} = $1"),
            OnErasure::Unnamed => format!("UPDATE {table} SET {column} = NULL WHERE {column} = $1"),
            OnErasure::Ends | OnErasure::Stays => return Ok(0),
        };
        run(tx, &sql, [self.value(resident)]).await
    }
}

/// Removes what goes with an erased resident, and their name from what stays.
pub async fn erase(tx: &impl ConnectionTrait, resident: ResidentId) -> Result<(), DbErr> {
    for holding in HOLDINGS {
        holding.erase(tx, resident).await?;
    }
    Ok(())
}

pub(super) async fn run(
    tx: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, DbErr> {
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    Ok(tx.execute_raw(statement).await?.rows_affected())
}
