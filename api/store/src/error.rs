//! The error of use cases: a public refusal, or a failure whose text stays inside.

use std::{error::Error as StdError, fmt};

use linli_domain::{Code, Refusal};
use sea_orm::{DbErr, RuntimeErr, SqlxError};

/// Why a use case did not succeed.
///
/// `Display` is for logs; only [`Refusal`]s may be shown to a client.
#[derive(Debug)]
pub enum Error {
    /// A rule said no. Expected, public.
    Refused(Refusal),
    /// Something we depend on is away or too busy; trying again may help.
    Unavailable {
        /// What is away: `database`, `gate`, `search` …
        what: &'static str,
        /// What it said.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The database failed in a way no rule foresaw.
    Database(DbErr),
    /// A defect or a broken environment.
    Internal {
        /// What was being done.
        context: &'static str,
        /// What went wrong.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
}

impl Error {
    /// Something is away.
    pub fn unavailable(what: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Unavailable { what, source: Some(source.into()) }
    }

    /// A defect, with what was being done.
    pub fn internal(context: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal { context, source: Some(source.into()) }
    }

    /// The refusal, where a rule said no.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether the database asks for the transaction to be tried again.
    pub(crate) fn is_retryable(&self) -> bool {
        matches!(self, Self::Database(error) if Fault::of(error) == Fault::Retry)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::Unavailable { what, .. } => write!(f, "{what} is unavailable"),
            Self::Database(_) => f.write_str("the database failed"),
            Self::Internal { context, .. } => write!(f, "failed: {context}"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused(_) => None,
            Self::Unavailable { source, .. } | Self::Internal { source, .. } => {
                source.as_deref().map(|source| source as _)
            }
            Self::Database(error) => Some(error),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::Refused(Refusal::new(code))
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match Fault::of(&error) {
            Fault::Away => Self::Unavailable { what: "database", source: Some(Box::new(error)) },
            Fault::Input => Code::InvalidInput.into(),
            Fault::Retry | Fault::Other => Self::Database(error),
        }
    }
}

/// Maps a violated constraint, by name, to the refusal a person understands.
pub trait OnConstraint<T> {
    /// Turns the violation of `name` into `refusal`; every other error passes unchanged.
    fn on_constraint(self, name: &str, refusal: impl FnOnce() -> Refusal) -> Result<T, Error>;
}

impl<T> OnConstraint<T> for Result<T, DbErr> {
    fn on_constraint(self, name: &str, refusal: impl FnOnce() -> Refusal) -> Result<T, Error> {
        self.map_err(|error| match violated_constraint(&error) {
            Some(violated) if violated == name => Error::Refused(refusal()),
            _ => error.into(),
        })
    }
}

/// SQLite names the columns of a violated unique index, PostgreSQL its name: `(name, columns)`.
const SQLITE_UNIQUE: &[(&str, &str)] = &[
    // One line per unique constraint that is mapped to a refusal.
    ("room_facility_name_key", "room.facility_id, room.name"),
    ("idempotency_pkey", "idempotency.principal, idempotency.key"),
    ("facility_external_key", "facility.source, facility.external_id"),
    ("facility_photo_key", "facility_photo.facility_id, facility_photo.digest"),
    ("organisation_code_key", "organisation.code"),
    ("staff_username_key", "staff.username"),
    ("staff_phone_key", "staff.phone_index"),
    (
        "staff_assignment_key",
        "staff_assignment.staff_id, staff_assignment.role, staff_assignment.organisation_id",
    ),
    ("household_member_pkey", "household_member.resident_id"),
    ("family_link_pair_key", "family_link.principal_id, family_link.agent_id"),
    ("family_link_code_key", "family_link.code_index"),
    ("resident_identity_key", "resident_identity.issuer, resident_identity.subject_index"),
    ("resident_merge_loser_key", "resident_merge.loser_id"),
];

/// The name of the constraint an error reports, on both databases.
pub fn violated_constraint(error: &DbErr) -> Option<String> {
    let database = database_error(error)?;
    if let Some(name) = database.constraint() {
        return Some(name.to_owned());
    }
    let message = database.message();
    if let Some(columns) = message.strip_prefix("UNIQUE constraint failed: ") {
        return Some(
            SQLITE_UNIQUE
                .iter()
                .find(|(_, named)| *named == columns)
                .map_or(columns, |(name, _)| name)
                .to_owned(),
        );
    }
    message.strip_prefix("CHECK constraint failed: ").map(str::to_owned)
}

/// How the database failed, as far as we treat it differently.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// Serialisation failure, deadlock or a busy file: the transaction may be tried again.
    Retry,
    /// No connection, no answer in time, or a lock not had in time.
    Away,
    /// A text or a time that the database cannot hold. The edge refuses what it can see; what comes
    /// inside a file is judged here.
    Input,
    Other,
}

impl Fault {
    fn of(error: &DbErr) -> Self {
        if matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) {
            return Self::Away;
        }
        let Some(sqlx) = sqlx_error(error) else { return Self::Other };
        match sqlx {
            SqlxError::Io(_) | SqlxError::PoolTimedOut | SqlxError::PoolClosed | SqlxError::WorkerCrashed => {
                Self::Away
            }
            SqlxError::Database(database) => match database.code().as_deref() {
                // PostgreSQL: serialization_failure, deadlock_detected. SQLite: BUSY and its extended codes.
                Some("40001" | "40P01" | "5" | "261" | "517") => Self::Retry,
                // PostgreSQL: lock_not_available, query_canceled (statement timeout), too many
                // connections, shutting down.
                Some("55P03" | "57014" | "53300" | "57P01" | "57P02" | "57P03") => Self::Away,
                // PostgreSQL: datetime_field_overflow, character_not_in_repertoire,
                // untranslatable_character.
                Some("22008" | "22021" | "22P05") => Self::Input,
                _ => Self::Other,
            },
            // sqlx extends this enum between minor versions; what is not listed is a failure of ours.
            _ => Self::Other,
        }
    }
}

/// Whether waiting for a lock ended because it took too long (PostgreSQL `lock_timeout`).
pub(crate) fn is_lock_timeout(error: &DbErr) -> bool {
    database_error(error).is_some_and(|database| database.code().as_deref() == Some("55P03"))
}

fn sqlx_error(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

fn database_error(error: &DbErr) -> Option<&dyn sea_orm::sqlx::error::DatabaseError> {
    match sqlx_error(error)? {
        SqlxError::Database(database) => Some(database.as_ref()),
        _ => None,
    }
}
