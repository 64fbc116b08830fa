//! Closing rooms, for staff.

use chrono::{DateTime, FixedOffset, Utc};
use linli_domain::{
    access::perm,
    ids::{RoomClosureId, RoomId},
    time::local,
};
use linli_store::storage::rooms::room_closure;
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
    app::{
        closures,
        staff::sight::{Thing, judge},
    },
    http::{Problem, auth::Staff, idempotency::Idempotent, paging, wire},
};

/// Closures.
pub struct Closures;

/// A time to close a room
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewRoomClosure {
    starts_at: DateTime<FixedOffset>,
    /// Not included.
    ends_at: DateTime<FixedOffset>,
    /// Why, for colleagues; residents read the reason their booking is cancelled with.
    reason: Option<String>,
}

/// A time when a room is closed
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RoomClosure {
    id: String,
    room_id: String,
    starts_at: DateTime<FixedOffset>,
    /// Not included.
    ends_at: DateTime<FixedOffset>,
    /// Why, for colleagues.
    reason: Option<String>,
    created_at: DateTime<FixedOffset>,
    /// When it was taken back.
    reopened_at: Option<DateTime<FixedOffset>>,
}

/// A page of closures
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RoomClosures {
    items: Vec<RoomClosure>,
    /// Send it back as `cursor` for the next page; absent on the last.
    next_cursor: Option<String>,
}

/// A room was closed.
#[derive(ApiResponse)]
pub enum Closed {
    /// Closed.
    #[oai(status = 201)]
    Created(Json<RoomClosure>),
}

#[OpenApi(tag = "Tag::Rooms")]
impl Closures {
    /// Closes a room for some time
    ///
    /// With its parts, and through every door: from now on nothing of that time can be booked. Bookings
    /// that are there stay as they are; ask for those concerned and cancel each with `closure`, so that its
    /// resident is told.
    #[oai(path = "/rooms/:id/closures", method = "post", operation_id = "closeRoom")]
    async fn close(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomEdit>,
        id: Path<Uuid>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<NewRoomClosure>,
    ) -> Result<Closed, Problem> {
        let request = key.record(format!("staff:{}", staff.id), "rooms.close");
        let new = closures::NewClosure {
            starts_at: body.0.starts_at.with_timezone(&Utc),
            ends_at: body.0.ends_at.with_timezone(&Utc),
            reason: body.0.reason,
        };
        let done = closures::close(&app, (staff.id, &staff.scope), RoomId(id.0), new, &request).await;
        let row = judge(&app, &staff, (Thing::Room, id.0), done).await?;
        Ok(Closed::Created(Json(row.into())))
    }

    /// Lists the closures of a room that stand and are not over
    ///
    /// The earliest first.
    #[oai(path = "/rooms/:id/closures", method = "get", operation_id = "listRoomClosures")]
    async fn list(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomRead>,
        id: Path<Uuid>,
        /// Closures on a page.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// Where the page begins: `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<RoomClosures>, Problem> {
        let filters = ("room-closures", id.0);
        let after = cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let limit = limit.0.unwrap_or(paging::DEFAULT_LIMIT);
        let found = closures::list(&app, &staff.scope, RoomId(id.0), after, limit).await;
        let rows = judge(&app, &staff, (Thing::Room, id.0), found).await?;
        let (page, next) = paging::cut(rows, limit, |row| (row.starts_at, RoomClosureId(row.id)));
        let next_cursor = next.map(|at| paging::seal(&app, &filters, at));
        Ok(Json(RoomClosures { items: page.into_iter().map(Into::into).collect(), next_cursor }))
    }

    /// Lists the bookings that a closure concerns
    ///
    /// Those that still have or want time of it: of the room, its parts and what it is part of; the
    /// earliest first.
    #[oai(
        path = "/rooms/:id/closures/:closure_id/bookings",
        method = "get",
        operation_id = "listClosureBookings"
    )]
    async fn concerned(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingRead>,
        id: Path<Uuid>,
        closure_id: Path<Uuid>,
        /// Bookings on a page.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// Where the page begins: `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<wire::Bookings>, Problem> {
        let filters = ("closure-bookings", closure_id.0);
        let after = cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let limit = limit.0.unwrap_or(paging::DEFAULT_LIMIT);
        let closure = (RoomId(id.0), RoomClosureId(closure_id.0));
        let found = closures::concerned(&app, &staff.scope, closure, after, limit).await;
        let rows = judge(&app, &staff, (Thing::Room, id.0), found).await?;
        let (page, next) = paging::cut(rows, limit, |booking| (booking.starts_at, booking.id));
        Ok(Json(wire::Bookings::new(&page, next.map(|at| paging::seal(&app, &filters, at)))))
    }

    /// Takes a closure back
    ///
    /// What no other closure covers can be booked again. Again changes nothing.
    #[oai(path = "/rooms/:id/closures/:closure_id/reopen", method = "post", operation_id = "reopenRoom")]
    async fn reopen(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomEdit>,
        id: Path<Uuid>,
        closure_id: Path<Uuid>,
    ) -> Result<Json<RoomClosure>, Problem> {
        let by = (staff.id, &staff.scope);
        let done = closures::reopen(&app, by, RoomId(id.0), RoomClosureId(closure_id.0)).await;
        Ok(Json(judge(&app, &staff, (Thing::Room, id.0), done).await?.into()))
    }
}

impl From<room_closure::Model> for RoomClosure {
    fn from(row: room_closure::Model) -> Self {
        Self {
            id: row.id.to_string(),
            room_id: row.room_id.to_string(),
            starts_at: local(row.starts_at),
            ends_at: local(row.ends_at),
            reason: row.reason,
            created_at: local(row.created_at),
            reopened_at: row.reopened_at.map(local),
        }
    }
}
