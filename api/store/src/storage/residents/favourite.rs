//! Favourites: facilities kept at hand.

use sea_orm::entity::prelude::*;

/// The favourite table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "favourite")]
pub struct Model {
    /// Resident.
    #[sea_orm(primary_key, auto_increment = false)]
    pub resident_id: Uuid,
    /// Facility.
    #[sea_orm(primary_key, auto_increment = false)]
    pub facility_id: Uuid,
    /// Since when.
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
