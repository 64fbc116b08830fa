//! Which line of history this database is on: a restore begins another.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("lineage")
                    .col(big_integer("number").primary_key())
                    .col(uuid("id"))
                    .col(text("origin"))
                    .col(timestamp_with_time_zone("began_at"))
                    .to_owned(),
            )
            .await
    }
}
