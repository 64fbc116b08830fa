//! Residents and the identities they sign in with; all that names them is sealed.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::{path_index, references};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("resident")
                    .col(uuid("id").primary_key())
                    .col(blob_null("name_sealed"))
                    .col(blob_null("name_index"))
                    .col(blob_null("phone_sealed"))
                    .col(blob_null("phone_index"))
                    .col(blob_null("id_card_sealed"))
                    .col(blob_null("id_card_index"))
                    .col(text("assurance"))
                    .col(uuid_null("community_id"))
                    .col(text_null("org_path"))
                    .col(uuid_null("merged_into_id"))
                    .col(big_integer("version"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .col(timestamp_with_time_zone_null("erase_after"))
                    .col(timestamp_with_time_zone_null("erased_at"))
                    .foreign_key(&mut references(
                        "resident_community",
                        "resident",
                        "community_id",
                        "organisation",
                    ))
                    .foreign_key(&mut references(
                        "resident_merged_into",
                        "resident",
                        "merged_into_id",
                        "resident",
                    ))
                    .check((
                        "resident_assurance".into_iden(),
                        Expr::cust("assurance IN ('none','phone','real_name','network_id')"),
                    ))
                    .to_owned(),
            )
            .await?;
        // Not unique: two channels may bring one person twice until staff merge the records, and
        // telephone numbers are given to new people.
        for column in ["name_index", "phone_index", "id_card_index", "erase_after"] {
            let name = format!("resident_{column}");
            manager.create_index(Index::create().name(name).table("resident").col(column).to_owned()).await?;
        }
        path_index(manager, "resident", "org_path").await?;
        manager
            .create_table(
                Table::create()
                    .table("resident_identity")
                    .col(uuid("id").primary_key())
                    .col(uuid("resident_id"))
                    .col(text("issuer"))
                    .col(blob("subject_sealed"))
                    .col(blob("subject_index"))
                    .col(timestamp_with_time_zone("created_at"))
                    .foreign_key(&mut references(
                        "resident_identity_resident",
                        "resident_identity",
                        "resident_id",
                        "resident",
                    ))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("resident_identity_key")
                    .table("resident_identity")
                    .col("issuer")
                    .col("subject_index")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("resident_identity_resident_id")
                    .table("resident_identity")
                    .col("resident_id")
                    .to_owned(),
            )
            .await
    }
}
