//! Bookings: rows, finders by owner and by scope, and the ways to write one.
//!
//! Purposes, reasons and companions are personal: they are sealed on the way in and opened on the way
//! out, here and nowhere else. What has lapsed reads as expired, whether or not it was written down.

mod entities;
pub mod messages;
pub mod policies;
pub mod presence;
mod row;
pub mod series;
pub mod slots;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use linli_domain::{
    Code, Vocabulary,
    access::Scope,
    bookings::{CancelTerms, Channel, LateCancel, State, message::BookingChange},
    ids::{BookingId, FacilityId, ResidentId, RoomId, SlotId, StaffId},
};
use sea_orm::{
    Condition, ConnectionTrait, DbErr, JoinType, QueryOrder, QuerySelect, QueryTrait, Set,
    entity::prelude::*, sea_query::Expr,
};

use super::{residents::resident, rooms::slot};
use crate::{Env, Error, ScopeCondition, Vault, inventory::claim_quota};

pub use self::entities::{
    booking, booking_change, booking_policy, booking_presence, booking_series, booking_slot, calendar_feed,
    message, payment, quota_rule, series_occurrence,
};

/// Who booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookedBy {
    /// The resident, or a family member for them.
    Resident(ResidentId),
    /// Staff.
    Staff(StaffId),
}

/// A booking as use cases see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Id, also of its claim, if it has or had one.
    pub id: BookingId,
    /// Room.
    pub room_id: RoomId,
    /// Facility the room is in.
    pub facility_id: FacilityId,
    /// That facility's place in the organisation tree.
    pub org_path: String,
    /// Who comes.
    pub resident_id: ResidentId,
    /// Who booked.
    pub booked_by: BookedBy,
    /// Through which door.
    pub channel: Channel,
    /// Slots it joins, by start.
    pub slots: Vec<SlotId>,
    /// How many come.
    pub party_size: u16,
    /// What for.
    pub purpose: Option<String>,
    /// Who comes along.
    pub companions: Vec<String>,
    /// When the first slot starts.
    pub starts_at: DateTime<Utc>,
    /// When the last slot ends.
    pub ends_at: DateTime<Utc>,
    /// Until when the resident can cancel freely.
    pub cancel_until: DateTime<Utc>,
    /// What cancelling after that is.
    pub late_cancel: LateCancel,
    /// What it costs.
    pub price_fen: u32,
    /// Where it stands.
    pub state: State,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Grows with every move.
    pub version: i64,
}

impl Booking {
    /// What a cancellation is judged by.
    pub const fn terms(&self) -> CancelTerms {
        CancelTerms {
            deadline: self.cancel_until,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            late: self.late_cancel,
        }
    }
}

/// What opens and seals personal texts, and the clock that tells what has lapsed.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// Keys.
    pub vault: &'a Vault,
    /// Clock.
    pub env: &'a Env,
}

/// A place in a list by start.
pub type Place = (DateTime<Utc>, BookingId);

/// Writes a new booking, its slots and its first change.
pub async fn insert(
    tx: &impl ConnectionTrait,
    desk: Desk<'_>,
    booking: &Booking,
    change: BookingChange,
) -> Result<(), Error> {
    booking::Entity::insert(row::new(desk, booking)?).exec_without_returning(tx).await?;
    slots::insert(tx, booking).await?;
    record_change(tx, desk.env, booking, change).await?;
    Ok(())
}

