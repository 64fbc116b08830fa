//! Bookings, for residents.

use linli_domain::ids::{BookingId, RoomId, SlotId};
use linli_store::inventory::Answered;
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
    app::bookings,
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
    /// What for.
    purpose: Option<String>,
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

/// The answer to a cancellation.
#[derive(ApiResponse)]
pub enum Cancelled {
    /// Cancelled.
    #[oai(status = 200)]
    Ok(
        StoredJson<Booking>,
        /// `true` when an earlier request with this key had this effect.
        #[oai(header = "Idempotent-Replayed")]
        Option<bool>,
    ),
}

impl From<Answered> for Cancelled {
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
    /// All the slots or none. A retry with the same key is answered as the first was.
    #[oai(path = "/bookings", method = "post", operation_id = "createBooking")]
    async fn create(
        &self,
        app: Data<&App>,
        resident: Resident,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<NewBooking>,
    ) -> Result<Booked, Problem> {
        let request = key.record(format!("resident:{}", resident.id), "bookings.create");
        let new = bookings::NewBooking {
            room_id: RoomId(body.0.room_id),
            slot_ids: body.0.slot_ids.into_iter().map(SlotId).collect(),
            party_size: body.0.party_size.into(),
            purpose: body.0.purpose,
        };
        let answered = bookings::create(&app, resident.id, new, &request, wire::stored).await?;
        Ok(Booked::Created(StoredJson::new(answered.stored.answer), answered.replayed.then_some(true)))
    }

    /// Lists your bookings
    ///
    /// The latest start first.
    #[oai(path = "/bookings", method = "get", operation_id = "listBookings")]
    async fn list(
        &self,
        app: Data<&App>,
        resident: Resident,
        /// Bookings on a page.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// Where the page begins: `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<wire::Bookings>, Problem> {
        let filters = (OWN, resident.id);
        let after = cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let limit = limit.0.unwrap_or(paging::DEFAULT_LIMIT);
        let rows = bookings::list_own(&app, resident.id, after, limit).await?;
        let (page, next) = paging::cut(rows, limit, |booking| (booking.starts_at, booking.id));
        Ok(Json(wire::Bookings::new(&page, next.map(|at| paging::seal(&app, &filters, at)))))
    }

    /// Shows one of your bookings
    #[oai(path = "/bookings/:id", method = "get", operation_id = "getBooking")]
    async fn get(
        &self,
        app: Data<&App>,
        resident: Resident,
        id: Path<Uuid>,
    ) -> Result<Json<Booking>, Problem> {
        let booking = bookings::own(&app, resident.id, BookingId(id.0)).await?;
        Ok(Json(Booking::from(&booking)))
    }

    /// Cancels a booking
    #[oai(path = "/bookings/:id/cancel", method = "post", operation_id = "cancelBooking")]
    async fn cancel(
        &self,
        app: Data<&App>,
        resident: Resident,
        id: Path<Uuid>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<CancelBooking>,
    ) -> Result<Cancelled, Problem> {
        let request = key.record(format!("resident:{}", resident.id), "bookings.cancel");
        let id = BookingId(id.0);
        let answered =
            bookings::cancel_own(&app, resident.id, id, body.0.reason, &request, wire::stored).await?;
        Ok(answered.into())
    }
}
