//! Closing rooms: from then on nobody can book them, and staff see whom they have to tell.

use chrono::{DateTime, Duration, Utc};
use linli_domain::{
    Code, Refusal,
    access::Scope,
    bookings::short_text,
    ids::{RoomClosureId, RoomId, StaffId},
};
use linli_store::{
    Error,
    audit::{self, Actor, Entry},
    idempotency::{self, Begun},
    storage::{
        bookings::{self, Booking, Place, Within},
        rooms::{self, Room, closures, room_closure::Model},
    },
};
use serde_json::json;

use super::bookings::desk;
use crate::App;

/// Longest closure; what is closed for longer is published no more.
const MAX_DAYS: i64 = 92;

/// A closure as it is asked for.
#[derive(Clone, Debug)]
pub struct NewClosure {
    /// From when.
    pub starts_at: DateTime<Utc>,
    /// Until when, not included.
    pub ends_at: DateTime<Utc>,
    /// Why, for colleagues.
    pub reason: Option<String>,
}

/// Closes a room of `scope` and its parts, once per idempotency key.
///
/// No booking is touched: [`concerned`] lists them, and staff cancel each with the word to its resident.
pub async fn close(
    app: &App,
    (staff, scope): (StaffId, &Scope),
    room: RoomId,
    new: NewClosure,
    request: &idempotency::Request,
) -> Result<Model, Error> {
    let room = &super::rooms::find(app, scope, room).await?;
    let row = &Model {
        id: app.env.id::<RoomClosureId>().0,
        room_id: room.id.0,
        starts_at: new.starts_at,
        ends_at: new.ends_at,
        reason: short_text("reason", new.reason.clone())?,
        closed_by_staff_id: staff.0,
        created_at: app.env.now(),
        reopened_at: None,
    };
    check(&new, app.env.now())?;
    // What a retry needs to find it again; its bookings are looked up anew.
    let stored = idempotency::Stored { status: 201, answer: json!({ "id": row.id }) };
    let begun = idempotency::once(&app.db, &app.env, "rooms.close", request, &stored, |tx| async move {
        rooms::lock_tree(tx.conn(), room.id).await?;
        closures::close(tx.conn(), &app.env, room, row.clone()).await?;
        audit::record(tx.conn(), &app.env, entry(staff, "room.close", room, row)).await?;
        Ok(tx)
    })
    .await?;
    app.slot_lists.edited();
    let stored = match begun {
        Begun::Fresh => stored,
        Begun::Replay(stored) => stored,
    };
    let id = stored.answer["id"].as_str().and_then(|id| id.parse::<uuid::Uuid>().ok());
    let id = id.ok_or_else(|| Error::internal("reading a stored answer", "it names no closure"))?;
    find(app, scope, room.id, id.into()).await
}

fn check(new: &NewClosure, now: DateTime<Utc>) -> Result<(), Refusal> {
    if new.ends_at <= new.starts_at || new.ends_at - new.starts_at > Duration::days(MAX_DAYS) {
        let (zh, en) = ("先开始后结束，最长 92 天", "Start before end, and at most 92 days.");
        return Err(Refusal::field("ends_at", "out_of_range", zh, en));
    }
    if new.ends_at <= now {
        return Err(Refusal::field("ends_at", "past", "这段时间已经过去了", "That time is over."));
    }
    Ok(())
}

/// A closure of a room in scope.
pub async fn find(app: &App, scope: &Scope, room: RoomId, id: RoomClosureId) -> Result<Model, Error> {
    super::rooms::find(app, scope, room).await?;
    Ok(closures::find(app.db.read(), room, id).await?.ok_or(Code::NotFound)?)
}

/// One row more than `limit` of the closures of a room in scope that stand and are not over.
pub async fn list(
    app: &App,
    scope: &Scope,
    room: RoomId,
    after: Option<closures::Place>,
    limit: u32,
) -> Result<Vec<Model>, Error> {
    super::rooms::find(app, scope, room).await?;
    Ok(closures::list(app.db.read(), &app.env, room, after, u64::from(limit) + 1).await?)
}

/// One row more than `limit` of the bookings that still have or want time of a closure: of the room, its
/// parts and what it is part of.
pub async fn concerned(
    app: &App,
    scope: &Scope,
    (room, id): (RoomId, RoomClosureId),
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Booking>, Error> {
    let closure = find(app, scope, room, id).await?;
    let rooms = closures::concerned(app.db.read(), room).await?;
    let within = Within::Touching(closure.starts_at, closure.ends_at);
    let of = (scope, rooms.as_slice());
    bookings::list_of_rooms(app.db.read(), desk(app), of, within, after, u64::from(limit) + 1).await
}

/// Ends a closure: what no other closure covers can be booked again. Again changes nothing.
pub async fn reopen(
    app: &App,
    (staff, scope): (StaffId, &Scope),
    room: RoomId,
    id: RoomClosureId,
) -> Result<Model, Error> {
    let closure = &find(app, scope, room, id).await?;
    let room = &super::rooms::find(app, scope, room).await?;
    app.db
        .in_tx("rooms.reopen", |tx| async move {
            rooms::lock_tree(tx.conn(), room.id).await?;
            if closures::reopen(tx.conn(), &app.env, room, closure).await? {
                audit::record(tx.conn(), &app.env, entry(staff, "room.reopen", room, closure)).await?;
            }
            tx.commit(()).await
        })
        .await?;
    app.slot_lists.edited();
    find(app, scope, room.id, id).await
}

fn entry(staff: StaffId, action: &'static str, room: &Room, row: &Model) -> Entry {
    Entry {
        actor: Actor::Staff(staff),
        action,
        subject_kind: "room",
        subject_id: Some(room.id.0),
        org_path: room.org_path.clone(),
        detail: json!({ "closure": row.id, "from": row.starts_at, "to": row.ends_at }),
    }
}
