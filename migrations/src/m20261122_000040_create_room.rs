//! Rooms and what they ask of a booking.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::path_index;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("room")
                    .col(uuid("id").primary_key())
                    .col(uuid("facility_id"))
                    .col(text("org_path"))
                    .col(text("name"))
                    .col(text_null("description"))
                    .col(small_integer("grid_minutes"))
                    .col(integer("max_party_size"))
                    .col(integer("lead_minutes"))
                    .col(integer("horizon_days"))
                    .col(integer("cancel_until_minutes"))
                    .col(big_integer("version"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .check(("room_grid_check", Expr::col("grid_minutes").is_in([15, 30, 60])))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("room_facility_name_key")
                    .table("room")
                    .col("facility_id")
                    .col("name")
                    .unique()
                    .to_owned(),
            )
            .await?;
        path_index(manager, "room", "org_path").await
    }
}
