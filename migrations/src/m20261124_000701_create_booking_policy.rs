//! What a room asks of its bookings beyond time and size. A room without a row has the defaults.

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
                    .table("booking_policy")
                    .col(uuid("room_id").primary_key())
                    .col(text("approval"))
                    .col(integer("price_fen"))
                    .col(integer("pay_within_minutes"))
                    .col(integer("decide_within_minutes"))
                    .col(text("late_cancel"))
                    .col(boolean("one_place"))
                    .col(integer("reserved_units"))
                    .col(big_integer("version"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .foreign_key(&mut references("booking_policy_room", "booking_policy", "room_id", "room"))
                    .check((
                        "booking_policy_approval_check",
                        Expr::cust("approval IN ('auto','staff_holds','staff_collects')"),
                    ))
                    .to_owned(),
            )
            .await
    }
}
