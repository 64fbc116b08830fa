//! Bookings, for residents.

use linli_domain::{
    bookings::Channel,
    consent::FamilyScope,
    ids::{BookingId, ResidentId, RoomId, SlotId},
};
use linli_store::{idempotency::Request, inventory::Answered};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::bookings::{self, Ask, Door, Who},
    http::{
        Problem,
        auth::Resident,
        idempotency::Idempotent,
        paging,
        stored::StoredJson,
        wire::{self, Booking},
    },
};

/// Bookings.
pub struct Bookings;

/// A booking to make
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewBooking {
    room_id: Uuid,
    /// One slot, or several that follow one another.
    #[oai(validator(min_items = 1, max_items = 16))]
    slot_ids: Vec<Uuid>,
    /// How many people come, you included.
    party_size: i32,
    /// For a family member who has let you; yourself when absent.
    for_resident_id: Option<Uuid>,
    /// What for.
    purpose: Option<String>,
    /// The names of those who come along.
    #[oai(validator(max_items = 20))]
    companions: Option<Vec<String>>,
}

/// Where a booking shall move
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct Reschedule {
    /// Another room; the same when absent.
    room_id: Option<Uuid>,
    /// One slot, or several that follow one another.
    #[oai(validator(min_items = 1, max_items = 16))]
    slot_ids: Vec<Uuid>,
}

impl From<Reschedule> for bookings::NewTime {
    fn from(body: Reschedule) -> Self {
        Self { room_id: body.room_id.map(RoomId), slot_ids: body.slot_ids.into_iter().map(SlotId).collect() }
    }
}

/// Why a booking is cancelled
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct CancelBooking {
    /// In your own words; staff can read it.
    pub(crate) reason: Option<String>,
}

/// The answer to a booking.
#[derive(ApiResponse)]
pub enum Booked {
    /// Booked.
    #[oai(status = 201)]
    Created(
        StoredJson<Booking>,
        /// `true` when an earlier request with this key had this effect.
        #[oai(header = "Idempotent-Replayed")]
        Option<bool>,
    ),
}

/// The answer to whatever changes a booking.
#[derive(ApiResponse)]
pub enum Changed {
    /// The booking as it is now.
    #[oai(status = 200)]
    Ok(
        StoredJson<Booking>,
        /// `true` when an earlier request with this key had this effect.
        #[oai(header = "Idempotent-Replayed")]
        Option<bool>,
    ),
}

impl From<Answered> for Booked {
    fn from(answered: Answered) -> Self {
        Self::Created(StoredJson::new(answered.stored.answer), answered.replayed.then_some(true))
    }
}

impl From<Answered> for Changed {
    fn from(answered: Answered) -> Self {
        Self::Ok(StoredJson::new(answered.stored.answer), answered.replayed.then_some(true))
    }
}

/// Names the list to its cursors.
const OWN: &str = "bookings";

#[OpenApi(tag = "Tag::Bookings")]
impl Bookings {
    /// Books a room
    ///
    /// All the slots or none, for yourself or for a family member who has let you. A retry with the same
    /// key is answered as the first was. Depending on the room the booking is firm at once, or kept for you
    /// until you have paid or staff have decided. A refusal that another time would help names up to three
    /// `alternatives`.
    #[oai(path = "/bookings", method = "post", operation_id = "createBooking")]
    async fn create(
        &self,
        app: Data<&App>,
        resident: Resident,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<NewBooking>,
    ) -> Result<Booked, Problem> {
        let request = key.record(format!("resident:{}", resident.id), "bookings.create");
        let door = Door {
            who: Who::Resident(resident.id),
            resident: body.0.for_resident_id.map_or(resident.id, ResidentId),
            channel: Channel::Online,
        };
        let new = bookings::NewBooking {
            room_id: RoomId(body.0.room_id),
            slot_ids: body.0.slot_ids.into_iter().map(SlotId).collect(),
            party_size: body.0.party_size.into(),
            purpose: body.0.purpose,
            companions: body.0.companions.unwrap_or_default(),
        };
        Ok(bookings::create(&app, &door, new, ask(&request)).await?.into())
    }

    /// Lists your bookings, or those of a family member who has let you see them
    ///
    /// The latest start first.
    #[oai(path = "/bookings", method = "get", operation_id = "listBookings")]
    async fn list(
        &self,
        app: Data<&App>,
        resident: Resident,
        /// Whose; yours when absent.
        for_resident_id: Query<Option<Uuid>>,
        /// Bookings on a page.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// Where the page begins: `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<wire::Bookings>, Problem> {
        let whose = for_resident_id.0.map_or(resident.id, ResidentId);
        let filters = (OWN, resident.id, whose);
        let after = cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let limit = limit.0.unwrap_or(paging::DEFAULT_LIMIT);
        let rows = bookings::list_of_resident(&app, resident.id, whose, after, limit).await?;
        let (page, next) = paging::cut(rows, limit, |booking| (booking.starts_at, booking.id));
        Ok(Json(wire::Bookings::new(&page, next.map(|at| paging::seal(&app, &filters, at)))))
    }

    /// Shows a booking of yours, or of a family member who has let you see it
    #[oai(path = "/bookings/:id", method = "get", operation_id = "getBooking")]
    async fn get(
        &self,
        app: Data<&App>,
        resident: Resident,
        id: Path<Uuid>,
    ) -> Result<Json<Booking>, Problem> {
        let who = Who::Resident(resident.id);
        let booking = bookings::find(&app, who, FamilyScope::See, BookingId(id.0)).await?;
        Ok(Json(Booking::from(&booking)))
    }

    /// Cancels a booking
    ///
    /// Free until `cancel_until`. After that it depends on the room: refused, or possible until the start
    /// and flagged as late.
    #[oai(path = "/bookings/:id/cancel", method = "post", operation_id = "cancelBooking")]
    async fn cancel(
        &self,
        app: Data<&App>,
        resident: Resident,
        id: Path<Uuid>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<CancelBooking>,
    ) -> Result<Changed, Problem> {
        let request = key.record(format!("resident:{}", resident.id), "bookings.cancel");
        let (who, id, why) = (Who::Resident(resident.id), BookingId(id.0), (body.0.reason, false));
        Ok(bookings::cancel(&app, who, id, why, ask(&request)).await?.into())
    }

    /// Moves a booking to another time
    ///
    /// The booking keeps its id. When the new time is not to be had, it stays what it was.
    #[oai(path = "/bookings/:id/reschedule", method = "post", operation_id = "rescheduleBooking")]
    async fn reschedule(
        &self,
        app: Data<&App>,
        resident: Resident,
        id: Path<Uuid>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<Reschedule>,
    ) -> Result<Changed, Problem> {
        let request = key.record(format!("resident:{}", resident.id), "bookings.reschedule");
        let (who, id) = (Who::Resident(resident.id), BookingId(id.0));
        Ok(bookings::reschedule(&app, who, id, body.0.into(), ask(&request)).await?.into())
    }
}

/// A request whose answer is the booking as clients see it.
pub(crate) fn ask(request: &Request) -> Ask<'_> {
    Ask { request, render: wire::stored }
}
