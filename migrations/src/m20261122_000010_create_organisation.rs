//! The tree of organisations: city, districts, streets, communities, operators.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::{path_index, references};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("organisation")
                    .col(uuid("id").primary_key())
                    .col(uuid_null("parent_id"))
                    .col(text("kind"))
                    .col(text("name"))
                    .col(text_null("code"))
                    .col(text("path"))
                    .col(big_integer("version"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .col(timestamp_with_time_zone_null("closed_at"))
                    .foreign_key(&mut references(
                        "organisation_parent",
                        "organisation",
                        "parent_id",
                        "organisation",
                    ))
                    .check((
                        "organisation_kind".into_iden(),
                        Expr::cust("kind IN ('city','district','street','community','operator')"),
                    ))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("organisation_code_key")
                    .table("organisation")
                    .col("code")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("organisation_path_key")
                    .table("organisation")
                    .col("path")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("organisation_parent_id")
                    .table("organisation")
                    .col("parent_id")
                    .to_owned(),
            )
            .await?;
        path_index(manager, "organisation", "path").await
    }
}
