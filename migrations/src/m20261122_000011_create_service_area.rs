//! Service areas 片区: communities served together, across the tree.

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
                    .table("service_area")
                    .col(uuid("id").primary_key())
                    .col(text("name"))
                    .col(uuid("organisation_id"))
                    .col(text("org_path"))
                    .col(big_integer("version"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .foreign_key(&mut references(
                        "service_area_organisation",
                        "service_area",
                        "organisation_id",
                        "organisation",
                    ))
                    .to_owned(),
            )
            .await?;
        path_index(manager, "service_area", "org_path").await?;
        manager
            .create_table(
                Table::create()
                    .table("service_area_member")
                    .col(uuid("service_area_id"))
                    .col(uuid("organisation_id"))
                    .primary_key(
                        Index::create()
                            .name("service_area_member_pkey")
                            .col("service_area_id")
                            .col("organisation_id"),
                    )
                    .foreign_key(&mut references(
                        "service_area_member_area",
                        "service_area_member",
                        "service_area_id",
                        "service_area",
                    ))
                    .foreign_key(&mut references(
                        "service_area_member_organisation",
                        "service_area_member",
                        "organisation_id",
                        "organisation",
                    ))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("service_area_member_by_organisation")
                    .table("service_area_member")
                    .col("organisation_id")
                    .to_owned(),
            )
            .await
    }
}
