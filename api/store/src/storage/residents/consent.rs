//! Consents residents gave, with the time they were taken back.

use sea_orm::entity::prelude::*;

/// The consent table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consent")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who consented.
    pub resident_id: Uuid,
    /// To what kind of thing.
    pub kind: String,
    /// To which one; nil where the kind says it all.
    pub subject_id: Uuid,
    /// How far it goes.
    pub scopes: Json,
    /// Version of the text that was shown.
    pub text_version: Option<String>,
    /// When it was given.
    pub given_at: DateTimeUtc,
    /// When it was taken back.
    pub revoked_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
