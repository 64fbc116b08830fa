//! Signed-in sessions, of residents and of staff.

use sea_orm::entity::prelude::*;

/// The session table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The resident, or
    pub resident_id: Option<Uuid>,
    /// the staff member it belongs to: exactly one of the two.
    pub staff_id: Option<Uuid>,
    /// What kind of client signed in, in the client's own short words.
    pub client: String,
    /// When.
    pub created_at: DateTimeUtc,
    /// When its tokens were last renewed.
    pub last_used_at: DateTimeUtc,
    /// When it ends unless it is renewed.
    pub expires_at: DateTimeUtc,
    /// When it was ended early.
    pub revoked_at: Option<DateTimeUtc>,
    /// Why, as a stable word.
    pub revoked_why: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
