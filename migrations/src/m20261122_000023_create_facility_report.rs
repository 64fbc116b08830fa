//! Reports that published information is wrong.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::{path_index, references};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut facility =
            references("facility_report_facility", "facility_report", "facility_id", "facility");
        let state = Expr::cust("state IN ('open','checking','corrected','unfounded','duplicate')");
        manager
            .create_table(
                Table::create()
                    .table("facility_report")
                    .col(uuid("id").primary_key())
                    .col(uuid("facility_id"))
                    .col(text("org_path"))
                    .col(uuid_null("resident_id"))
                    .col(text("kind"))
                    .col(text_null("text"))
                    .col(text("state"))
                    .col(text_null("answer"))
                    .col(uuid_null("handled_by"))
                    .col(big_integer("version"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .col(timestamp_with_time_zone_null("closed_at"))
                    .foreign_key(&mut facility)
                    .check(("facility_report_state".into_iden(), state))
                    .to_owned(),
            )
            .await?;
        for (name, columns) in [
            ("facility_report_facility_state", ["facility_id", "state"]),
            ("facility_report_resident", ["resident_id", "state"]),
        ] {
            let mut index = Index::create().name(name).table("facility_report").to_owned();
            manager.create_index(index.col(columns[0]).col(columns[1]).to_owned()).await?;
        }
        path_index(manager, "facility_report", "org_path").await
    }
}
