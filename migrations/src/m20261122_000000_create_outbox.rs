//! The outbox and the durable cursors of its consumers.

use sea_orm_migration::{prelude::*, schema::*};

use crate::xid_default;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let xid = Expr::cust(xid_default(manager.get_database_backend()));
        manager
            .create_table(
                Table::create()
                    .table("outbox")
                    .col(big_integer("seq").primary_key().auto_increment())
                    .col(big_integer("xid").default(xid))
                    .col(text("topic"))
                    .col(uuid("subject"))
                    .col(timestamp_with_time_zone("at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("outbox_order").table("outbox").col("xid").col("seq").to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("outbox_cursor")
                    .col(text("consumer").primary_key())
                    .col(big_integer("xid"))
                    .col(big_integer("seq"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .to_owned(),
            )
            .await
    }
}
