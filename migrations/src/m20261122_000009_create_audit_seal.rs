//! Seals over the audit: one chain of digests per organisation.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::path_index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("audit_seal")
                    .col(text("chain"))
                    .col(big_integer("seq"))
                    .col(big_integer("entries"))
                    .col(blob("previous"))
                    .col(blob("digest"))
                    .col(timestamp_with_time_zone("sealed_at"))
                    .primary_key(Index::create().name("audit_seal_pkey").col("chain").col("seq"))
                    .to_owned(),
            )
            .await?;
        // The number of the seal that covers an entry, within the chain of its organisation.
        manager
            .alter_table(Table::alter().table("audit").add_column(big_integer_null("seal_seq")).to_owned())
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("audit_sealed")
                    .table("audit")
                    .col("org_path")
                    .col("seal_seq")
                    .to_owned(),
            )
            .await?;
        let unsealed = "CREATE INDEX audit_unsealed ON audit (id) WHERE seal_seq IS NULL";
        manager.get_connection().execute_unprepared(unsealed).await?;
        path_index(manager, "audit", "org_path").await
    }
}
