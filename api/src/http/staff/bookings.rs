//! Bookings, for staff: at the counter, on the telephone, and the requests and payments that wait.

use linli_domain::{
    access::perm,
    bookings::Channel,
    consent::FamilyScope,
    ids::{BookingId, ResidentId, RoomId, SlotId},
};
use poem::web::Data;
use poem_openapi::{Enum, Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::{
        bookings::{
            self, Door, Who,
            payments::{self, Counter, Method, Receipt},
        },
        residents::lookup,
        staff::sight::{Thing, judge},
    },
    http::{
        Problem,
        auth::{Staff, StaffActor},
        idempotency::Idempotent,
        v1::bookings::{Booked, Changed, Reschedule, ask},
        wire::Booking,
    },
};

/// Bookings.
pub struct Bookings;

/// How the resident reached the staff
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "snake_case")]
pub enum StaffDoor {
    /// At the counter.
    Counter,
    /// By telephone.
    Phone,
    /// They came and want the room now.
    WalkIn,
}

impl From<StaffDoor> for Channel {
    fn from(door: StaffDoor) -> Self {
        match door {
            StaffDoor::Counter => Self::Counter,
            StaffDoor::Phone => Self::Phone,
            StaffDoor::WalkIn => Self::WalkIn,
        }
    }
}

/// A booking that staff make for a resident
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct StaffBooking {
    /// Who comes, as found by looking residents up.
    resident_id: Uuid,
    channel: StaffDoor,
    room_id: Uuid,
    /// One slot, or several that follow one another.
    #[oai(validator(min_items = 1, max_items = 16))]
    slot_ids: Vec<Uuid>,
    /// How many people come.
    party_size: i32,
    /// What for.
    purpose: Option<String>,
    /// The names of those who come along.
    #[oai(validator(max_items = 20))]
    companions: Option<Vec<String>>,
}

/// Why staff cancel
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct StaffCancellation {
    /// The resident can read it.
    reason: Option<String>,
    /// Whether it is because the room closes; the resident is told so.
    #[oai(default)]
    closure: bool,
}

/// Why a request is declined
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct DeclineBooking {
    /// The resident can read it.
    reason: Option<String>,
}

/// How it was paid
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// Notes and coins.
    Cash,
    /// A bank card.
    Card,
}

/// A payment taken at the counter
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct CounterPayment {
    method: PaymentMethod,
    /// What was paid: all that is due.
    amount_fen: i64,
}

/// Staff and where they hold the right, as use cases ask for them.
pub(super) fn who(staff: &StaffActor) -> Who<'_> {
    Who::Staff(staff.id, &staff.scope)
}

#[OpenApi(tag = "Tag::Bookings")]
impl Bookings {
    /// Books for a resident
    ///
    /// Under the same rules as the resident's own hands, with the same refusals; only the lead time, which
    /// sends people to the staff, does not bind the staff.
    #[oai(path = "/bookings", method = "post", operation_id = "staffCreateBooking")]
    async fn create(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingEdit>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<StaffBooking>,
    ) -> Result<Booked, Problem> {
        let request = key.record(format!("staff:{}", staff.id), "bookings.create");
        let resident = ResidentId(body.0.resident_id);
        lookup::in_scope(app.db.read(), &staff, resident).await?;
        let door = Door { who: who(&staff), resident, channel: body.0.channel.into() };
        let new = bookings::NewBooking {
            room_id: RoomId(body.0.room_id),
            slot_ids: body.0.slot_ids.into_iter().map(SlotId).collect(),
            party_size: body.0.party_size.into(),
            purpose: body.0.purpose,
            companions: body.0.companions.unwrap_or_default(),
        };
        let room = new.room_id;
        let done = bookings::create(&app, &door, new, ask(&request)).await;
        Ok(judge(&app, &staff, (Thing::Room, room.0), done).await?.into())
    }

