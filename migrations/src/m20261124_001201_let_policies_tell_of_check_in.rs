//! When check-in opens in a room, and how long somebody is waited for there.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [integer("check_in_minutes").default(30).take(), integer_null("no_show_minutes")] {
            manager.alter_table(Table::alter().table("booking_policy").add_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
