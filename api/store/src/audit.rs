//! Audit: who did what to which thing, written in the transaction that does it.
//!
//! Rows are sealed into hash chains afterwards; a chain kept in the transaction would be a lock
//! on the whole city. `detail` never holds personal data: it names fields, not their values.

use linli_domain::ids::{AuditId, ResidentId, StaffId};
use sea_orm::{ConnectionTrait, DbErr, Set, entity::prelude::*};

use crate::Env;

/// The audit table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Order of writing (PostgreSQL: transaction, SQLite: 0). Set by the database.
    pub xid: i64,
    /// When.
    pub at: DateTimeUtc,
    /// `resident`, `staff` or `system`.
    pub actor_kind: String,
    /// Which one; absent for the system itself.
    pub actor_id: Option<Uuid>,
    /// What was done, for instance `facility.update`.
    pub action: String,
    /// Kind of the thing it was done to.
    pub subject_kind: String,
    /// Which thing.
    pub subject_id: Option<Uuid>,
    /// Organisation it belongs to; auditors read by this path.
    pub org_path: String,
    /// Names of changed fields and other impersonal facts.
    pub detail: Json,
    /// The seal that covers the entry, within the chain of its organisation; absent until sealed.
    pub seal_seq: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A resident, for themselves or for family.
    Resident(ResidentId),
    /// A staff member.
    Staff(StaffId),
    /// A job or a command line.
    System,
}

impl Actor {
    /// Stable name of the kind.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Resident(_) => "resident",
            Self::Staff(_) => "staff",
            Self::System => "system",
        }
    }

    /// The id, if the actor is a person.
    pub fn id(self) -> Option<Uuid> {
        match self {
            Self::Resident(id) => Some(id.into()),
            Self::Staff(id) => Some(id.into()),
            Self::System => None,
        }
    }
}

/// One line of the audit.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who.
    pub actor: Actor,
    /// What, as `context.verb`.
    pub action: &'static str,
    /// Kind of the thing.
    pub subject_kind: &'static str,
    /// Which thing.
    pub subject_id: Option<Uuid>,
    /// Organisation path it belongs to; empty for the city as a whole.
    pub org_path: String,
    /// Impersonal facts.
    pub detail: serde_json::Value,
}

/// Writes one line inside the caller's transaction.
pub async fn record(tx: &impl ConnectionTrait, env: &Env, entry: Entry) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(env.id::<AuditId>().into()),
        at: Set(env.now()),
        actor_kind: Set(entry.actor.kind().to_owned()),
        actor_id: Set(entry.actor.id()),
        action: Set(entry.action.to_owned()),
        subject_kind: Set(entry.subject_kind.to_owned()),
        subject_id: Set(entry.subject_id),
        org_path: Set(entry.org_path),
        detail: Set(entry.detail),
        ..Default::default()
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}
