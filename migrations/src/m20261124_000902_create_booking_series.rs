//! Series of bookings: what was asked for, and what came of each week. Who they are for, their bookings say.

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
                    .table("booking_series")
                    .col(uuid("id").primary_key())
                    .col(uuid("room_id"))
                    .col(text("mode"))
                    .col(timestamp_with_time_zone("created_at"))
                    .foreign_key(&mut references("booking_series_room", "booking_series", "room_id", "room"))
                    .to_owned(),
            )
            .await?;
        let key = Index::create().name("series_occurrence_pkey").col("series_id").col("week").to_owned();
        let mut series =
            references("series_occurrence_series", "series_occurrence", "series_id", "booking_series");
        let mut booking =
            references("series_occurrence_booking", "series_occurrence", "booking_id", "booking");
        manager
            .create_table(
                Table::create()
                    .table("series_occurrence")
                    .col(uuid("series_id"))
                    .col(small_integer("week"))
                    .col(timestamp_with_time_zone("starts_at"))
                    .col(timestamp_with_time_zone("ends_at"))
                    .col(uuid_null("booking_id"))
                    .col(text_null("refused"))
                    .primary_key(&mut key.clone())
                    .foreign_key(&mut series)
                    .foreign_key(&mut booking)
                    .to_owned(),
            )
            .await
    }
}
