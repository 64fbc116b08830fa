//! Stored answers: one effect per principal and key.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("idempotency")
                    .col(text("principal"))
                    .col(text("key"))
                    .col(text("operation"))
                    .col(text("digest"))
                    .col(small_integer("status"))
                    .col(json_binary("answer"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .primary_key(Index::create().name("idempotency_pkey").col("principal").col("key"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("idempotency_expires").table("idempotency").col("expires_at").to_owned(),
            )
            .await
    }
}
