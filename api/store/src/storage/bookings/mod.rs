//! Bookings: rows, finders by owner and by scope, and the two ways to write one.

mod entities;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use linli_domain::{
    Code,
    access::Scope,
    bookings::{CancelledBy, State},
    ids::{BookingId, FacilityId, ResidentId, RoomId, SlotId},
};
use sea_orm::{
    Condition, ConnectionTrait, DbErr, JoinType, QueryOrder, QuerySelect, QueryTrait, Set,
    entity::prelude::*, sea_query::Expr,
};

use super::{residents::resident, rooms::slot};
use crate::{Error, ScopeCondition};

pub use self::entities::{booking, booking_slot};

/// A booking as use cases see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Id, also of its claim.
    pub id: BookingId,
    /// Room.
    pub room_id: RoomId,
    /// Facility the room is in.
    pub facility_id: FacilityId,
    /// That facility's place in the organisation tree.
    pub org_path: String,
    /// Who comes.
    pub resident_id: ResidentId,
    /// Slots it joins, by start.
    pub slots: Vec<SlotId>,
    /// How many come.
    pub party_size: u16,
    /// What for.
    pub purpose: Option<String>,
    /// When the first slot starts.
    pub starts_at: DateTime<Utc>,
    /// When the last slot ends.
    pub ends_at: DateTime<Utc>,
    /// Until when the resident can cancel.
    pub cancel_until: DateTime<Utc>,
    /// Where it stands.
    pub state: State,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Grows with every move.
    pub version: i64,
}

/// A place in a list by start.
pub type Place = (DateTime<Utc>, BookingId);

