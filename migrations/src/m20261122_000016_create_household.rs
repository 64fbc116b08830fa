//! Households: residents joined by a link that staff verified, one each.

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
                    .table("household")
                    .col(uuid("id").primary_key())
                    .col(uuid("organisation_id"))
                    .col(text("org_path"))
                    .col(big_integer("version"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .foreign_key(&mut references(
                        "household_organisation",
                        "household",
                        "organisation_id",
                        "organisation",
                    ))
                    .to_owned(),
            )
            .await?;
        path_index(manager, "household", "org_path").await?;
        manager
            .create_table(
                Table::create()
                    .table("household_member")
                    // The primary key says it: a resident belongs to one household.
                    .col(uuid("resident_id"))
                    .col(uuid("household_id"))
                    .col(uuid("verified_by"))
                    .col(timestamp_with_time_zone("verified_at"))
                    .primary_key(Index::create().name("household_member_pkey").col("resident_id"))
                    .foreign_key(&mut references(
                        "household_member_resident",
                        "household_member",
                        "resident_id",
                        "resident",
                    ))
                    .foreign_key(&mut references(
                        "household_member_household",
                        "household_member",
                        "household_id",
                        "household",
                    ))
                    .foreign_key(&mut references(
                        "household_member_verified_by",
                        "household_member",
                        "verified_by",
                        "staff",
                    ))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("household_member_household_id")
                    .table("household_member")
                    .col("household_id")
                    .to_owned(),
            )
            .await
    }
}
