//! Bookings with a whole life: who booked for whom through which door, what it costs, when it lapses;
//! a request that holds nothing has no claim yet; free texts are sealed.
//!
//! The table is built anew, because SQLite drops neither a foreign key nor a column in use; a program
//! from before it cannot run beside it. Purposes and reasons that lay open stay readable in columns of
//! their own: SQL has no key to seal them with, so the job `bookings.seal` does once servers run.

use sea_orm_migration::{prelude::*, schema::*};

use crate::parts::{path_index, references};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const STATES: &str =
    "state IN ('pending_payment','pending_approval','confirmed','cancelled','declined','expired')";

const COPY: &str = "INSERT INTO booking_anew (id, room_id, facility_id, org_path, resident_id, \
       booked_by_resident_id, channel, party_size, starts_at, ends_at, cancel_until, late_cancel, price_fen, \
       state, ended_at, ended_by_resident_id, ended_by_staff_id, by_closure, late, created_at, version, \
       purpose_open, reason_open) \
     SELECT id, room_id, facility_id, org_path, resident_id, resident_id, 'online', party_size, \
       starts_at, ends_at, cancel_until, 'refused', 0, state, cancelled_at, \
       CASE WHEN cancelled_by_kind = 'resident' THEN cancelled_by_id END, \
       CASE WHEN cancelled_by_kind = 'staff' THEN cancelled_by_id END, FALSE, FALSE, created_at, version, \
       purpose, cancel_reason \
     FROM booking";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(bookings()).await?;
        manager.create_table(slots()).await?;
        let conn = manager.get_connection();
        for statement in [
            COPY,
            "INSERT INTO booking_slot_anew SELECT booking_id, slot_id FROM booking_slot",
            "DROP TABLE booking_slot",
            "DROP TABLE booking",
            "ALTER TABLE booking_anew RENAME TO booking",
            "ALTER TABLE booking_slot_anew RENAME TO booking_slot",
        ] {
            conn.execute_unprepared(statement).await?;
        }
        for (name, column) in [("booking_resident", "resident_id"), ("booking_room_starts", "room_id")] {
            let mut index = Index::create().name(name).table("booking").col(column).to_owned();
            manager.create_index(index.col("starts_at").col("id").to_owned()).await?;
        }
        for statement in [
            "CREATE INDEX booking_lapses_at ON booking (lapses_at) WHERE lapses_at IS NOT NULL",
            "CREATE INDEX booking_slot_slot_id ON booking_slot (slot_id)",
            "CREATE INDEX booking_unsealed ON booking (id) \
               WHERE purpose_open IS NOT NULL OR reason_open IS NOT NULL",
        ] {
            conn.execute_unprepared(statement).await?;
        }
        path_index(manager, "booking", "org_path").await
    }
}

fn bookings() -> TableCreateStatement {
    Table::create()
        .table("booking_anew")
        .col(uuid("id").primary_key())
        .col(uuid("room_id"))
        .col(uuid("facility_id"))
        .col(text("org_path"))
        .col(uuid("resident_id"))
        .col(uuid_null("booked_by_resident_id"))
        .col(uuid_null("booked_by_staff_id"))
        .col(text("channel"))
        .col(integer("party_size"))
        .col(blob_null("purpose_sealed"))
        .col(text_null("purpose_open"))
        .col(blob_null("companions_sealed"))
        .col(timestamp_with_time_zone("starts_at"))
        .col(timestamp_with_time_zone("ends_at"))
        .col(timestamp_with_time_zone("cancel_until"))
        .col(text("late_cancel"))
        .col(integer("price_fen"))
        .col(text("state"))
        .col(timestamp_with_time_zone_null("kept_until"))
        .col(timestamp_with_time_zone_null("lapses_at"))
        .col(timestamp_with_time_zone_null("ended_at"))
        .col(uuid_null("ended_by_resident_id"))
        .col(uuid_null("ended_by_staff_id"))
        .col(boolean("by_closure"))
        .col(boolean("late"))
        .col(blob_null("reason_sealed"))
        .col(text_null("reason_open"))
        .col(timestamp_with_time_zone("created_at"))
        .col(big_integer("version"))
        .foreign_key(&mut references("booking_room", "booking_anew", "room_id", "room"))
        .check(("booking_state_check", Expr::cust(STATES)))
        .check(("booking_price_check", Expr::col("price_fen").gte(0)))
        .to_owned()
}

fn slots() -> TableCreateStatement {
    let mut booking = references("booking_slot_booking", "booking_slot_anew", "booking_id", "booking_anew");
    let mut slot = references("booking_slot_slot", "booking_slot_anew", "slot_id", "slot");
    Table::create()
        .table("booking_slot_anew")
        .col(uuid("booking_id"))
        .col(uuid("slot_id"))
        .primary_key(Index::create().name("booking_slot_anew_pkey").col("booking_id").col("slot_id"))
        .foreign_key(&mut booking)
        .foreign_key(&mut slot)
        .to_owned()
}
