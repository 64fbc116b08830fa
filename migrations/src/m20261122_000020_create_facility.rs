//! Facilities, and the categories they are found under.
//!
//! `profile` is the whole facility in the domain's versioned form; the columns beside it are what
//! queries select by, written from it in the same statement.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::{path_index, references};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_facility(manager).await?;
        let index = |name: &str| Index::create().name(name).table("facility").to_owned();
        manager.create_index(index("facility_revision").col("revision").col("id").to_owned()).await?;
        manager.create_index(index("facility_licence").col("licence_expires_on").to_owned()).await?;
        path_index(manager, "facility", "org_path").await?;
        let mut facility =
            references("facility_category_facility", "facility_category", "facility_id", "facility");
        manager
            .create_table(
                Table::create()
                    .table("facility_category")
                    .col(text("category"))
                    .col(uuid("facility_id"))
                    .primary_key(
                        Index::create().name("facility_category_pkey").col("facility_id").col("category"),
                    )
                    .foreign_key(facility.on_delete(ForeignKeyAction::Cascade))
                    .to_owned(),
            )
            .await
    }
}

async fn create_facility(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut key =
        Index::create().name("facility_external_key").col("source").col("external_id").unique().to_owned();
    let mut owner = references("facility_organisation", "facility", "organisation_id", "organisation");
    let status = Expr::cust("status IN ('planned','trial','open','suspended','closed')");
    manager
        .create_table(
            Table::create()
                .table("facility")
                .col(uuid("id").primary_key())
                .col(uuid("organisation_id"))
                .col(text("org_path"))
                .col(text("source"))
                .col(text_null("external_id"))
                .col(text("name"))
                .col(text("status"))
                .col(text_null("division"))
                .col(double_null("lat"))
                .col(double_null("lng"))
                .col(json_binary("profile"))
                .col(date_null("licence_expires_on"))
                .col(big_integer("version"))
                .col(big_integer("revision"))
                .col(timestamp_with_time_zone("created_at"))
                .col(timestamp_with_time_zone("updated_at"))
                .index(&mut key)
                .foreign_key(&mut owner)
                .check(("facility_status".into_iden(), status))
                .to_owned(),
        )
        .await
}
