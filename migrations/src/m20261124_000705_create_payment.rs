//! What was paid for bookings, by whom it was recorded, and what was given back.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::{references, unique_where};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("payment")
                    .col(uuid("id").primary_key())
                    .col(uuid("booking_id"))
                    .col(text("provider"))
                    .col(text("method"))
                    .col(integer("amount_fen"))
                    .col(uuid("received_by_staff_id"))
                    .col(timestamp_with_time_zone("received_at"))
                    .col(uuid_null("refunded_by_staff_id"))
                    .col(timestamp_with_time_zone_null("refunded_at"))
                    .foreign_key(&mut references("payment_booking", "payment", "booking_id", "booking"))
                    .check(("payment_amount_check", Expr::col("amount_fen").gt(0)))
                    .to_owned(),
            )
            .await?;
        unique_where(manager, "payment_booking_key", "payment", "booking_id", "refunded_at IS NULL").await
    }
}
