//! Bookings: a claim on room time, with the person it is for and where it stands.

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
                    .table("booking")
                    .col(uuid("id").primary_key())
                    .col(uuid("room_id"))
                    .col(uuid("facility_id"))
                    .col(text("org_path"))
                    .col(uuid("resident_id"))
                    .col(integer("party_size"))
                    .col(text_null("purpose"))
                    .col(timestamp_with_time_zone("starts_at"))
                    .col(timestamp_with_time_zone("ends_at"))
                    .col(timestamp_with_time_zone("cancel_until"))
                    .col(text("state"))
                    .col(timestamp_with_time_zone_null("cancelled_at"))
                    .col(text_null("cancelled_by_kind"))
                    .col(uuid_null("cancelled_by_id"))
                    .col(text_null("cancel_reason"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(big_integer("version"))
                    .foreign_key(&mut references("booking_claim", "booking", "id", "claim"))
                    .foreign_key(&mut references("booking_room", "booking", "room_id", "room"))
                    .to_owned(),
            )
            .await?;
        for (name, column) in [("booking_resident", "resident_id"), ("booking_room_starts", "room_id")] {
            let mut index = Index::create().name(name).table("booking").col(column).to_owned();
            manager.create_index(index.col("starts_at").col("id").to_owned()).await?;
        }
        manager
            .create_table(
                Table::create()
                    .table("booking_slot")
                    .col(uuid("booking_id"))
                    .col(uuid("slot_id"))
                    .primary_key(Index::create().name("booking_slot_pkey").col("booking_id").col("slot_id"))
                    .foreign_key(&mut references(
                        "booking_slot_booking",
                        "booking_slot",
                        "booking_id",
                        "booking",
                    ))
                    .foreign_key(&mut references("booking_slot_slot", "booking_slot", "slot_id", "slot"))
                    .to_owned(),
            )
            .await
    }
}
