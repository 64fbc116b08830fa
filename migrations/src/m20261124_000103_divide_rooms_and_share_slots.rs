//! Rooms that are part of a room, and slots that many share.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let part_of = uuid_null("part_of").extra("REFERENCES room (id)").to_owned();
        manager.alter_table(Table::alter().table("room").add_column(part_of).to_owned()).await?;
        manager
            .create_index(Index::create().name("room_part_of").table("room").col("part_of").to_owned())
            .await?;
        // A slot without is taken whole.
        let seats = integer_null("seats").check(Expr::col("seats").gt(0)).to_owned();
        manager.alter_table(Table::alter().table("slot").add_column(seats).to_owned()).await
    }
}
