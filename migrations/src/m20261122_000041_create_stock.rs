//! Stock: whatever runs out. Its CHECK is the last judge of what is free.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let within = Expr::col("used").gte(0).and(Expr::col("used").lte(Expr::col("capacity")));
        manager
            .create_table(
                Table::create()
                    .table("stock")
                    .col(uuid("id").primary_key())
                    .col(text("tag"))
                    .col(text("subject"))
                    .col(integer("capacity"))
                    .col(integer("used"))
                    .col(boolean("open"))
                    .col(big_integer("version"))
                    .check(("stock_used_check", within))
                    .to_owned(),
            )
            .await?;
        manager.create_index(Index::create().name("stock_tag").table("stock").col("tag").to_owned()).await
    }
}
