//! Bookings: made and cancelled through the inventory engine.
//!
//! A retry wins over a refusal: before a rule's "no" is told, the idempotency record is asked, so
//! what was booked stays the answer when meanwhile the slot has begun or closed.

use std::sync::Arc;

use chrono::NaiveDate;
use linli_domain::{
    Code, Event, Refusal,
    access::Scope,
    bookings::{CancelledBy, MAX_SLOTS, PartySize, State, join, short_text},
    ids::{BookingId, ResidentId, RoomId, SlotId, StaffId},
    inventory::{Claim, Shortage},
    time::{DAY_MINUTES, instant},
};
use linli_store::{
    Error,
    audit::{self, Actor, Entry},
    idempotency::{self, Request, Stored},
    inventory::{Answered, Order, Return},
    storage::{
        bookings::{self, Booking, Place},
        rooms::{self, Room, SlotPlan},
    },
};
use serde_json::{Value, json};

use crate::App;

/// How a use case's answer is written down, to be replayed as it was.
pub type Render = fn(&Booking) -> Value;

/// What a resident asks for.
#[derive(Clone, Debug)]
pub struct NewBooking {
    /// Room.
    pub room_id: RoomId,
    /// Slots, one after the other.
    pub slot_ids: Vec<SlotId>,
    /// How many come.
    pub party_size: i64,
    /// What for.
    pub purpose: Option<String>,
}

/// A slot with the room it is in, as looked up a moment ago.
pub type Planned = Arc<(Room, SlotPlan)>;

/// Books slots of a room for `resident`.
pub async fn create(
    app: &App,
    resident: ResidentId,
    new: NewBooking,
    request: &Request,
    render: Render,
) -> Result<Answered, Error> {
    let (booking, plans) = match decide(app, resident, new).await {
        Err(Error::Refused(refusal)) => return replay_or(app, request, refusal).await,
        decided => decided?,
    };
    let needs = plans.iter().flat_map(|planned| planned.1.needs(booking.party_size));
    let claim = Claim::new(booking.id.into(), request.principal.clone(), request.key_digest(), needs)
        .map_err(|error| Error::internal("claiming the cells of slots", error))?;
    let order = Order {
        name: "bookings.create",
        claim: &claim,
        request,
        answer: &Stored { status: 201, answer: render(&booking) },
        events: &[Event::BookingChanged(booking.id)],
        refusal: &taken,
    };
    let booking = &booking;
    app.inventory
        .claim(&app.db, &app.env, &order, move |tx| async move {
            bookings::insert(tx.conn(), booking).await?;
            let entry = entry(Actor::Resident(resident), "booking.create", booking);
            audit::record(tx.conn(), &app.env, entry).await?;
            Ok(tx)
        })
        .await
}

/// Cancels a booking of `resident`.
pub async fn cancel_own(
    app: &App,
    resident: ResidentId,
    id: BookingId,
    reason: Option<String>,
    request: &Request,
    render: Render,
) -> Result<Answered, Error> {
    let booking = own(app, resident, id).await?;
    cancel(app, booking, CancelledBy::Resident(resident), reason, request, render).await
}

/// Cancels a booking in `scope` for the facility.
pub async fn cancel_by_staff(
    app: &App,
    (staff, scope): (StaffId, &Scope),
    id: BookingId,
    reason: Option<String>,
    request: &Request,
    render: Render,
) -> Result<Answered, Error> {
    let booking = bookings::find(app.db.read(), scope, id).await?.ok_or(Code::NotFound)?;
    cancel(app, booking, CancelledBy::Staff(staff), reason, request, render).await
}

/// A booking of `resident`.
pub async fn own(app: &App, resident: ResidentId, id: BookingId) -> Result<Booking, Error> {
    Ok(bookings::find_own(app.db.read(), resident, id).await?.ok_or(Code::NotFound)?)
}

