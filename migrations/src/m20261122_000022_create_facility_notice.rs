//! Notices 发布: dated news of a facility.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::references;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut facility =
            references("facility_notice_facility", "facility_notice", "facility_id", "facility");
        let period = Expr::cust("shown_from <= shown_to");
        manager
            .create_table(
                Table::create()
                    .table("facility_notice")
                    .col(uuid("id").primary_key())
                    .col(uuid("facility_id"))
                    .col(text("kind"))
                    .col(text("title"))
                    .col(text("body"))
                    .col(date("shown_from"))
                    .col(date("shown_to"))
                    .col(uuid("published_by"))
                    .col(timestamp_with_time_zone("published_at"))
                    .col(timestamp_with_time_zone_null("withdrawn_at"))
                    .foreign_key(&mut facility)
                    .check(("facility_notice_period".into_iden(), period))
                    .to_owned(),
            )
            .await?;
        let mut index = Index::create().name("facility_notice_shown").table("facility_notice").to_owned();
        manager.create_index(index.col("facility_id").col("shown_to").to_owned()).await
    }
}
