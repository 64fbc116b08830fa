//! What each Meilisearch node holds: which index is read there, and by which vocabulary it was made.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("search_node")
                    .col(text("node").primary_key())
                    .col(text("index_uid"))
                    .col(text("made_at"))
                    .col(text("fingerprint"))
                    .col(boolean("rebuild_wanted"))
                    .col(big_integer("done"))
                    .col(big_integer("total"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .to_owned(),
            )
            .await
    }
}