/// One row more than `limit` of the bookings of `resident`, the latest start first.
pub async fn list_own(
    app: &App,
    resident: ResidentId,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Booking>, Error> {
    bookings::list_own(app.db.read(), resident, after, u64::from(limit) + 1).await
}

/// One row more than `limit` of the bookings of a room in `scope` that start from `days.0` to `days.1`.
pub async fn list_of_room(
    app: &App,
    scope: &Scope,
    room: RoomId,
    days: (NaiveDate, NaiveDate),
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Booking>, Error> {
    super::rooms::find(app, scope, room).await?;
    let times = (instant(days.0, 0), instant(days.1, i32::from(DAY_MINUTES)));
    bookings::list_of_room(app.db.read(), scope, room, times, after, u64::from(limit) + 1).await
}

/// Gives back the rooms that erased residents would have come to; answers how many bookings.
pub async fn cancel_of_erased(app: &App, limit: u64) -> Result<u64, Error> {
    let now = app.env.now();
    let left = bookings::any_live_of_erased(app.db.read(), now, limit).await?;
    let count = left.len() as u64;
    for booking in left {
        let request = Request {
            principal: "system:erasure".to_owned(),
            key: booking.id.to_string(),
            operation: "bookings.cancel_of_erased",
            digest: String::new(),
        };
        // Who goes is not held to the deadline: nobody will come, and the room should not stand empty.
        let booking = Booking { cancel_until: now, ..booking };
        let by = CancelledBy::Resident(booking.resident_id);
        match cancel(app, booking, by, None, &request, |_| json!({})).await {
            // Staff were faster.
            Err(Error::Refused(_)) => {}
            done => drop(done?),
        }
    }
    Ok(count)
}

async fn cancel(
    app: &App,
    booking: Booking,
    by: CancelledBy,
    reason: Option<String>,
    request: &Request,
    render: Render,
) -> Result<Answered, Error> {
    let reason = short_text("reason", reason)?;
    let moved = match booking.state.cancel(by, reason, booking.cancel_until, app.env.now()) {
        Err(refusal) => return replay_or(app, request, refusal).await,
        Ok(moved) => moved,
    };
    let cancelled = Booking { state: moved, version: booking.version + 1, ..booking.clone() };
    let order = Return {
        name: "bookings.cancel",
        claim: booking.id.into(),
        request,
        answer: &Stored { status: 200, answer: render(&cancelled) },
        events: &[Event::BookingChanged(booking.id)],
        keeps_quota: &|_| false,
        gone: Code::HoldLapsed,
    };
    let actor = match by {
        CancelledBy::Resident(id) => Actor::Resident(id),
        CancelledBy::Staff(id) => Actor::Staff(id),
    };
    let (booking, cancelled) = (&booking, &cancelled);
    app.inventory
        .release(&app.db, &app.env, &order, move |tx| async move {
            bookings::write_state(tx.conn(), booking, &cancelled.state).await?;
            audit::record(tx.conn(), &app.env, entry(actor, "booking.cancel", booking)).await?;
            Ok(tx)
        })
        .await
}

/// The rules, on what was looked up at most a second ago: only the stocks decide what is free.
async fn decide(app: &App, resident: ResidentId, new: NewBooking) -> Result<(Booking, Vec<Planned>), Error> {
    if new.slot_ids.is_empty() || new.slot_ids.len() > MAX_SLOTS {
        let (zh, en) = ("请选择 1 到 16 个时段", "Choose 1 to 16 slots.");
        return Err(Refusal::field("slot_ids", "count", zh, en).into());
    }
    let mut plans = Vec::with_capacity(new.slot_ids.len());
    for slot in new.slot_ids {
        plans.push(planned(app, new.room_id, slot).await?.ok_or_else(unknown_slot)?);
    }
    plans.sort_by_key(|planned| (planned.1.starts_at, planned.1.ends_at));
    let room = &plans.first().ok_or_else(unknown_slot)?.0;
    let party_size = PartySize::new(new.party_size, &room.rules)?;
    let mut times: Vec<_> = plans.iter().map(|planned| (planned.1.starts_at, planned.1.ends_at)).collect();
    let (starts_at, ends_at) = join(&mut times)?;
    let now = app.env.now();
    room.rules.check_start(starts_at, now)?;
    let booking = Booking {
        id: app.env.id(),
        room_id: room.id,
        facility_id: room.facility_id,
        org_path: room.org_path.clone(),
        resident_id: resident,
        slots: plans.iter().map(|planned| planned.1.id).collect(),
        party_size: party_size.get(),
        purpose: short_text("purpose", new.purpose)?,
        starts_at,
        ends_at,
        cancel_until: room.rules.cancel_deadline(starts_at),
        state: State::Confirmed,
        created_at: now,
        version: 1,
    };
    Ok((booking, plans))
}

fn unknown_slot() -> Refusal {
    let (zh, en) = ("这个房间没有这个时段", "This room has no such slot.");
    Refusal::field("slot_ids", "unknown", zh, en)
}

/// A slot with its room, looked up once a second and process, so that a rush on it stays off SQL.
async fn planned(app: &App, room: RoomId, slot: SlotId) -> Result<Option<Planned>, Error> {
    let key = (room, slot);
    if let Some(planned) = app.slots.get(&key).await {
        return Ok(Some(planned));
    }
    let look_up = async {
        let plan = rooms::slot_plan(app.db.read(), room, slot).await?;
        let found = rooms::find_public(app.db.read(), room).await?;
        let planned = plan.zip(found).map(|(plan, room)| Arc::new((room, plan)));
        planned.ok_or_else(|| Error::from(Code::NotFound))
    };
    match app.slots.try_get_with(key, look_up).await {
        Ok(planned) => Ok(Some(planned)),
        Err(error) if error.refusal().is_some() => Ok(None),
        // Those who waited for the same look-up share its error.
        Err(error) => {
            Err(Arc::try_unwrap(error).unwrap_or(Error::Unavailable { what: "database", source: None }))
        }
    }
}

/// How room time says that it is gone.
fn taken(shortage: &Shortage) -> Refusal {
    match shortage {
        Shortage::SoldOut => Code::SlotTaken.into(),
        Shortage::Closed => Code::SlotClosed.into(),
        Shortage::Quota { .. } => Code::QuotaExhausted.into(),
    }
}

async fn replay_or(app: &App, request: &Request, refusal: Refusal) -> Result<Answered, Error> {
    match idempotency::find(app.db.read(), request).await? {
        Some(stored) => Ok(Answered { stored, replayed: true }),
        None => Err(refusal.into()),
    }
}

fn entry(actor: Actor, action: &'static str, booking: &Booking) -> Entry {
    Entry {
        actor,
        action,
        subject_kind: "booking",
        subject_id: Some(booking.id.0),
        org_path: booking.org_path.clone(),
        detail: json!({}),
    }
}
