//! Which slots a booking has or wants. A slot that is on offer no more takes no booking.

use std::collections::BTreeSet;

use linli_domain::{
    Code,
    ids::{BookingId, RoomId, SlotId},
};
use sea_orm::{
    ConnectionTrait, DatabaseBackend, DbErr, JoinType, QuerySelect, QueryTrait, Statement, Value,
    entity::prelude::*, sea_query::SelectStatement,
};

use super::{Booking, LIVE, booking, booking_slot, unlapsed};
use crate::{Env, Error, storage::rooms::slot};

/// Slots of a statement.
const BATCH: usize = 500;

/// Writes which slots a booking joins, if all of them are on offer.
///
/// The rows of the slots are locked against being withdrawn, so whoever withdraws them afterwards finds
/// this booking, and whoever did so before is found here.
pub(super) async fn insert(tx: &impl ConnectionTrait, booking: &Booking) -> Result<(), Error> {
    let wanted = "INSERT INTO booking_slot (booking_id, slot_id) SELECT $1, slot.id FROM slot";
    let values = std::iter::once(booking.id.0.into());
    let written = tx.execute_raw(on_offer(tx, wanted, values, &booking.slots)).await?;
    if written.rows_affected() == booking.slots.len() as u64 { Ok(()) } else { Err(Code::SlotClosed.into()) }
}

/// Refuses unless all slots of a booking are still on offer, and keeps them so until the end of the
/// transaction.
pub async fn hold(tx: &impl ConnectionTrait, booking: &Booking) -> Result<(), Error> {
    let found = on_offer(tx, "SELECT slot.id FROM slot", std::iter::empty(), &booking.slots);
    let found = tx.query_all_raw(found).await?;
    if found.len() == booking.slots.len() { Ok(()) } else { Err(Code::SlotClosed.into()) }
}

fn on_offer(
    tx: &impl ConnectionTrait,
    begins: &str,
    first: impl Iterator<Item = Value>,
    slots: &[SlotId],
) -> Statement {
    let backend = tx.get_database_backend();
    let mut values: Vec<Value> = first.collect();
    let before = values.len();
    values.extend(slots.iter().map(|slot| Value::from(slot.0)));
    let places: Vec<_> = (before + 1..=values.len()).map(|at| format!("${at}")).collect();
    // SQLite has one writer and knows no other locks.
    let lock = if backend == DatabaseBackend::Postgres { " FOR SHARE" } else { "" };
    let sql = format!(
        "{begins} WHERE slot.id IN ({}) AND slot.withdrawn_at IS NULL ORDER BY slot.id{lock}",
        places.join(", ")
    );
    Statement::from_sql_and_values(backend, sql, values)
}

/// Selects the bookings of slots of `rooms` that are on offer no more.
pub(super) fn withdrawn(rooms: &[RoomId]) -> SelectStatement {
    booking_slot::Entity::find()
        .select_only()
        .column(booking_slot::Column::BookingId)
        .join(
            JoinType::InnerJoin,
            booking_slot::Entity::belongs_to(slot::Entity)
                .from(booking_slot::Column::SlotId)
                .to(slot::Column::Id)
                .into(),
        )
        .filter(slot::Column::RoomId.is_in(rooms.iter().map(|room| room.0)))
        .filter(slot::Column::WithdrawnAt.is_not_null())
        .into_query()
}

/// A slot that a booking has or wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    /// The slot.
    pub slot: SlotId,
    /// The booking.
    pub booking: BookingId,
    /// The version of the booking.
    pub version: i64,
}

/// What live bookings have or want of `slots`.
pub async fn any_live(
    conn: &impl ConnectionTrait,
    env: &Env,
    slots: &[SlotId],
) -> Result<BTreeSet<Wish>, DbErr> {
    let mut wishes = BTreeSet::new();
    for batch in slots.chunks(BATCH) {
        let rows: Vec<(Uuid, Uuid, i64)> = booking_slot::Entity::find()
            .select_only()
            .column(booking_slot::Column::SlotId)
            .column(booking::Column::Id)
            .column(booking::Column::Version)
            .join(
                JoinType::InnerJoin,
                booking_slot::Entity::belongs_to(booking::Entity)
                    .from(booking_slot::Column::BookingId)
                    .to(booking::Column::Id)
                    .into(),
            )
            .filter(booking_slot::Column::SlotId.is_in(batch.iter().map(|slot| slot.0)))
            .filter(booking::Column::State.is_in(LIVE))
            .filter(unlapsed(env.now()))
            .into_tuple()
            .all(conn)
            .await?;
        wishes.extend(rows.into_iter().map(|(slot, booking, version)| Wish {
            slot: slot.into(),
            booking: booking.into(),
            version,
        }));
    }
    Ok(wishes)
}
