//! Every change of a booking, and the messages that residents get about it, one per change.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::references;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut booking = references("booking_change_booking", "booking_change", "booking_id", "booking");
        manager
            .create_table(
                Table::create()
                    .table("booking_change")
                    .col(uuid("booking_id"))
                    .col(big_integer("version"))
                    .col(text("change"))
                    .col(timestamp_with_time_zone("starts_at"))
                    .col(timestamp_with_time_zone("ends_at"))
                    .col(timestamp_with_time_zone_null("kept_until"))
                    .col(integer("price_fen"))
                    .col(timestamp_with_time_zone("at"))
                    .primary_key(Index::create().name("booking_change_pkey").col("booking_id").col("version"))
                    .foreign_key(&mut booking)
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("message")
                    .col(uuid("id").primary_key())
                    .col(uuid("resident_id"))
                    .col(uuid("booking_id"))
                    .col(big_integer("booking_version"))
                    .col(text("change"))
                    .col(text("place"))
                    .col(timestamp_with_time_zone("starts_at"))
                    .col(timestamp_with_time_zone("ends_at"))
                    .col(timestamp_with_time_zone_null("kept_until"))
                    .col(integer("price_fen"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("read_at"))
                    .to_owned(),
            )
            .await?;
        let once = Index::create()
            .name("message_booking_change_key")
            .table("message")
            .col("booking_id")
            .col("booking_version")
            .col("resident_id")
            .unique()
            .to_owned();
        manager.create_index(once).await?;
        let mut inbox = Index::create().name("message_resident").table("message").to_owned();
        manager.create_index(inbox.col("resident_id").col("created_at").col("id").to_owned()).await
    }
}
