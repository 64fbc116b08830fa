//! Rooms and their slots, for residents.

use chrono::{DateTime, FixedOffset, NaiveDate};
use linli_domain::{
    ids::{FacilityId, RoomId},
    time::local,
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
    app::{rooms, slot_lists},
    http::{Problem, stored::WrittenJson, wire::Room},
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
            free: i32::try_from(slot.free).unwrap_or(i32::MAX),
            bookable: slot.not_bookable.is_none(),
            reason: slot.not_bookable.map(|code| code.as_str().to_owned()),
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
}
