//! What people report and are answered, sealed.
//!
//! The open columns stay: a program from before still writes them, and SQL has no key to seal with.
//! The job `vault.seal` carries over what stands in them.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in ["text_sealed", "answer_sealed"] {
            manager
                .alter_table(Table::alter().table("facility_report").add_column(blob_null(column)).to_owned())
                .await?;
        }
        let unsealed = "CREATE INDEX facility_report_unsealed ON facility_report (id) \
                          WHERE text IS NOT NULL OR answer IS NOT NULL";
        manager.get_connection().execute_unprepared(unsealed).await?;
        Ok(())
    }
}
