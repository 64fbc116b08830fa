//! What a slot is for, and slots that are on offer no more: their bookings stay, others may take their time.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::unique_where;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite alters one column at a time.
        for column in
            [text_null("function"), text_null("title"), timestamp_with_time_zone_null("withdrawn_at")]
        {
            manager.alter_table(Table::alter().table("slot").add_column(column).to_owned()).await?;
        }
        let times = "room_id, starts_at, ends_at";
        manager.drop_index(Index::drop().name("slot_room_times_key").table("slot").to_owned()).await?;
        unique_where(manager, "slot_room_times_key", "slot", times, "withdrawn_at IS NULL").await?;
        let sql = "CREATE INDEX slot_withdrawn ON slot (room_id, starts_at) WHERE withdrawn_at IS NOT NULL";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
