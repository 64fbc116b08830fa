//! Bookings: made, decided on, moved and given back, all through the inventory engine.
//!
//! A retry wins over a refusal: before a rule's "no" is told, the idempotency record is asked, so
//! what was booked stays the answer when meanwhile the slot has begun or closed. Purposes, reasons and
//! companions are personal; an answer that holds them is stored sealed.

mod alternatives;
mod answers;
pub mod calendar;
mod create;
mod decide;
pub mod follow;
mod left;
pub mod messages;
mod moves;
pub mod payments;
mod plan;
pub mod quota_rules;
pub mod relocate;
pub mod series;
pub mod settings;

use chrono::NaiveDate;
use linli_domain::{
    Code,
    access::Scope,
    bookings::{CancelledBy, Channel},
    consent::FamilyScope,
    ids::{BookingId, ResidentId, RoomId, SlotId, StaffId},
    time::{DAY_MINUTES, instant},
};
use linli_store::{
    Error,
    audit::{Actor, Entry},
    idempotency::Request,
    storage::{
        bookings::{self, BookedBy, Booking, Desk, Place, Within},
        residents::may_act_for,
        rooms::Room,
    },
};
use serde_json::{Value, json};

use crate::App;

pub use self::{
    create::create,
    decide::{approve, decline},
    left::left_today,
    moves::{cancel, cancel_of_erased, reschedule},
    plan::Views,
};

/// How a use case's answer is written down, to be replayed as it was.
pub type Render = fn(&Booking) -> Value;

/// What is asked for.
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
    /// Who comes along.
    pub companions: Vec<String>,
}

/// Where a booking shall move.
#[derive(Clone, Debug)]
pub struct NewTime {
    /// Another room, or the same.
    pub room_id: Option<RoomId>,
    /// Slots, one after the other.
    pub slot_ids: Vec<SlotId>,
}

/// A request that must have one effect, and how its answer is written down.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The idempotency record.
    pub request: &'a Request,
    /// How the booking is rendered.
    pub render: Render,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// A resident, for themselves or for family.
    Resident(ResidentId),
    /// Staff, within the scope of their right.
    Staff(StaffId, &'a Scope),
}

impl Who<'_> {
    fn actor(self) -> Actor {
        match self {
            Self::Resident(id) => Actor::Resident(id),
            Self::Staff(id, _) => Actor::Staff(id),
        }
    }

    fn booked_by(self) -> BookedBy {
        match self {
            Self::Resident(id) => BookedBy::Resident(id),
            Self::Staff(id, _) => BookedBy::Staff(id),
        }
    }

    fn cancelled_by(self, closure: bool) -> CancelledBy {
        match self {
            Self::Resident(id) => CancelledBy::Resident(id),
            Self::Staff(id, _) if closure => CancelledBy::Closure(id),
            Self::Staff(id, _) => CancelledBy::Staff(id),
        }
    }

    const fn is_staff(self) -> bool {
        matches!(self, Self::Staff(..))
    }
}

/// For whom a booking is, who makes it and through which door.
#[derive(Clone, Copy, Debug)]
pub struct Door<'a> {
    /// Who asks.
    pub who: Who<'a>,
    /// Who comes.
    pub resident: ResidentId,
    /// Through which door.
    pub channel: Channel,
}

pub(crate) fn desk(app: &App) -> Desk<'_> {
    Desk { vault: &app.vault, env: &app.env }
}

/// A booking that `who` may reach: staff by scope, a resident's own, a family member's by consent.
pub async fn find(app: &App, who: Who<'_>, scope: FamilyScope, id: BookingId) -> Result<Booking, Error> {
    let conn = app.db.read();
    match who {
        Who::Staff(_, within) => {
            Ok(bookings::find(conn, desk(app), within, id).await?.ok_or(Code::NotFound)?)
        }
        Who::Resident(me) => {
            let booking = bookings::any(conn, desk(app), id).await?.ok_or(Code::NotFound)?;
            let may = may_act_for(conn, me, booking.resident_id, scope).await?;
            if may { Ok(booking) } else { Err(Code::NotFound.into()) }
        }
    }
}

/// One row more than `limit` of the bookings of `resident`, the latest start first; those of a family
/// member with their consent.
pub async fn list_of_resident(
    app: &App,
    me: ResidentId,
    resident: ResidentId,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Booking>, Error> {
    require_consent(app, me, resident, FamilyScope::See).await?;
    bookings::list_own(app.db.read(), desk(app), resident, after, u64::from(limit) + 1).await
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
    let within = Within::Starting(instant(days.0, 0), instant(days.1, i32::from(DAY_MINUTES)));
    let rooms = (scope, &[room][..]);
    bookings::list_of_rooms(app.db.read(), desk(app), rooms, within, after, u64::from(limit) + 1).await
}

/// Units of each shared slot of a room that only staff give, as they were at most a second ago.
pub async fn reserved(app: &App, room: &Room) -> Result<u16, Error> {
    Ok(plan::terms(app, room).await?.policy.reserved_units)
}

/// Refuses unless `me` may act for `resident`; whether there is such a resident stays unsaid.
async fn require_consent(
    app: &App,
    me: ResidentId,
    resident: ResidentId,
    scope: FamilyScope,
) -> Result<(), Error> {
    let may = may_act_for(app.db.read(), me, resident, scope).await?;
    if may { Ok(()) } else { Err(Code::FamilyConsentMissing.into()) }
}

fn entry(actor: Actor, action: &'static str, booking: &Booking) -> Entry {
    Entry {
        actor,
        action,
        subject_kind: "booking",
        subject_id: Some(booking.id.0),
        org_path: booking.org_path.clone(),
        detail: json!({ "state": booking.state.as_str(), "version": booking.version }),
    }
}