/// Writes a new booking and its slots.
pub async fn insert(tx: &impl ConnectionTrait, booking: &Booking) -> Result<(), DbErr> {
    let (state, cancelled) = columns(&booking.state);
    let row = booking::ActiveModel {
        id: Set(booking.id.0),
        room_id: Set(booking.room_id.0),
        facility_id: Set(booking.facility_id.0),
        org_path: Set(booking.org_path.clone()),
        resident_id: Set(booking.resident_id.0),
        party_size: Set(booking.party_size.into()),
        purpose: Set(booking.purpose.clone()),
        starts_at: Set(booking.starts_at),
        ends_at: Set(booking.ends_at),
        cancel_until: Set(booking.cancel_until),
        state: Set(state.to_owned()),
        cancelled_at: Set(cancelled.at),
        cancelled_by_kind: Set(cancelled.by_kind.map(str::to_owned)),
        cancelled_by_id: Set(cancelled.by_id),
        cancel_reason: Set(cancelled.reason),
        created_at: Set(booking.created_at),
        version: Set(booking.version),
    };
    booking::Entity::insert(row).exec_without_returning(tx).await?;
    let slots = booking
        .slots
        .iter()
        .map(|slot| booking_slot::ActiveModel { booking_id: Set(booking.id.0), slot_id: Set(slot.0) });
    booking_slot::Entity::insert_many(slots).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes the state `moved` of a booking that still is what `before` says.
///
/// Whoever moved it in between has won: 409, and the caller may look again.
pub async fn write_state(tx: &impl ConnectionTrait, before: &Booking, moved: &State) -> Result<(), Error> {
    let (state, cancelled) = columns(moved);
    let written = booking::Entity::update_many()
        .col_expr(booking::Column::State, Expr::value(state))
        .col_expr(booking::Column::CancelledAt, Expr::value(cancelled.at))
        .col_expr(booking::Column::CancelledByKind, Expr::value(cancelled.by_kind))
        .col_expr(booking::Column::CancelledById, Expr::value(cancelled.by_id))
        .col_expr(booking::Column::CancelReason, Expr::value(cancelled.reason))
        .col_expr(booking::Column::Version, Expr::value(before.version + 1))
        .filter(booking::Column::Id.eq(before.id.0))
        .filter(booking::Column::Version.eq(before.version))
        .exec(tx)
        .await?;
    if written.rows_affected == 1 { Ok(()) } else { Err(Code::Conflict.into()) }
}

/// A booking of `resident`.
pub async fn find_own(
    conn: &impl ConnectionTrait,
    resident: ResidentId,
    id: BookingId,
) -> Result<Option<Booking>, Error> {
    let owned = booking::Column::ResidentId.eq(resident.0);
    one(conn, booking::Entity::find_by_id(id.0).filter(owned)).await
}

/// A booking in scope.
pub async fn find(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    id: BookingId,
) -> Result<Option<Booking>, Error> {
    let in_scope = scope.condition(booking::Column::OrgPath);
    one(conn, booking::Entity::find_by_id(id.0).filter(in_scope)).await
}

/// The bookings of `resident`, the latest start first.
pub async fn list_own(
    conn: &impl ConnectionTrait,
    resident: ResidentId,
    after: Option<Place>,
    limit: u64,
) -> Result<Vec<Booking>, Error> {
    let before = after.map(|(start, id)| {
        Condition::any()
            .add(booking::Column::StartsAt.lt(start))
            .add(Condition::all().add(booking::Column::StartsAt.eq(start)).add(booking::Column::Id.lt(id.0)))
    });
    let rows = booking::Entity::find()
        .filter(booking::Column::ResidentId.eq(resident.0))
        .filter(before.unwrap_or_else(Condition::all))
        .order_by_desc(booking::Column::StartsAt)
        .order_by_desc(booking::Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    with_slots(conn, rows).await
}

/// The bookings of a room whose start lies in `from..to`, the earliest first, within scope.
pub async fn list_of_room(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    room: RoomId,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    after: Option<Place>,
    limit: u64,
) -> Result<Vec<Booking>, Error> {
    let beyond = after.map(|(start, id)| {
        Condition::any()
            .add(booking::Column::StartsAt.gt(start))
            .add(Condition::all().add(booking::Column::StartsAt.eq(start)).add(booking::Column::Id.gt(id.0)))
    });
    let rows = booking::Entity::find()
        .filter(booking::Column::RoomId.eq(room.0))
        .filter(scope.condition(booking::Column::OrgPath))
        .filter(booking::Column::StartsAt.gte(from))
        .filter(booking::Column::StartsAt.lt(to))
        .filter(beyond.unwrap_or_else(Condition::all))
        .order_by_asc(booking::Column::StartsAt)
        .order_by_asc(booking::Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    with_slots(conn, rows).await
}

async fn one(conn: &impl ConnectionTrait, query: Select<booking::Entity>) -> Result<Option<Booking>, Error> {
    let row = query.one(conn).await?;
    Ok(with_slots(conn, row.into_iter().collect()).await?.pop())
}

async fn with_slots(conn: &impl ConnectionTrait, rows: Vec<booking::Model>) -> Result<Vec<Booking>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let joined = booking_slot::Entity::find()
        .filter(booking_slot::Column::BookingId.is_in(rows.iter().map(|row| row.id)))
        .join(
            JoinType::InnerJoin,
            booking_slot::Entity::belongs_to(slot::Entity)
                .from(booking_slot::Column::SlotId)
                .to(slot::Column::Id)
                .into(),
        )
        .order_by_asc(slot::Column::StartsAt)
        .all(conn)
        .await?;
    let mut slots = HashMap::<Uuid, Vec<SlotId>>::new();
    for row in joined {
        slots.entry(row.booking_id).or_default().push(row.slot_id.into());
    }
    rows.into_iter()
        .map(|row| {
            let of = slots.remove(&row.id).unwrap_or_default();
            read(row, of)
        })
        .collect()
}

/// The columns behind [`State::Cancelled`].
#[derive(Default)]
struct Cancelled {
    at: Option<DateTime<Utc>>,
    by_kind: Option<&'static str>,
    by_id: Option<Uuid>,
    reason: Option<String>,
}

fn columns(state: &State) -> (&'static str, Cancelled) {
    let cancelled = match state {
        State::Confirmed => Cancelled::default(),
        State::Cancelled { by, at, reason } => {
            let (by_kind, by_id) = match by {
                CancelledBy::Resident(id) => ("resident", id.0),
                CancelledBy::Staff(id) => ("staff", id.0),
            };
            Cancelled { at: Some(*at), by_kind: Some(by_kind), by_id: Some(by_id), reason: reason.clone() }
        }
    };
    (state.as_str(), cancelled)
}

fn read(row: booking::Model, slots: Vec<SlotId>) -> Result<Booking, Error> {
    let defect = || Error::internal("reading a booking", "its columns do not make a state");
    let state =
        match (row.state.as_str(), row.cancelled_at, row.cancelled_by_kind.as_deref(), row.cancelled_by_id) {
            ("confirmed", None, None, None) => State::Confirmed,
            ("cancelled", Some(at), Some(kind), Some(id)) => {
                let by = match kind {
                    "resident" => CancelledBy::Resident(id.into()),
                    "staff" => CancelledBy::Staff(id.into()),
                    _ => return Err(defect()),
                };
                State::Cancelled { by, at, reason: row.cancel_reason }
            }
            _ => return Err(defect()),
        };
    Ok(Booking {
        id: row.id.into(),
        room_id: row.room_id.into(),
        facility_id: row.facility_id.into(),
        org_path: row.org_path,
        resident_id: row.resident_id.into(),
        slots,
        party_size: u16::try_from(row.party_size).map_err(|_| defect())?,
        purpose: row.purpose,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        cancel_until: row.cancel_until,
        state,
        created_at: row.created_at,
        version: row.version,
    })
}

/// Takes out what the resident wrote about their bookings; the bookings stay for the count.
pub async fn forget_words(tx: &impl ConnectionTrait, resident: ResidentId) -> Result<(), DbErr> {
    let nothing = || Expr::value(None::<String>);
    booking::Entity::update_many()
        .col_expr(booking::Column::Purpose, nothing())
        .col_expr(booking::Column::CancelReason, nothing())
        .filter(booking::Column::ResidentId.eq(resident.0))
        .exec(tx)
        .await?;
    Ok(())
}

/// Bookings of erased residents that still keep a room at `now`, the earliest first.
pub async fn any_live_of_erased(
    conn: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Booking>, Error> {
    let erased = resident::Entity::find()
        .select_only()
        .column(resident::Column::Id)
        .filter(resident::Column::ErasedAt.is_not_null())
        .filter(resident::Column::MergedIntoId.is_null());
    let rows = booking::Entity::find()
        .filter(booking::Column::State.eq(State::Confirmed.as_str()))
        .filter(booking::Column::StartsAt.gt(now))
        .filter(booking::Column::ResidentId.in_subquery(erased.into_query()))
        .order_by_asc(booking::Column::StartsAt)
        .limit(limit)
        .all(conn)
        .await?;
    with_slots(conn, rows).await
}
