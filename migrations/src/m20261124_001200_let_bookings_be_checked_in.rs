//! Who came: states after the confirmed one, the terms of checking in, and how somebody checked in.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const BEFORE: &str = "'declined','expired')";
const AFTER: &str = "'declined','expired','checked_in','attended','no_show')";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in [
            integer("check_in_minutes").default(30).take(),
            integer_null("no_show_minutes"),
            timestamp_with_time_zone_null("checked_in_at"),
            text_null("checked_in_how"),
            uuid_null("checked_in_by_resident_id"),
            uuid_null("checked_in_by_staff_id"),
        ] {
            manager.alter_table(Table::alter().table("booking").add_column(column).to_owned()).await?;
        }
        let conn = manager.get_connection();
        let widened = match manager.get_database_backend() {
            DbBackend::Postgres => format!(
                "ALTER TABLE booking DROP CONSTRAINT booking_state_check, ADD CONSTRAINT booking_state_check \
                 CHECK (state IN ('pending_payment','pending_approval','confirmed','cancelled',{AFTER})"
            ),
            // SQLite changes no CHECK by a statement; this is the way its documentation gives for a table
            // that others refer to: the text of the schema is edited, and every connection reads it anew.
            _ => format!(
                "PRAGMA writable_schema = ON; \
                 UPDATE sqlite_master SET sql = replace(sql, '{}', '{}') WHERE name = 'booking'; \
                 PRAGMA writable_schema = RESET",
                BEFORE.replace('\'', "''"),
                AFTER.replace('\'', "''")
            ),
        };
        conn.execute_unprepared(&widened).await?;
        // Who is still waited for: short, because who came or was given on leaves it.
        let waited_for = "CREATE INDEX booking_waited_for ON booking (starts_at) \
                          WHERE state = 'confirmed' AND no_show_minutes IS NOT NULL";
        conn.execute_unprepared(waited_for).await?;
        Ok(())
    }
}
