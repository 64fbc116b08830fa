//! The record of two resident records made one; a merge cannot be undone.

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
                    .table("resident_merge")
                    .col(uuid("id").primary_key())
                    .col(uuid("winner_id"))
                    .col(uuid("loser_id"))
                    .col(uuid("staff_id"))
                    .col(json_binary("moved"))
                    .col(timestamp_with_time_zone("merged_at"))
                    .foreign_key(&mut references(
                        "resident_merge_winner",
                        "resident_merge",
                        "winner_id",
                        "resident",
                    ))
                    .foreign_key(&mut references(
                        "resident_merge_loser",
                        "resident_merge",
                        "loser_id",
                        "resident",
                    ))
                    .foreign_key(&mut references(
                        "resident_merge_staff",
                        "resident_merge",
                        "staff_id",
                        "staff",
                    ))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("resident_merge_loser_key")
                    .table("resident_merge")
                    .col("loser_id")
                    .unique()
                    .to_owned(),
            )
            .await
    }
}
