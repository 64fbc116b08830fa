//! Organisations 组织.

use sea_orm::entity::prelude::*;

/// The organisation table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "organisation")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The organisation directly above; absent for a city.
    pub parent_id: Option<Uuid>,
    /// Stable name of an `OrganisationKind`.
    pub kind: String,
    /// Official name.
    pub name: String,
    /// Code of the administrative division, where it is one.
    pub code: Option<String>,
    /// Its place in the tree, `/<uuid>/<uuid>/`, itself included.
    pub path: String,
    /// Grows with every edit.
    pub version: i64,
    /// When it was entered.
    pub created_at: DateTimeUtc,
    /// When it was last edited.
    pub updated_at: DateTimeUtc,
    /// When it was closed; a closed organisation keeps its history and takes nothing new.
    pub closed_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
