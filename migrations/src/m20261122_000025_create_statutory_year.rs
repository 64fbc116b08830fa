//! Years of the statutory calendar that staff loaded, over those that are shipped.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("statutory_year")
                    .col(integer("year").primary_key())
                    .col(json_binary("arrangement"))
                    .col(big_integer("version"))
                    .col(uuid("loaded_by"))
                    .col(timestamp_with_time_zone("loaded_at"))
                    .to_owned(),
            )
            .await
    }
}
