//! Family links 亲情代办: one resident lets another act.

use sea_orm::entity::prelude::*;

/// The family_link table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "family_link")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who lets the other act.
    pub principal_id: Uuid,
    /// Who may act; absent until the invitation is accepted.
    pub agent_id: Option<Uuid>,
    /// What the other may do.
    pub scopes: Json,
    /// Blind index of the invitation code.
    pub code_index: Vec<u8>,
    /// When the invitation was made.
    pub invited_at: DateTimeUtc,
    /// Until when it can be accepted.
    pub expires_at: DateTimeUtc,
    /// When it was accepted.
    pub accepted_at: Option<DateTimeUtc>,
    /// When either of them ended it.
    pub ended_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
