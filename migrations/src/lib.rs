//! The schema: one idea per migration, for PostgreSQL and SQLite.
//!
//! Never run by `serve`: `linli migrate` holds an advisory lock while it works. Constraints and
//! indexes are named, because refusals are mapped by name.

#![allow(
    clippy::wildcard_imports,
    reason = "the idiom of sea-orm-migration: its prelude is the schema language"
)]

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

mod m20261122_000000_create_outbox;
mod m20261122_000001_create_idempotency;
mod m20261122_000002_create_lease;
mod m20261122_000003_create_audit;
mod m20261122_000009_create_audit_seal;
mod m20261122_000010_create_organisation;
mod m20261122_000011_create_service_area;
mod m20261122_000012_create_data_key;
mod m20261122_000013_create_staff;
mod m20261122_000014_create_resident;
mod m20261122_000015_create_session;
mod m20261122_000016_create_household;
mod m20261122_000017_create_family_link_and_consent;
mod m20261122_000018_create_favourite;
mod m20261122_000019_create_resident_merge;
mod m20261122_000020_create_facility;
mod m20261122_000021_create_facility_change;
mod m20261122_000022_create_facility_notice;
mod m20261122_000023_create_facility_report;
mod m20261122_000024_create_facility_photo;
mod m20261122_000025_create_statutory_year;
mod m20261122_000040_create_room;
mod m20261122_000041_create_stock;
mod m20261122_000042_create_slot;
mod m20261122_000043_create_claim;
mod m20261122_000044_create_booking;
mod m20261122_000045_create_gate_epoch;
mod m20261124_000101_create_quota;
mod m20261124_000102_index_claim_expiry;
mod m20261124_000103_divide_rooms_and_share_slots;
mod m20261124_000301_index_audit_actor;
mod m20261124_000302_create_search_demand;
mod m20261124_000450_create_search_node;
mod m20261124_000500_create_lineage;
mod m20261124_000700_rebuild_booking;
mod m20261124_000701_create_booking_policy;
mod m20261124_000702_create_quota_rule;
mod m20261124_000703_create_booking_presence;
mod m20261124_000704_create_message;
mod m20261124_000705_create_payment;
mod m20261124_000706_create_calendar_feed;
mod m20261124_000707_create_room_closure;
mod m20261124_000800_seal_report_texts;
mod m20261124_000900_create_room_bands;
mod m20261124_000901_name_and_withdraw_slots;
mod m20261124_000902_create_booking_series;
mod m20261124_001000_index_session_ends;
mod parts;

/// Every migration, in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(Whole(m20261122_000000_create_outbox::Migration)),
            Box::new(Whole(m20261122_000001_create_idempotency::Migration)),
            Box::new(Whole(m20261122_000002_create_lease::Migration)),
            Box::new(Whole(m20261122_000003_create_audit::Migration)),
            Box::new(Whole(m20261122_000009_create_audit_seal::Migration)),
            Box::new(Whole(m20261122_000010_create_organisation::Migration)),
            Box::new(Whole(m20261122_000011_create_service_area::Migration)),
            Box::new(Whole(m20261122_000012_create_data_key::Migration)),
            Box::new(Whole(m20261122_000013_create_staff::Migration)),
            Box::new(Whole(m20261122_000014_create_resident::Migration)),
            Box::new(Whole(m20261122_000015_create_session::Migration)),
            Box::new(Whole(m20261122_000016_create_household::Migration)),
            Box::new(Whole(m20261122_000017_create_family_link_and_consent::Migration)),
            Box::new(Whole(m20261122_000018_create_favourite::Migration)),
            Box::new(Whole(m20261122_000019_create_resident_merge::Migration)),
            Box::new(Whole(m20261122_000020_create_facility::Migration)),
            Box::new(Whole(m20261122_000021_create_facility_change::Migration)),
            Box::new(Whole(m20261122_000022_create_facility_notice::Migration)),
            Box::new(Whole(m20261122_000023_create_facility_report::Migration)),
            Box::new(Whole(m20261122_000024_create_facility_photo::Migration)),
            Box::new(Whole(m20261122_000025_create_statutory_year::Migration)),
            Box::new(Whole(m20261122_000040_create_room::Migration)),
            Box::new(Whole(m20261122_000041_create_stock::Migration)),
            Box::new(Whole(m20261122_000042_create_slot::Migration)),
            Box::new(Whole(m20261122_000043_create_claim::Migration)),
            Box::new(Whole(m20261122_000044_create_booking::Migration)),
            Box::new(Whole(m20261122_000045_create_gate_epoch::Migration)),
            Box::new(Whole(m20261124_000101_create_quota::Migration)),
            Box::new(Whole(m20261124_000102_index_claim_expiry::Migration)),
            Box::new(Whole(m20261124_000103_divide_rooms_and_share_slots::Migration)),
            Box::new(Whole(m20261124_000301_index_audit_actor::Migration)),
            Box::new(Whole(m20261124_000302_create_search_demand::Migration)),
            Box::new(Whole(m20261124_000450_create_search_node::Migration)),
            Box::new(Whole(m20261124_000500_create_lineage::Migration)),
            Box::new(Whole(m20261124_000700_rebuild_booking::Migration)),
            Box::new(Whole(m20261124_000701_create_booking_policy::Migration)),
            Box::new(Whole(m20261124_000702_create_quota_rule::Migration)),
            Box::new(Whole(m20261124_000703_create_booking_presence::Migration)),
            Box::new(Whole(m20261124_000704_create_message::Migration)),
            Box::new(Whole(m20261124_000705_create_payment::Migration)),
            Box::new(Whole(m20261124_000706_create_calendar_feed::Migration)),
            Box::new(Whole(m20261124_000707_create_room_closure::Migration)),
            Box::new(Whole(m20261124_000800_seal_report_texts::Migration)),
            Box::new(Whole(m20261124_000900_create_room_bands::Migration)),
            Box::new(Whole(m20261124_000901_name_and_withdraw_slots::Migration)),
            Box::new(Whole(m20261124_000902_create_booking_series::Migration)),
            Box::new(Whole(m20261124_001000_index_session_ends::Migration)),
        ]
    }
}

/// A migration that happens whole or not at all, on SQLite too, with the record that it happened:
/// `kill -9` in the midst of `linli migrate` leaves nothing that the next run trips over.
struct Whole<M>(M);

impl<M: MigrationName> MigrationName for Whole<M> {
    fn name(&self) -> &str {
        self.0.name()
    }
}

#[async_trait::async_trait]
impl<M: MigrationTrait> MigrationTrait for Whole<M> {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.up(manager).await
    }

    /// `Some(false)` stays what the migration says: `CREATE INDEX CONCURRENTLY` allows no transaction.
    fn use_transaction(&self) -> Option<bool> {
        self.0.use_transaction().or(Some(true))
    }
}

/// The SQL default that records the writing transaction: see the outbox's order.
pub(crate) fn xid_default(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "(pg_current_xact_id()::text::bigint)",
        _ => "0",
    }
}
