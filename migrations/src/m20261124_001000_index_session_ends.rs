//! Every server keeps reading which sessions ended lately.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut index = Index::create().name("session_revoked_at").table("session").to_owned();
        manager.create_index(index.col("revoked_at").to_owned()).await
    }
}
