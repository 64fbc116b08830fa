//! Quotas: what one holder took in a window, and which claim took it.
//!
//! `allowed` is the limit that the last admitted claim was judged by, so the CHECK holds for every
//! row whatever became of the rule since: giving back only lowers `used`.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::references;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let within = Expr::col("used").gte(0).and(Expr::col("used").lte(Expr::col("allowed")));
        manager
            .create_table(
                Table::create()
                    .table("quota")
                    .col(text("key"))
                    .col(text("window"))
                    .col(integer("used"))
                    .col(integer("allowed"))
                    .primary_key(Index::create().name("quota_pkey").col("key").col("window"))
                    .check(("quota_used_check", within))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("claim_quota")
                    .col(uuid("claim_id"))
                    .col(text("key"))
                    .col(text("window"))
                    .col(integer("units"))
                    .primary_key(
                        Index::create().name("claim_quota_pkey").col("claim_id").col("key").col("window"),
                    )
                    .foreign_key(&mut references("claim_quota_claim", "claim_quota", "claim_id", "claim"))
                    .check(("claim_quota_units_check", Expr::col("units").gt(0)))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("claim_quota_key")
                    .table("claim_quota")
                    .col("key")
                    .col("window")
                    .to_owned(),
            )
            .await
    }
}
