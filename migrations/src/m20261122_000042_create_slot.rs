//! Published slots, the cells of leaf rooms, and which cells a slot takes.

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
                    .table("slot")
                    .col(uuid("id").primary_key())
                    .col(uuid("room_id"))
                    .col(date("on_date"))
                    .col(timestamp_with_time_zone("starts_at"))
                    .col(timestamp_with_time_zone("ends_at"))
                    .col(timestamp_with_time_zone("published_at"))
                    .foreign_key(&mut references("slot_room", "slot", "room_id", "room"))
                    .check(("slot_times_check", Expr::col("starts_at").lt(Expr::col("ends_at"))))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("slot_room_times_key")
                    .table("slot")
                    .col("room_id")
                    .col("starts_at")
                    .col("ends_at")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("room_cell")
                    .col(uuid("room_id"))
                    .col(date("on_date"))
                    .col(small_integer("cell"))
                    .col(uuid("stock_id"))
                    .primary_key(
                        Index::create().name("room_cell_pkey").col("room_id").col("on_date").col("cell"),
                    )
                    .foreign_key(&mut references("room_cell_room", "room_cell", "room_id", "room"))
                    .foreign_key(&mut references("room_cell_stock", "room_cell", "stock_id", "stock"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("slot_cell")
                    .col(uuid("slot_id"))
                    .col(uuid("stock_id"))
                    .primary_key(Index::create().name("slot_cell_pkey").col("slot_id").col("stock_id"))
                    .foreign_key(&mut references("slot_cell_slot", "slot_cell", "slot_id", "slot"))
                    .foreign_key(&mut references("slot_cell_stock", "slot_cell", "stock_id", "stock"))
                    .to_owned(),
            )
            .await
    }
}
