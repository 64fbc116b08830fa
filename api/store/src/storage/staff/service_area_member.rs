//! The organisations a service area is made of.

use sea_orm::entity::prelude::*;

/// The service_area_member table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "service_area_member")]
pub struct Model {
    /// Service area.
    #[sea_orm(primary_key, auto_increment = false)]
    pub service_area_id: Uuid,
    /// An organisation in it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organisation_id: Uuid,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
