//! What residents sign in with: an issuer and its subject.

use sea_orm::entity::prelude::*;

/// The resident_identity table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "resident_identity")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Resident.
    pub resident_id: Uuid,
    /// Issuer, for instance `wechat:<appid>`.
    pub issuer: String,
    /// The issuer's name for the person, sealed.
    pub subject_sealed: Vec<u8>,
    /// Blind index of the subject.
    pub subject_index: Vec<u8>,
    /// When it was linked.
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
