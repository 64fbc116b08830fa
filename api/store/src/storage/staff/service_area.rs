//! Service areas 片区.

use sea_orm::entity::prelude::*;

/// The service_area table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "service_area")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// The organisation that drew it.
    pub organisation_id: Uuid,
    /// Path of that organisation.
    pub org_path: String,
    /// Grows with every edit.
    pub version: i64,
    /// When it was drawn.
    pub created_at: DateTimeUtc,
    /// When it was last edited.
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
