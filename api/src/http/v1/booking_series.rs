//! Series of bookings, for residents.

use std::collections::HashMap;

use chrono::{DateTime, FixedOffset};
use linli_domain::{
    bookings::{Channel, series::SeriesMode},
    consent::FamilyScope,
    ids::{BookingId, BookingSeriesId, ResidentId, RoomId, SlotId},
    time::local,
};
use linli_store::{
    inventory::Answered,
    storage::bookings::{Booking, series::Series},
};
use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json, types::ToJSON};
use serde_json::Value;
use uuid::Uuid;

use super::{Tag, bookings::CancelBooking};
use crate::{
    App,
    app::bookings::{self, Door, Who, series},
    http::{Problem, auth::Resident, idempotency::Idempotent, stored::StoredJson, word::Word},
};

/// Series.
pub struct BookingSeries;

/// A series to book
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewBookingSeries {
    room_id: Uuid,
    /// The slots of the first week: one, or several that follow one another.
    #[oai(validator(min_items = 1, max_items = 16))]
    slot_ids: Vec<Uuid>,
    /// The same hours in so many weeks, the first included: 2 to 26.
    weeks: i32,
    /// What becomes of it when some weeks cannot be had.
    mode: Word<SeriesMode>,
    /// How many people come, you included.
    party_size: i32,
    /// For a family member who has let you; yourself when absent.
    for_resident_id: Option<Uuid>,
    /// What for.
    purpose: Option<String>,
}

/// A series of bookings
#[derive(Object)]
pub struct Occurrences {
    id: String,
    room_id: String,
    mode: Word<SeriesMode>,
    /// One for each week, in order.
    occurrences: Vec<Occurrence>,
    created_at: DateTime<FixedOffset>,
}

/// What came of a week
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Occurrence {
    /// As it was asked for; the booking may have moved since.
    starts_at: DateTime<FixedOffset>,
    /// Not included.
    ends_at: DateTime<FixedOffset>,
    /// The booking.
    booking_id: Option<String>,
    /// Where the booking stands.
    state: Option<String>,
    /// Why there is none.
    refused: Option<Refused>,
}

/// Why a week was refused
#[derive(Object)]
pub struct Refused {
    /// As a booking would be refused.
    code: String,
    /// 中文
    zh: String,
    /// English
    en: String,
}

impl Occurrences {
    fn new(series: &Series, state: impl Fn(BookingId) -> Option<String>) -> Self {
        let occurrences = series.weeks.iter().map(|((starts_at, ends_at), came)| Occurrence {
            starts_at: local(*starts_at),
            ends_at: local(*ends_at),
            booking_id: came.as_ref().ok().map(ToString::to_string),
            state: came.as_ref().ok().and_then(|id| state(*id)),
            refused: came.as_ref().err().map(|code| Refused {
                code: code.as_str().to_owned(),
                zh: code.zh().to_owned(),
                en: code.en().to_owned(),
            }),
        });
        Self {
            id: series.id.to_string(),
            room_id: series.room_id.to_string(),
            mode: Word(series.mode),
            occurrences: occurrences.collect(),
            created_at: local(series.created_at),
        }
    }
}

impl From<(Series, Vec<Booking>)> for Occurrences {
    fn from((series, bookings): (Series, Vec<Booking>)) -> Self {
        let states: HashMap<BookingId, String> =
            bookings.iter().map(|booking| (booking.id, booking.state.as_str().to_owned())).collect();
        Self::new(&series, |id| states.get(&id).cloned())
    }
}

/// A series as it is stored for replay.
pub(crate) fn stored(series: &Series) -> Value {
    Occurrences::new(series, |_| None).to_json().unwrap_or_default()
}

/// A series was booked.
#[derive(ApiResponse)]
pub enum SeriesBooked {
    /// Booked.
    #[oai(status = 201)]
    Created(
        StoredJson<Occurrences>,
        /// `true` when an earlier request with this key had this effect.
        #[oai(header = "Idempotent-Replayed")]
        Option<bool>,
    ),
}

impl From<Answered> for SeriesBooked {
    fn from(answered: Answered) -> Self {
        Self::Created(StoredJson::new(answered.stored.answer), answered.replayed.then_some(true))
    }
}

#[OpenApi(tag = "Tag::Bookings")]
impl BookingSeries {
    /// Books the same hours every week
    ///
    /// By the rules of every other booking, all in one moment. With `skip`, weeks that cannot be had are left
    /// out and named with their reason; with `all_or_nothing` one of them refuses the series, and `refused`
    /// names all.
    #[oai(path = "/booking-series", method = "post", operation_id = "createBookingSeries")]
    async fn create(
        &self,
        app: Data<&App>,
        resident: Resident,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<NewBookingSeries>,
    ) -> Result<SeriesBooked, Problem> {
        let request = key.record(format!("resident:{}", resident.id), "bookings.series");
        let door = Door {
            who: Who::Resident(resident.id),
            resident: body.0.for_resident_id.map_or(resident.id, ResidentId),
            channel: Channel::Online,
        };
        let first = bookings::NewBooking {
            room_id: RoomId(body.0.room_id),
            slot_ids: body.0.slot_ids.into_iter().map(SlotId).collect(),
            party_size: body.0.party_size.into(),
            purpose: body.0.purpose,
            companions: Vec::new(),
        };
        let new = series::NewSeries { first, weeks: body.0.weeks, mode: body.0.mode.0 };
        Ok(series::create(&app, &door, new, &request, stored).await?.into())
    }

    /// Shows a series of yours, or of a family member who has let you see it
    #[oai(path = "/booking-series/:id", method = "get", operation_id = "getBookingSeries")]
    async fn get(
        &self,
        app: Data<&App>,
        resident: Resident,
        id: Path<Uuid>,
    ) -> Result<Json<Occurrences>, Problem> {
        let who = Who::Resident(resident.id);
        Ok(Json(series::find(&app, who, FamilyScope::See, BookingSeriesId(id.0)).await?.into()))
    }

    /// Cancels what is still to come of a series
    ///
    /// Each booking by its own terms: one that it is too late for stays. Again changes nothing.
    #[oai(path = "/booking-series/:id/cancel", method = "post", operation_id = "cancelBookingSeries")]
    async fn cancel(
        &self,
        app: Data<&App>,
        resident: Resident,
        id: Path<Uuid>,
        body: Json<CancelBooking>,
    ) -> Result<Json<Occurrences>, Problem> {
        let (who, id) = (Who::Resident(resident.id), BookingSeriesId(id.0));
        Ok(Json(series::cancel(&app, who, id, body.0.reason).await?.into()))
    }
}
