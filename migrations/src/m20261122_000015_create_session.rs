//! Sessions of residents and staff, their rotating refresh tokens, and failed sign-ins.

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
                    .table("session")
                    .col(uuid("id").primary_key())
                    .col(uuid_null("resident_id"))
                    .col(uuid_null("staff_id"))
                    .col(text("client"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("last_used_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone_null("revoked_at"))
                    .col(text_null("revoked_why"))
                    .foreign_key(&mut references("session_resident", "session", "resident_id", "resident"))
                    .foreign_key(&mut references("session_staff", "session", "staff_id", "staff"))
                    .check((
                        "session_one_owner".into_iden(),
                        Expr::cust("(resident_id IS NULL) <> (staff_id IS NULL)"),
                    ))
                    .to_owned(),
            )
            .await?;
        for column in ["resident_id", "staff_id", "expires_at"] {
            let name = format!("session_{column}");
            manager.create_index(Index::create().name(name).table("session").col(column).to_owned()).await?;
        }
        manager
            .create_table(
                Table::create()
                    .table("refresh_token")
                    .col(blob("digest").primary_key())
                    .col(uuid("session_id"))
                    .col(timestamp_with_time_zone("issued_at"))
                    .col(timestamp_with_time_zone_null("used_at"))
                    .foreign_key(
                        references("refresh_token_session", "refresh_token", "session_id", "session")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("refresh_token_session_id")
                    .table("refresh_token")
                    .col("session_id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("failed_attempt")
                    .col(blob("key").primary_key())
                    .col(integer("failures"))
                    .col(timestamp_with_time_zone("last_at"))
                    .col(timestamp_with_time_zone("blocked_until"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("failed_attempt_last_at")
                    .table("failed_attempt")
                    .col("last_at")
                    .to_owned(),
            )
            .await
    }
}
