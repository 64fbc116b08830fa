//! The schema: one idea per migration, for PostgreSQL and SQLite.
//!
//! Never run by `serve`: `linli migrate` holds an advisory lock while it works. Constraints and
//! indexes are named, because refusals are mapped by name.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m20261122_000000_create_outbox;
mod m20261122_000001_create_idempotency;
mod m20261122_000002_create_lease;
mod m20261122_000003_create_audit;

/// Every migration, in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000000_create_outbox::Migration),
            Box::new(m20261122_000001_create_idempotency::Migration),
            Box::new(m20261122_000002_create_lease::Migration),
            Box::new(m20261122_000003_create_audit::Migration),
        ]
    }
}

/// The SQL default that records the writing transaction: see the outbox's order.
pub(crate) fn xid_default(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "(pg_current_xact_id()::text::bigint)",
        _ => "0",
    }
}

use sea_orm_migration::sea_orm::DbBackend;
