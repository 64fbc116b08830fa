//! Series of bookings, for staff.

use linli_domain::{
    access::perm,
    bookings::series::SeriesMode,
    consent::FamilyScope,
    ids::{BookingSeriesId, ResidentId, RoomId, SlotId},
};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use super::{
    Tag,
    bookings::{StaffDoor, who},
};
use crate::{
    App,
    app::{
        bookings::{self, Door, series},
        residents::lookup,
        staff::sight::{Thing, judge},
    },
    http::{
        Problem,
        auth::Staff,
        idempotency::Idempotent,
        v1::{
            booking_series::{Occurrences, SeriesBooked, stored},
            bookings::CancelBooking,
        },
        word::Word,
    },
};

/// Series.
pub struct BookingSeries;

/// A series that staff book for a resident
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct StaffBookingSeries {
    /// Who comes, as found by looking residents up.
    resident_id: Uuid,
    channel: StaffDoor,
    room_id: Uuid,
    /// The slots of the first week: one, or several that follow one another.
    #[oai(validator(min_items = 1, max_items = 16))]
    slot_ids: Vec<Uuid>,
    /// The same hours in so many weeks, the first included: 2 to 26.
    weeks: i32,
    /// What becomes of it when some weeks cannot be had.
    mode: Word<SeriesMode>,
    /// How many people come.
    party_size: i32,
    /// What for.
    purpose: Option<String>,
}

#[OpenApi(tag = "Tag::Bookings")]
impl BookingSeries {
    /// Books the same hours every week for a resident
    ///
    /// Under the same rules as the resident's own hands.
    #[oai(path = "/booking-series", method = "post", operation_id = "staffCreateBookingSeries")]
    async fn create(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingEdit>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<StaffBookingSeries>,
    ) -> Result<SeriesBooked, Problem> {
        let request = key.record(format!("staff:{}", staff.id), "bookings.series");
        let resident = ResidentId(body.0.resident_id);
        lookup::in_scope(app.db.read(), &staff, resident).await?;
        let door = Door { who: who(&staff), resident, channel: body.0.channel.into() };
        let first = bookings::NewBooking {
            room_id: RoomId(body.0.room_id),
            slot_ids: body.0.slot_ids.into_iter().map(SlotId).collect(),
            party_size: body.0.party_size.into(),
            purpose: body.0.purpose,
            companions: Vec::new(),
        };
        let room = first.room_id;
        let new = series::NewSeries { first, weeks: body.0.weeks, mode: body.0.mode.0 };
        let done = series::create(&app, &door, new, &request, stored).await;
        Ok(judge(&app, &staff, (Thing::Room, room.0), done).await?.into())
    }

    /// Shows a series
    #[oai(path = "/booking-series/:id", method = "get", operation_id = "staffGetBookingSeries")]
    async fn get(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingRead>,
        id: Path<Uuid>,
    ) -> Result<Json<Occurrences>, Problem> {
        let found = series::find(&app, who(&staff), FamilyScope::See, BookingSeriesId(id.0)).await?;
        Ok(Json(found.into()))
    }

    /// Cancels what is still to come of a series
    ///
    /// Its resident is told of each booking. Again changes nothing.
    #[oai(path = "/booking-series/:id/cancel", method = "post", operation_id = "staffCancelBookingSeries")]
    async fn cancel(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingEdit>,
        id: Path<Uuid>,
        body: Json<CancelBooking>,
    ) -> Result<Json<Occurrences>, Problem> {
        let ended = series::cancel(&app, who(&staff), BookingSeriesId(id.0), body.0.reason).await?;
        Ok(Json(ended.into()))
    }
}
