//! What a room is at which hours: one document for each room that has time bands.

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
                    .table("room_bands")
                    .col(uuid("room_id").primary_key())
                    .col(json_binary("bands"))
                    .col(date_null("published_to"))
                    // Whether something could not be published because somebody has the room.
                    .col(boolean("waiting"))
                    .col(big_integer("version"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .foreign_key(&mut references("room_bands_room", "room_bands", "room_id", "room"))
                    .to_owned(),
            )
            .await
    }
}