/// Notes what happened to a booking; each change becomes one message.
async fn record_change(
    tx: &impl ConnectionTrait,
    env: &Env,
    booking: &Booking,
    change: BookingChange,
) -> Result<(), DbErr> {
    let row = booking_change::ActiveModel {
        booking_id: Set(booking.id.0),
        version: Set(booking.version),
        change: Set(change.as_str().to_owned()),
        starts_at: Set(booking.starts_at),
        ends_at: Set(booking.ends_at),
        kept_until: Set(booking.state.kept_until()),
        price_fen: Set(row::fen(booking.price_fen)),
        at: Set(env.now()),
    };
    booking_change::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes `moved` over a booking that still is at the version before it.
///
/// Whoever moved it in between has won: 409, and the caller may look again. Slots are written anew
/// when `change` says that it moved to another time.
pub async fn write(
    tx: &impl ConnectionTrait,
    desk: Desk<'_>,
    moved: &Booking,
    change: BookingChange,
) -> Result<(), Error> {
    let written = booking::Entity::update_many()
        .set(row::moving(desk, moved)?)
        .filter(booking::Column::Id.eq(moved.id.0))
        .filter(booking::Column::Version.eq(moved.version - 1))
        .exec(tx)
        .await?;
    if written.rows_affected != 1 {
        return Err(Code::Conflict.into());
    }
    if change == BookingChange::Moved {
        booking_slot::Entity::delete_many()
            .filter(booking_slot::Column::BookingId.eq(moved.id.0))
            .exec(tx)
            .await?;
        slots::insert(tx, moved).await?;
    }
    record_change(tx, desk.env, moved, change).await?;
    Ok(())
}

/// A booking, whoever owns it: for those who ask about the right afterwards, and for jobs.
pub async fn any(
    conn: &impl ConnectionTrait,
    desk: Desk<'_>,
    id: BookingId,
) -> Result<Option<Booking>, Error> {
    one(conn, desk, booking::Entity::find_by_id(id.0)).await
}

/// These bookings, the earliest start first, whoever owns them: for those who have the right to the room.
pub async fn any_of(
    conn: &impl ConnectionTrait,
    desk: Desk<'_>,
    ids: &[BookingId],
) -> Result<Vec<Booking>, Error> {
    let rows = booking::Entity::find()
        .filter(booking::Column::Id.is_in(ids.iter().map(|id| id.0)))
        .order_by_asc(booking::Column::StartsAt)
        .order_by_asc(booking::Column::Id)
        .all(conn)
        .await?;
    with_slots(conn, desk, rows).await
}

/// Bookings whose time to be paid for or decided on is over and not yet written down.
pub async fn any_lapsed(
    conn: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<BookingId>, DbErr> {
    let ids = booking::Entity::find()
        .select_only()
        .column(booking::Column::Id)
        .filter(booking::Column::LapsesAt.lte(now))
        .order_by_asc(booking::Column::LapsesAt)
        .limit(limit)
        .into_tuple::<Uuid>()
        .all(conn)
        .await?;
    Ok(ids.into_iter().map(BookingId::from).collect())
}

/// A booking that has lapsed and nobody wrote it down.
pub async fn any_unwritten_lapse(
    conn: &impl ConnectionTrait,
    desk: Desk<'_>,
    id: BookingId,
) -> Result<Option<Booking>, Error> {
    let lapsed = booking::Column::LapsesAt.lte(desk.env.now());
    one(conn, desk, booking::Entity::find_by_id(id.0).filter(lapsed)).await
}

/// Requests that hold nothing and want a slot that `booking` has.
pub async fn any_rivals(conn: &impl ConnectionTrait, booking: &Booking) -> Result<Vec<BookingId>, DbErr> {
    let ids = booking::Entity::find()
        .select_only()
        .column(booking::Column::Id)
        .filter(booking::Column::RoomId.eq(booking.room_id.0))
        .filter(booking::Column::State.eq("pending_approval"))
        .filter(booking::Column::KeptUntil.is_null())
        .filter(booking::Column::StartsAt.lt(booking.ends_at))
        .filter(booking::Column::EndsAt.gt(booking.starts_at))
        .filter(booking::Column::Id.ne(booking.id.0))
        .order_by_asc(booking::Column::Id)
        .limit(RIVALS)
        .into_tuple::<Uuid>()
        .all(conn)
        .await?;
    Ok(ids.into_iter().map(BookingId::from).collect())
}

/// Names of the states in which a booking has or wants its room.
const LIVE: [&str; 3] = ["pending_payment", "pending_approval", "confirmed"];

/// Rival requests that are looked at after one of them won.
const RIVALS: u64 = 200;

/// A booking in scope.
pub async fn find(
    conn: &impl ConnectionTrait,
    desk: Desk<'_>,
    scope: &Scope,
    id: BookingId,
) -> Result<Option<Booking>, Error> {
    let in_scope = scope.condition(booking::Column::OrgPath);
    one(conn, desk, booking::Entity::find_by_id(id.0).filter(in_scope)).await
}

/// The bookings of `resident`, the latest start first.
pub async fn list_own(
    conn: &impl ConnectionTrait,
    desk: Desk<'_>,
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
    with_slots(conn, desk, rows).await
}

/// Every booking that `resident` comes to, made or ended: for an export of what is kept of them.
pub async fn any_touching(
    conn: &impl ConnectionTrait,
    desk: Desk<'_>,
    resident: ResidentId,
) -> Result<Vec<Booking>, Error> {
    use booking::Column;
    let names = Condition::any()
        .add(Column::ResidentId.eq(resident.0))
        .add(Column::BookedByResidentId.eq(resident.0))
        .add(Column::EndedByResidentId.eq(resident.0));
    let rows = booking::Entity::find().filter(names).order_by_desc(Column::StartsAt).all(conn).await?;
    with_slots(conn, desk, rows).await
}

/// The bookings that one counter of a quota holds in `window`, by start.
pub async fn any_counting(
    conn: &impl ConnectionTrait,
    desk: Desk<'_>,
    (key, window): (&str, &str),
    limit: u64,
) -> Result<Vec<Booking>, Error> {
    let counted = claim_quota::Entity::find()
        .select_only()
        .column(claim_quota::Column::ClaimId)
        .filter(claim_quota::Column::Key.eq(key))
        .filter(claim_quota::Column::Window.eq(window))
        .into_query();
    let rows = booking::Entity::find()
        .filter(booking::Column::Id.in_subquery(counted))
        .order_by_asc(booking::Column::StartsAt)
        .order_by_asc(booking::Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    with_slots(conn, desk, rows).await
}

/// Which bookings of a room.
#[derive(Clone, Copy, Debug)]
pub enum Within {
    /// Those that start from the first to before the second.
    Starting(DateTime<Utc>, DateTime<Utc>),
    /// Those that have or want time between the two.
    Touching(DateTime<Utc>, DateTime<Utc>),
    /// Those that have or want a slot to come that is on offer no more.
    Withdrawn,
}

/// The bookings of rooms within a span, the earliest start first, within scope.
pub async fn list_of_rooms(
    conn: &impl ConnectionTrait,
    desk: Desk<'_>,
    (scope, rooms): (&Scope, &[RoomId]),
    within: Within,
    after: Option<Place>,
    limit: u64,
) -> Result<Vec<Booking>, Error> {
    use booking::Column;
    let beyond = after.map(|(start, id)| {
        Condition::any()
            .add(Column::StartsAt.gt(start))
            .add(Condition::all().add(Column::StartsAt.eq(start)).add(Column::Id.gt(id.0)))
    });
    let span = match within {
        Within::Starting(from, to) => {
            Condition::all().add(Column::StartsAt.gte(from)).add(Column::StartsAt.lt(to))
        }
        Within::Touching(from, to) => Condition::all()
            .add(Column::StartsAt.lt(to))
            .add(Column::EndsAt.gt(from))
            .add(Column::State.is_in(LIVE))
            .add(unlapsed(desk.env.now())),
        Within::Withdrawn => Condition::all()
            .add(Column::EndsAt.gt(desk.env.now()))
            .add(Column::State.is_in(LIVE))
            .add(unlapsed(desk.env.now()))
            .add(Column::Id.in_subquery(slots::withdrawn(rooms))),
    };
    let rows = booking::Entity::find()
        .filter(Column::RoomId.is_in(rooms.iter().map(|room| room.0)))
        .filter(scope.condition(Column::OrgPath))
        .filter(span)
        .filter(beyond.unwrap_or_else(Condition::all))
        .order_by_asc(Column::StartsAt)
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    with_slots(conn, desk, rows).await
}

/// What has not lapsed by `now`.
fn unlapsed(now: DateTime<Utc>) -> Condition {
    Condition::any().add(booking::Column::LapsesAt.is_null()).add(booking::Column::LapsesAt.gt(now))
}

async fn one(
    conn: &impl ConnectionTrait,
    desk: Desk<'_>,
    query: Select<booking::Entity>,
) -> Result<Option<Booking>, Error> {
    let row = query.one(conn).await?;
    Ok(with_slots(conn, desk, row.into_iter().collect()).await?.pop())
}

async fn with_slots(
    conn: &impl ConnectionTrait,
    desk: Desk<'_>,
    rows: Vec<booking::Model>,
) -> Result<Vec<Booking>, Error> {
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
            row::read(desk, row, of)
        })
        .collect()
}

/// Takes out what the resident wrote about their bookings; the bookings stay for the count.
pub async fn forget_words(tx: &impl ConnectionTrait, resident: ResidentId) -> Result<(), DbErr> {
    let nothing = || Expr::value(None::<Vec<u8>>);
    let no_text = || Expr::value(None::<String>);
    booking::Entity::update_many()
        .col_expr(booking::Column::PurposeSealed, nothing())
        .col_expr(booking::Column::CompanionsSealed, nothing())
        .col_expr(booking::Column::ReasonSealed, nothing())
        .col_expr(booking::Column::PurposeOpen, no_text())
        .col_expr(booking::Column::ReasonOpen, no_text())
        .filter(booking::Column::ResidentId.eq(resident.0))
        .exec(tx)
        .await?;
    Ok(())
}

/// Bookings of erased residents that still keep or want a room at `now`, the earliest first.
pub async fn any_live_of_erased(
    conn: &impl ConnectionTrait,
    desk: Desk<'_>,
    limit: u64,
) -> Result<Vec<Booking>, Error> {
    let now = desk.env.now();
    let erased = resident::Entity::find()
        .select_only()
        .column(resident::Column::Id)
        .filter(resident::Column::ErasedAt.is_not_null())
        .filter(resident::Column::MergedIntoId.is_null());
    let rows = booking::Entity::find()
        .filter(booking::Column::State.is_in(LIVE))
        .filter(unlapsed(now))
        .filter(booking::Column::StartsAt.gt(now))
        .filter(booking::Column::ResidentId.in_subquery(erased.into_query()))
        .order_by_asc(booking::Column::StartsAt)
        .limit(limit)
        .all(conn)
        .await?;
    with_slots(conn, desk, rows).await
}
