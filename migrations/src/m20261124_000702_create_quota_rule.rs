//! How much one resident or household may book: rules as data. What they count is the engine's.

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
                    .table("quota_rule")
                    .col(uuid("id").primary_key())
                    .col(text("org_path"))
                    .col(text("name_zh"))
                    .col(text_null("name_en"))
                    .col(text("subject"))
                    .col(text("period"))
                    .col(text("measure"))
                    .col(integer("most"))
                    .col(text("over_kind"))
                    .col(uuid("over_id"))
                    .col(boolean("late_cancel_counts"))
                    .col(big_integer("version"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .col(timestamp_with_time_zone_null("ended_at"))
                    .check(("quota_rule_most_check", Expr::col("most").gte(0)))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("quota_rule_over")
                    .table("quota_rule")
                    .col("over_id")
                    .col("over_kind")
                    .to_owned(),
            )
            .await?;
        path_index(manager, "quota_rule", "org_path").await
    }
}
