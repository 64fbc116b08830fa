//! Failed attempts, counted per blind key, for growing delays.

use sea_orm::entity::prelude::*;

/// The failed_attempt table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "failed_attempt")]
pub struct Model {
    /// Blind key of who tries what.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: Vec<u8>,
    /// Failures since the last success or long pause.
    pub failures: i32,
    /// The last one.
    pub last_at: DateTimeUtc,
    /// Until when further attempts are refused unseen.
    pub blocked_until: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
