//! Staff accounts and the roles they hold, each at a place in the tree.

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
                    .table("staff")
                    .col(uuid("id").primary_key())
                    .col(text("username"))
                    .col(uuid("organisation_id"))
                    .col(text("org_path"))
                    .col(blob("name_sealed"))
                    .col(blob_null("phone_sealed"))
                    .col(blob_null("phone_index"))
                    .col(text_null("password_hash"))
                    .col(boolean("must_change_password"))
                    .col(big_integer("version"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .col(timestamp_with_time_zone_null("disabled_at"))
                    .foreign_key(&mut references(
                        "staff_organisation",
                        "staff",
                        "organisation_id",
                        "organisation",
                    ))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("staff_username_key").table("staff").col("username").unique().to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("staff_phone_key").table("staff").col("phone_index").unique().to_owned(),
            )
            .await?;
        path_index(manager, "staff", "org_path").await?;
        manager
            .create_table(
                Table::create()
                    .table("staff_assignment")
                    .col(uuid("id").primary_key())
                    .col(uuid("staff_id"))
                    .col(text("role"))
                    .col(uuid("organisation_id"))
                    .col(text("org_path"))
                    .col(uuid_null("given_by"))
                    .col(timestamp_with_time_zone("given_at"))
                    .foreign_key(&mut references(
                        "staff_assignment_staff",
                        "staff_assignment",
                        "staff_id",
                        "staff",
                    ))
                    .foreign_key(&mut references(
                        "staff_assignment_organisation",
                        "staff_assignment",
                        "organisation_id",
                        "organisation",
                    ))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("staff_assignment_key")
                    .table("staff_assignment")
                    .col("staff_id")
                    .col("role")
                    .col("organisation_id")
                    .unique()
                    .to_owned(),
            )
            .await?;
        path_index(manager, "staff_assignment", "org_path").await
    }
}
