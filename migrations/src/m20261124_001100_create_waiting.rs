//! Waiting lists 候补: who waits for which stocks, in which order, and for which slot.
//!
//! A stock counts those who wait for it: whoever takes from it or gives back to it reads that number with
//! the row, and asks for the line only when there is one.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::{path_index, references};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let conn = manager.get_connection();
        conn.execute_unprepared(
            "ALTER TABLE stock ADD COLUMN waiting integer NOT NULL DEFAULT 0 CHECK (waiting >= 0)",
        )
        .await?;
        for table in [waiting(), waiting_stock(), waiting_quota(), entry()] {
            manager.create_table(table).await?;
        }
        for statement in [
            "CREATE INDEX stock_waiting ON stock (id) WHERE waiting > 0",
            "CREATE INDEX waiting_ticket ON waiting (ticket)",
            "CREATE INDEX waiting_closes_at ON waiting (closes_at) WHERE state = 'waiting'",
            "CREATE INDEX waiting_stock_stock_id ON waiting_stock (stock_id)",
            "CREATE INDEX waitlist_entry_slot ON waitlist_entry (slot_id)",
            "CREATE INDEX waitlist_entry_resident ON waitlist_entry (resident_id, created_at, id)",
        ] {
            conn.execute_unprepared(statement).await?;
        }
        path_index(manager, "waitlist_entry", "org_path").await
    }
}

fn waiting() -> TableCreateStatement {
    let states = Expr::cust("state IN ('waiting','offered','taken','left','declined','lapsed','passed')");
    Table::create()
        .table("waiting")
        .col(uuid("id").primary_key())
        .col(text("principal"))
        .col(big_integer("ticket"))
        .col(text("state"))
        .col(text_null("passed_over"))
        .col(timestamp_with_time_zone("closes_at"))
        .col(timestamp_with_time_zone_null("offered_at"))
        .col(timestamp_with_time_zone_null("offer_until"))
        .col(timestamp_with_time_zone_null("ended_at"))
        .check(("waiting_state_check", states))
        .to_owned()
}

fn waiting_stock() -> TableCreateStatement {
    Table::create()
        .table("waiting_stock")
        .col(uuid("waiting_id"))
        .col(uuid("stock_id"))
        .col(integer("units"))
        .primary_key(Index::create().name("waiting_stock_pkey").col("waiting_id").col("stock_id"))
        .foreign_key(&mut references("waiting_stock_waiting", "waiting_stock", "waiting_id", "waiting"))
        .foreign_key(&mut references("waiting_stock_stock", "waiting_stock", "stock_id", "stock"))
        .check(("waiting_stock_units_check", Expr::col("units").gt(0)))
        .to_owned()
}

fn waiting_quota() -> TableCreateStatement {
    let mut key = Index::create().name("waiting_quota_pkey").to_owned();
    Table::create()
        .table("waiting_quota")
        .col(uuid("waiting_id"))
        .col(text("key"))
        .col(text("window"))
        .col(integer("units"))
        .col(integer("allowed"))
        .primary_key(key.col("waiting_id").col("key").col("window"))
        .foreign_key(&mut references("waiting_quota_waiting", "waiting_quota", "waiting_id", "waiting"))
        .to_owned()
}

fn entry() -> TableCreateStatement {
    Table::create()
        .table("waitlist_entry")
        .col(uuid("id").primary_key())
        .col(uuid("slot_id"))
        .col(uuid("room_id"))
        .col(uuid("facility_id"))
        .col(text("org_path"))
        .col(uuid("resident_id"))
        .col(uuid_null("joined_by_resident_id"))
        .col(uuid_null("joined_by_staff_id"))
        .col(text("channel"))
        .col(integer("party_size"))
        .col(timestamp_with_time_zone("starts_at"))
        .col(timestamp_with_time_zone("ends_at"))
        .col(integer("price_fen"))
        .col(timestamp_with_time_zone("created_at"))
        .foreign_key(&mut references("waitlist_entry_slot", "waitlist_entry", "slot_id", "slot"))
        .foreign_key(&mut references("waitlist_entry_waiting", "waitlist_entry", "id", "waiting"))
        .to_owned()
}
