//! The history of facilities: who changed which fields when. Contents are not kept, so nothing
//! that had to be taken down lives on here.

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
                    .table("facility_change")
                    .col(uuid("id").primary_key())
                    .col(uuid("facility_id"))
                    .col(big_integer("version"))
                    .col(timestamp_with_time_zone("at"))
                    .col(text("actor_kind"))
                    .col(uuid_null("actor_id"))
                    .col(text("action"))
                    .col(json_binary("fields"))
                    .foreign_key(&mut references(
                        "facility_change_facility",
                        "facility_change",
                        "facility_id",
                        "facility",
                    ))
                    .to_owned(),
            )
            .await?;
        let mut index = Index::create().name("facility_change_order").table("facility_change").to_owned();
        manager.create_index(index.col("facility_id").col("id").to_owned()).await
    }
}
