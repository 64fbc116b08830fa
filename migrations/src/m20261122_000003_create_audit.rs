//! The audit: who did what to which thing. Sealed into chains afterwards.

use sea_orm_migration::{prelude::*, schema::*};

use crate::xid_default;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let xid = Expr::cust(xid_default(manager.get_database_backend()));
        manager
            .create_table(
                Table::create()
                    .table("audit")
                    .col(uuid("id").primary_key())
                    .col(big_integer("xid").default(xid))
                    .col(timestamp_with_time_zone("at"))
                    .col(text("actor_kind"))
                    .col(uuid_null("actor_id"))
                    .col(text("action"))
                    .col(text("subject_kind"))
                    .col(uuid_null("subject_id"))
                    .col(text("org_path"))
                    .col(json_binary("detail"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(Index::create().name("audit_order").table("audit").col("xid").col("id").to_owned())
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("audit_subject")
                    .table("audit")
                    .col("subject_kind")
                    .col("subject_id")
                    .to_owned(),
            )
            .await
    }
}
