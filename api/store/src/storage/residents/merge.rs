//! Merges of two records of one person.

use sea_orm::entity::prelude::*;

/// The resident_merge table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "resident_merge")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The record that stays.
    pub winner_id: Uuid,
    /// The record that went into it.
    pub loser_id: Uuid,
    /// Who merged them.
    pub staff_id: Uuid,
    /// How many rows of which kind moved.
    pub moved: Json,
    /// When.
    pub merged_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
