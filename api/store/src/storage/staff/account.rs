//! Staff accounts.

use sea_orm::entity::prelude::*;

/// The staff table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "staff")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Sign-in name, lower case.
    pub username: String,
    /// The organisation that keeps the account.
    pub organisation_id: Uuid,
    /// Path of that organisation.
    pub org_path: String,
    /// Name, sealed.
    pub name_sealed: Vec<u8>,
    /// Telephone number, sealed.
    pub phone_sealed: Option<Vec<u8>>,
    /// Blind index of the telephone number.
    pub phone_index: Option<Vec<u8>>,
    /// Password hash in PHC form; absent until one is set.
    pub password_hash: Option<String>,
    /// Whether the password was set by someone else.
    pub must_change_password: bool,
    /// Grows with every edit.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it was last edited.
    pub updated_at: DateTimeUtc,
    /// When it was disabled.
    pub disabled_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
