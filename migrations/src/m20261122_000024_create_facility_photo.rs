//! Photos of facilities. The bytes lie in the blob store under the digest of their content.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::references;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut facility = references("facility_photo_facility", "facility_photo", "facility_id", "facility");
        manager
            .create_table(
                Table::create()
                    .table("facility_photo")
                    .col(uuid("id").primary_key())
                    .col(uuid("facility_id"))
                    .col(text("digest"))
                    .col(text("content_type"))
                    .col(big_integer("bytes"))
                    .col(text_null("caption"))
                    .col(uuid("uploaded_by"))
                    .col(timestamp_with_time_zone("uploaded_at"))
                    .foreign_key(&mut facility)
                    .to_owned(),
            )
            .await?;
        let mut key = Index::create().name("facility_photo_key").table("facility_photo").unique().to_owned();
        manager.create_index(key.col("facility_id").col("digest").to_owned()).await
    }
}
