//! Rooms and their bookings, for staff.

use chrono::NaiveDate;
use linli_domain::{
    Code, Refusal,
    access::perm,
    ids::{FacilityId, RoomId},
    rooms::{Offer, Span},
};
use linli_store::{
    audit::Actor,
    idempotency::{Begun, Stored},
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::ToJSON,
};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::{
        bookings, rooms,
        staff::sight::{Thing, judge},
    },
    http::{
        Problem,
        auth::Staff,
        idempotency::Idempotent,
        paging,
        stored::StoredJson,
        wire::{self, Room},
    },
};

/// Rooms.
pub struct Rooms;

/// A room to make
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewRoom {
    facility_id: Uuid,
    /// The room it is a part of, in the same facility; the grid is that room's then. Whoever has booked
    /// that room has this one too.
    part_of: Option<Uuid>,
    name: String,
    /// What one should know before coming.
    description: Option<String>,
    /// Slots start and end on this grid: 15, 30 or 60 minutes.
    #[oai(default = "thirty")]
    grid_minutes: i32,
    /// People that fit.
    max_party_size: i32,
    /// A slot can be booked until this long before its start.
    #[oai(default)]
    lead_minutes: i32,
    /// A slot can be booked from this many days before its date.
    #[oai(default = "fourteen")]
    horizon_days: i32,
    /// A booking can be cancelled until this long before its start.
    #[oai(default)]
    cancel_until_minutes: i32,
}

const fn thirty() -> i32 {
    30
}

const fn fourteen() -> i32 {
    14
}

/// When a slot starts and ends
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct SlotTimes {
    /// `HH:MM`, on the grid of the room.
    starts: String,
    /// `HH:MM`, not included; `24:00` is the end of the day.
    ends: String,
    /// How many people share it, whoever booked. Without, one party has the room alone.
    #[oai(validator(minimum(value = "1"), maximum(value = "5000")))]
    seats: Option<i32>,
}

/// A day to publish
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct Day {
    /// Local date.
    date: NaiveDate,
    #[oai(validator(min_items = 1, max_items = 200))]
    slots: Vec<SlotTimes>,
}

/// What publishing a day did
#[derive(Object)]
pub struct Published {
    /// Slots that are new.
    created: i32,
    /// Slots that were there already.
    kept: i32,
}

/// A room was made.
#[derive(ApiResponse)]
pub enum Created {
    /// Made.
    #[oai(status = 201)]
    Room(
        StoredJson<Room>,
        /// `true` when an earlier request with this key had this effect.
        #[oai(header = "Idempotent-Replayed")]
        Option<bool>,
    ),
}

#[OpenApi(tag = "Tag::Rooms")]
impl Rooms {
    /// Makes a room
    #[oai(path = "/rooms", method = "post", operation_id = "createRoom")]
    async fn create(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomEdit>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<NewRoom>,
    ) -> Result<Created, Problem> {
        let new = rooms::NewRoom {
            facility_id: FacilityId(body.0.facility_id),
            name: body.0.name,
            description: body.0.description,
            grid_minutes: body.0.grid_minutes,
            max_party_size: body.0.max_party_size,
            lead_minutes: body.0.lead_minutes,
            horizon_days: body.0.horizon_days,
            cancel_until_minutes: body.0.cancel_until_minutes,
        };
        let whole = match body.0.part_of {
            None => None,
            Some(whole) => {
                let found = rooms::find(&app, &staff.scope, RoomId(whole)).await;
                let whole = judge(&app, &staff, (Thing::Room, whole), found).await?;
                if whole.facility_id != new.facility_id {
                    let (zh, en) = ("这个设施没有这个房间", "This facility has no such room.");
                    return Err(Refusal::field("part_of", "unknown", zh, en).into());
                }
                Some(whole)
            }
        };
        let draft = rooms::draft(&app, new, whole.as_ref())?;
        let request = key.record(format!("staff:{}", staff.id), "rooms.create");
        let answer = Room::from(draft.clone()).to_json().ok_or(Code::Internal)?;
        let stored = Stored { status: 201, answer };
        let done = match &whole {
            None => rooms::create(&app, staff.id, &staff.scope, &draft, &request, &stored).await,
            Some(whole) => rooms::create_part(&app, staff.id, whole, &draft, &request, &stored).await,
        };
        let begun = judge(&app, &staff, (Thing::Facility, draft.facility_id.0), done).await?;
        Ok(match begun {
            Begun::Fresh => Created::Room(StoredJson::new(stored.answer), None),
            Begun::Replay(earlier) => Created::Room(StoredJson::new(earlier.answer), Some(true)),
        })
    }

    /// Shows a room
    #[oai(path = "/rooms/:id", method = "get", operation_id = "getRoom")]
    async fn get(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomRead>,
        id: Path<Uuid>,
    ) -> Result<Json<Room>, Problem> {
        Ok(Json(rooms::find(&app, &staff.scope, RoomId(id.0)).await?.into()))
    }

    /// Publishes a day of a room
    ///
    /// Slots that are there already stay as they are, so it can be sent again.
    #[oai(path = "/rooms/:id/publish", method = "post", operation_id = "publishRoomDay")]
    async fn publish(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomEdit>,
        id: Path<Uuid>,
        body: Json<Day>,
    ) -> Result<Json<Published>, Problem> {
        let template = body.0.slots.iter().enumerate().map(parse_times).collect::<Result<Vec<_>, _>>()?;
        let found = rooms::find(&app, &staff.scope, RoomId(id.0)).await;
        let room = judge(&app, &staff, (Thing::Room, id.0), found).await?;
        let actor = Actor::Staff(staff.id);
        let published = rooms::publish_day(&app, actor, &room, body.0.date, &template).await?;
        let count = |slots: usize| i32::try_from(slots).unwrap_or(i32::MAX);
        Ok(Json(Published { created: count(published.created), kept: count(published.kept) }))
    }

    /// Lists the bookings of a room
    ///
    /// Those that start from `from` to `to`, local dates, both included; the earliest first.
    #[oai(path = "/rooms/:id/bookings", method = "get", operation_id = "listRoomBookings")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter of the operation")]
    async fn list_bookings(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingRead>,
        id: Path<Uuid>,
        /// First local date.
        from: Query<NaiveDate>,
        /// Last local date.
        to: Query<NaiveDate>,
        /// Bookings on a page.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// Where the page begins: `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<wire::Bookings>, Problem> {
        let filters = ("room-bookings", id.0, from.0, to.0);
        let after = cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let limit = limit.0.unwrap_or(paging::DEFAULT_LIMIT);
        let found =
            bookings::list_of_room(&app, &staff.scope, RoomId(id.0), (from.0, to.0), after, limit).await;
        let rows = judge(&app, &staff, (Thing::Room, id.0), found).await?;
        let (page, next) = paging::cut(rows, limit, |booking| (booking.starts_at, booking.id));
        Ok(Json(wire::Bookings::new(&page, next.map(|at| paging::seal(&app, &filters, at)))))
    }
}

fn parse_times((index, times): (usize, &SlotTimes)) -> Result<Offer, Refusal> {
    let span = Span::parse(&times.starts, &times.ends).ok_or_else(|| {
        let (zh, en) = (
            "起止时间写作 09:00 和 10:30，先开始后结束",
            "Times are written 09:00 and 10:30, start before end.",
        );
        Refusal::field(format!("slots[{index}]"), "not_a_span", zh, en)
    })?;
    let seats = times.seats.and_then(|seats| u16::try_from(seats).ok());
    Ok(seats.map_or_else(|| span.into(), |seats| Offer::shared(span, seats)))
}
