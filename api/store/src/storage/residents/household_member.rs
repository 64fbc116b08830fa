//! Who belongs to a household; the key says that a resident belongs to one.

use sea_orm::entity::prelude::*;

/// The household_member table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "household_member")]
pub struct Model {
    /// Resident.
    #[sea_orm(primary_key, auto_increment = false)]
    pub resident_id: Uuid,
    /// Household.
    pub household_id: Uuid,
    /// The staff member who saw the papers.
    pub verified_by: Uuid,
    /// When.
    pub verified_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
