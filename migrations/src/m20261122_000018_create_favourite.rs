//! Favourites: facilities a resident keeps at hand.

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
                    .table("favourite")
                    .col(uuid("resident_id"))
                    // No foreign key: a facility that is gone simply is not listed any more.
                    .col(uuid("facility_id"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().name("favourite_pkey").col("resident_id").col("facility_id"))
                    .foreign_key(&mut references(
                        "favourite_resident",
                        "favourite",
                        "resident_id",
                        "resident",
                    ))
                    .to_owned(),
            )
            .await
    }
}
