//! Claims: who holds how much of which stock.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::references;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("claim")
                    .col(uuid("id").primary_key())
                    .col(text("principal"))
                    .col(text("digest"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("expires_at"))
                    .col(timestamp_with_time_zone_null("ended_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("claim_stock")
                    .col(uuid("claim_id"))
                    .col(uuid("stock_id"))
                    .col(integer("units"))
                    .primary_key(Index::create().name("claim_stock_pkey").col("claim_id").col("stock_id"))
                    .foreign_key(&mut references("claim_stock_claim", "claim_stock", "claim_id", "claim"))
                    .foreign_key(&mut references("claim_stock_stock", "claim_stock", "stock_id", "stock"))
                    .check(("claim_stock_units_check", Expr::col("units").gt(0)))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("claim_stock_stock_id").table("claim_stock").col("stock_id").to_owned(),
            )
            .await
    }
}
