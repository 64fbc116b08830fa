//! Where a resident is, quarter of an hour by quarter of an hour: the key judges that nobody is in
//! two places at once.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::references;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut booking = references("booking_presence_booking", "booking_presence", "booking_id", "booking");
        manager
            .create_table(
                Table::create()
                    .table("booking_presence")
                    .col(uuid("resident_id"))
                    .col(timestamp_with_time_zone("starts_at"))
                    .col(uuid("booking_id"))
                    .col(timestamp_with_time_zone_null("lapses_at"))
                    .primary_key(
                        Index::create().name("booking_presence_pkey").col("resident_id").col("starts_at"),
                    )
                    .foreign_key(&mut booking)
                    .to_owned(),
            )
            .await?;
        let mut index =
            Index::create().name("booking_presence_booking_id").table("booking_presence").to_owned();
        manager.create_index(index.col("booking_id").to_owned()).await
    }
}
