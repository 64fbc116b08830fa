//! Times when a room is closed although they are published: cleaning, repairs, an election.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::references;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let lasts = Expr::col("starts_at").lt(Expr::col("ends_at"));
        manager
            .create_table(
                Table::create()
                    .table("room_closure")
                    .col(uuid("id").primary_key())
                    .col(uuid("room_id"))
                    .col(timestamp_with_time_zone("starts_at"))
                    .col(timestamp_with_time_zone("ends_at"))
                    .col(text_null("reason"))
                    .col(uuid("closed_by_staff_id"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("reopened_at"))
                    .foreign_key(&mut references("room_closure_room", "room_closure", "room_id", "room"))
                    .check(("room_closure_times_check", lasts))
                    .to_owned(),
            )
            .await?;
        let mut index = Index::create().name("room_closure_room_ends").table("room_closure").to_owned();
        manager.create_index(index.col("room_id").col("ends_at").to_owned()).await
    }
}
