//! Data keys of the vault, wrapped by a master key that is not here.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("data_key")
                    .col(text("purpose"))
                    .col(integer("version"))
                    .col(integer("master_version"))
                    .col(blob("wrapped"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("active_from"))
                    .primary_key(Index::create().name("data_key_pkey").col("purpose").col("version"))
                    .to_owned(),
            )
            .await
    }
}
