//! What many people look for and do not find, by day and street: evidence of demand, of no person.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let key =
            Index::create().name("search_demand_pkey").col("day").col("org_path").col("words").to_owned();
        manager
            .create_table(
                Table::create()
                    .table("search_demand")
                    .col(date("day"))
                    .col(text("org_path"))
                    .col(text("words"))
                    .col(integer("asked"))
                    .col(timestamp_with_time_zone("last_at"))
                    .primary_key(&mut key.clone())
                    .check(("search_demand_asked_check", Expr::col("asked").gt(0)))
                    .to_owned(),
            )
            .await
    }
}
