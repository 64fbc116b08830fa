//! Who did what: a resident's export and an auditor's question look by the actor.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_index(Index::create().name("audit_actor").table("audit").col("actor_id").to_owned())
            .await
    }
}
