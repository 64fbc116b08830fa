//! Residents 居民.

use sea_orm::entity::prelude::*;

/// The resident table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "resident")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Name, sealed.
    pub name_sealed: Option<Vec<u8>>,
    /// Blind index of the name.
    pub name_index: Option<Vec<u8>>,
    /// Telephone number, sealed.
    pub phone_sealed: Option<Vec<u8>>,
    /// Blind index of the telephone number.
    pub phone_index: Option<Vec<u8>>,
    /// Identity number, sealed.
    pub id_card_sealed: Option<Vec<u8>>,
    /// Blind index of the identity number.
    pub id_card_index: Option<Vec<u8>>,
    /// How well the person is known: `none`, `phone`, `real_name`, `network_id`.
    pub assurance: String,
    /// The community the resident says is home.
    pub community_id: Option<Uuid>,
    /// Path of that community.
    pub org_path: Option<String>,
    /// The record this one was merged into.
    pub merged_into_id: Option<Uuid>,
    /// Grows with every edit.
    pub version: i64,
    /// When the record was made.
    pub created_at: DateTimeUtc,
    /// When it was last edited.
    pub updated_at: DateTimeUtc,
    /// When the resident asked to be deleted: the moment the data go.
    pub erase_after: Option<DateTimeUtc>,
    /// When the data went.
    pub erased_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