    /// Shows a booking
    #[oai(path = "/bookings/:id", method = "get", operation_id = "staffGetBooking")]
    async fn get(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingRead>,
        id: Path<Uuid>,
    ) -> Result<Json<Booking>, Problem> {
        let found = bookings::find(&app, who(&staff), FamilyScope::See, BookingId(id.0)).await;
        let booking = judge(&app, &staff, (Thing::Booking, id.0), found).await?;
        Ok(Json(Booking::from(&booking)))
    }

    /// Cancels a booking for the facility
    #[oai(path = "/bookings/:id/cancel", method = "post", operation_id = "staffCancelBooking")]
    async fn cancel(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingEdit>,
        id: Path<Uuid>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<StaffCancellation>,
    ) -> Result<Changed, Problem> {
        let request = key.record(format!("staff:{}", staff.id), "bookings.cancel");
        let why = (body.0.reason, body.0.closure);
        let done = bookings::cancel(&app, who(&staff), BookingId(id.0), why, ask(&request)).await;
        Ok(judge(&app, &staff, (Thing::Booking, id.0), done).await?.into())
    }

    /// Moves a booking to another time
    #[oai(path = "/bookings/:id/reschedule", method = "post", operation_id = "staffRescheduleBooking")]
    async fn reschedule(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingEdit>,
        id: Path<Uuid>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<Reschedule>,
    ) -> Result<Changed, Problem> {
        let request = key.record(format!("staff:{}", staff.id), "bookings.reschedule");
        let done =
            bookings::reschedule(&app, who(&staff), BookingId(id.0), body.0.into(), ask(&request)).await;
        Ok(judge(&app, &staff, (Thing::Booking, id.0), done).await?.into())
    }

    /// Approves a request
    ///
    /// One that held nothing takes the room now; when another has it, that is `slot_taken`.
    #[oai(path = "/bookings/:id/approve", method = "post", operation_id = "staffApproveBooking")]
    async fn approve(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingEdit>,
        id: Path<Uuid>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
    ) -> Result<Changed, Problem> {
        let request = key.record(format!("staff:{}", staff.id), "bookings.approve");
        let done = bookings::approve(&app, who(&staff), BookingId(id.0), ask(&request)).await;
        Ok(judge(&app, &staff, (Thing::Booking, id.0), done).await?.into())
    }

    /// Declines a request
    #[oai(path = "/bookings/:id/decline", method = "post", operation_id = "staffDeclineBooking")]
    async fn decline(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingEdit>,
        id: Path<Uuid>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<DeclineBooking>,
    ) -> Result<Changed, Problem> {
        let request = key.record(format!("staff:{}", staff.id), "bookings.decline");
        let done = bookings::decline(&app, who(&staff), BookingId(id.0), body.0.reason, ask(&request)).await;
        Ok(judge(&app, &staff, (Thing::Booking, id.0), done).await?.into())
    }

    /// Records what was paid at the counter
    ///
    /// The booking is firm, unless its time to be paid is over.
    #[oai(path = "/bookings/:id/payments", method = "post", operation_id = "staffRecordPayment")]
    async fn pay(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingEdit>,
        id: Path<Uuid>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<CounterPayment>,
    ) -> Result<Changed, Problem> {
        let request = key.record(format!("staff:{}", staff.id), "bookings.pay");
        let method = match body.0.method {
            PaymentMethod::Cash => Method::Cash,
            PaymentMethod::Card => Method::Card,
        };
        let receipt = Receipt { method, amount_fen: body.0.amount_fen, received_by: staff.id };
        let done =
            payments::receive(&app, &Counter, who(&staff), BookingId(id.0), receipt, ask(&request)).await;
        Ok(judge(&app, &staff, (Thing::Booking, id.0), done).await?.into())
    }

    /// Records that what was paid was given back
    #[oai(path = "/bookings/:id/refunds", method = "post", operation_id = "staffRecordRefund")]
    async fn refund(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingEdit>,
        id: Path<Uuid>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
    ) -> Result<Changed, Problem> {
        let request = key.record(format!("staff:{}", staff.id), "bookings.refund");
        let done = payments::refund(&app, staff.id, who(&staff), BookingId(id.0), ask(&request)).await;
        Ok(judge(&app, &staff, (Thing::Booking, id.0), done).await?.into())
    }
}
