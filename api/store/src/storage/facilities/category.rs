//! The categories a facility is listed under, for filters.

use sea_orm::entity::prelude::*;

/// One category of one facility.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "facility_category")]
pub struct Model {
    /// Facility.
    #[sea_orm(primary_key, auto_increment = false)]
    pub facility_id: Uuid,
    /// Stable name of a `Category`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub category: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
