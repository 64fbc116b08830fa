//! Family links, and the consents residents give, one live one per thing.

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
                    .table("family_link")
                    .col(uuid("id").primary_key())
                    .col(uuid("principal_id"))
                    .col(uuid_null("agent_id"))
                    .col(json_binary("scopes"))
                    .col(blob("code_index"))
                    .col(timestamp_with_time_zone("invited_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone_null("accepted_at"))
                    .col(timestamp_with_time_zone_null("ended_at"))
                    .foreign_key(&mut references(
                        "family_link_principal",
                        "family_link",
                        "principal_id",
                        "resident",
                    ))
                    .foreign_key(&mut references("family_link_agent", "family_link", "agent_id", "resident"))
                    .check((
                        "family_link_two_people".into_iden(),
                        Expr::cust("agent_id IS NULL OR agent_id <> principal_id"),
                    ))
                    .to_owned(),
            )
            .await?;
        unique_where(
            manager,
            "family_link_pair_key",
            "family_link",
            "principal_id, agent_id",
            "ended_at IS NULL",
        )
        .await?;
        unique_where(
            manager,
            "family_link_code_key",
            "family_link",
            "code_index",
            "accepted_at IS NULL AND ended_at IS NULL",
        )
        .await?;
        manager
            .create_index(
                Index::create().name("family_link_agent_id").table("family_link").col("agent_id").to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("consent")
                    .col(uuid("id").primary_key())
                    .col(uuid("resident_id"))
                    .col(text("kind"))
                    // What it is about, for instance a family link; nil where the kind says it all.
                    .col(uuid("subject_id"))
                    .col(json_binary("scopes"))
                    .col(text_null("text_version"))
                    .col(timestamp_with_time_zone("given_at"))
                    .col(timestamp_with_time_zone_null("revoked_at"))
                    .foreign_key(&mut references("consent_resident", "consent", "resident_id", "resident"))
                    .to_owned(),
            )
            .await?;
        unique_where(
            manager,
            "consent_live_key",
            "consent",
            "resident_id, kind, subject_id",
            "revoked_at IS NULL",
        )
        .await
    }
}
