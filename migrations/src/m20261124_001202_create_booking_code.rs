//! The codes by which bookings are found at their facility on their day. They are to be searched, so they
//! lie open; they open nothing, and go when the booking is over.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::references;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut booking = references("booking_code_booking", "booking_code", "booking_id", "booking");
        manager
            .create_table(
                Table::create()
                    .table("booking_code")
                    .col(uuid("booking_id").primary_key())
                    .col(uuid("facility_id"))
                    .col(date("on_date"))
                    .col(text("code"))
                    .col(timestamp_with_time_zone("ends_at"))
                    .foreign_key(&mut booking)
                    .to_owned(),
            )
            .await?;
        let mut once = Index::create().name("booking_code_day_key").table("booking_code").unique().to_owned();
        manager.create_index(once.col("facility_id").col("on_date").col("code").to_owned()).await
    }
}
