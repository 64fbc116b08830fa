//! Rooms and their slots, for residents.

use chrono::{DateTime, FixedOffset, NaiveDate};
use linli_domain::{
    ids::{FacilityId, RoomId},
    rooms::{
        Span,
        bands::{BandMode, DayTable, RoomFunction},
    },
    time::{instant, local},
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
    app::{rooms, slot_lists, timetables},
    http::{Problem, stored::WrittenJson, wire::Room, word::Word},
};

/// Rooms and slots.
pub struct Rooms;

/// The rooms of a facility
#[derive(Object)]
pub struct RoomList {
    items: Vec<Room>,
}

/// A bookable unit of a room's day
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Slot {
    id: String,
    starts_at: DateTime<FixedOffset>,
    /// Not included.
    ends_at: DateTime<FixedOffset>,
    /// What the room is then, where its timetable says so.
    function: Option<Word<RoomFunction>>,
    /// What the centre calls it.
    title: Option<String>,
    /// Units free at this moment.
    free: i32,
    /// Whether it can be booked at this moment.
    bookable: bool,
    /// The code a booking would be refused with, when it would.
    reason: Option<String>,
}

impl From<rooms::Slot> for Slot {
    fn from(slot: rooms::Slot) -> Self {
        Self {
            id: slot.id.to_string(),
            starts_at: local(slot.starts_at),
            ends_at: local(slot.ends_at),
            function: slot.function.map(Word),
            title: slot.title,
            free: i32::try_from(slot.free).unwrap_or(i32::MAX),
            bookable: slot.not_bookable.is_none(),
            reason: slot.not_bookable.map(|code| code.as_str().to_owned()),
        }
    }
}

/// What a room is on a day
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RoomDay {
    date: NaiveDate,
    /// By start.
    bands: Vec<RoomHours>,
    /// What the centre keeps for itself.
    blocks: Vec<KeptHours>,
    /// Why the day is not the usual one.
    reason: Option<String>,
}

/// What a room is for some hours
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RoomHours {
    starts_at: DateTime<FixedOffset>,
    /// Not included.
    ends_at: DateTime<FixedOffset>,
    function: Word<RoomFunction>,
    /// What the centre calls it.
    title: Option<String>,
    /// How this time is given out.
    mode: Word<BandMode>,
}

/// Hours that the centre keeps for itself
#[derive(Object)]
pub struct KeptHours {
    starts_at: DateTime<FixedOffset>,
    /// Not included.
    ends_at: DateTime<FixedOffset>,
    reason: String,
}

/// The days of a room
#[derive(Object)]
pub struct RoomDays {
    items: Vec<RoomDay>,
}

fn on(date: NaiveDate, span: Span) -> [DateTime<FixedOffset>; 2] {
    [span.starts(), span.ends()].map(|minute| local(instant(date, i32::from(minute))))
}

impl From<DayTable<'_>> for RoomDay {
    fn from(day: DayTable<'_>) -> Self {
        let bands = day.bands.iter().map(|at| {
            let [starts_at, ends_at] = on(day.date, at.span);
            RoomHours {
                starts_at,
                ends_at,
                function: Word(at.band.function),
                title: at.band.title.clone(),
                mode: Word(at.band.mode),
            }
        });
        let blocks = day.blocks.iter().map(|block| {
            let [starts_at, ends_at] = on(day.date, block.span);
            KeptHours { starts_at, ends_at, reason: block.reason.clone() }
        });
        Self {
            date: day.date,
            bands: bands.collect(),
            blocks: blocks.collect(),
            reason: day.reason.map(str::to_owned),
        }
    }
}

/// The slots of a room
#[derive(Object)]
pub struct SlotList {
    items: Vec<Slot>,
}

/// The answer to a look at slots.
#[derive(ApiResponse)]
enum Listed {
    /// The slots.
    #[oai(status = 200)]
    Ok(WrittenJson<SlotList>),
}

fn write(slots: Vec<rooms::Slot>) -> String {
    SlotList { items: slots.into_iter().map(Slot::from).collect() }.to_json_string()
}

#[OpenApi(tag = "Tag::Rooms")]
impl Rooms {
    /// Lists the rooms of a facility
    #[oai(path = "/facilities/:id/rooms", method = "get", operation_id = "listFacilityRooms")]
    async fn list_rooms(&self, app: Data<&App>, id: Path<Uuid>) -> Result<Json<RoomList>, Problem> {
        let items = rooms::of_facility(&app, FacilityId(id.0)).await?;
        Ok(Json(RoomList { items: items.into_iter().map(Room::from).collect() }))
    }

    /// Lists the slots of a room with what is free
    ///
    /// From today for a week, unless `from` and `to` (local dates, both included, at most 31 days) say
    /// otherwise. What was booked elsewhere within the last second may still show as free.
    #[oai(path = "/rooms/:id/slots", method = "get", operation_id = "listRoomSlots")]
    async fn list_slots(
        &self,
        app: Data<&App>,
        id: Path<Uuid>,
        /// First local date.
        from: Query<Option<NaiveDate>>,
        /// Last local date.
        to: Query<Option<NaiveDate>>,
    ) -> Result<Listed, Problem> {
        let written = slot_lists::written(&app, RoomId(id.0), from.0, to.0, write).await?;
        Ok(Listed::Ok(WrittenJson::new(written)))
    }
    /// Shows what a room is on which day
    ///
    /// Also when nobody has to book, or cannot. From today for a week, unless `from` and `to` say otherwise;
    /// a room whose days are published by hand has no bands.
    #[oai(path = "/rooms/:id/timetable", method = "get", operation_id = "getRoomTimetable")]
    async fn timetable(
        &self,
        app: Data<&App>,
        id: Path<Uuid>,
        /// First local date.
        from: Query<Option<NaiveDate>>,
        /// Last local date.
        to: Query<Option<NaiveDate>>,
    ) -> Result<Json<RoomDays>, Problem> {
        let days = rooms::days(&app, from.0, to.0)?;
        let (timetable, calendar) = timetables::of_public(&app, RoomId(id.0)).await?;
        let items = timetable.iter().flat_map(|timetable| {
            days.0
                .iter_days()
                .take_while(|date| *date <= days.1)
                .map(|date| timetable.day(date, &calendar).into())
        });
        Ok(Json(RoomDays { items: items.collect() }))
    }
}
