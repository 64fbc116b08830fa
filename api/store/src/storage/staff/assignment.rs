//! Roles given to staff at an organisation.

use sea_orm::entity::prelude::*;

/// The staff_assignment table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "staff_assignment")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who holds it.
    pub staff_id: Uuid,
    /// Stable name of a `Role`.
    pub role: String,
    /// Where.
    pub organisation_id: Uuid,
    /// Path of that organisation: the role reaches everything below.
    pub org_path: String,
    /// Who gave it; absent when the command line did.
    pub given_by: Option<Uuid>,
    /// When.
    pub given_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
