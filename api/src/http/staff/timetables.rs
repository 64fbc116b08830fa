//! What rooms are at which hours, for staff.

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use linli_domain::{
    Code, FieldErrors, Refusal,
    access::perm,
    ids::{BookingId, RoomId},
    rooms::bands::Bands,
    time::local,
};
use linli_store::{
    audit::Actor,
    storage::{
        bookings::Booking,
        rooms::{Revised, Room, bands::RoomBands},
    },
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::{
        bookings::relocate::{Move, Proposal},
        rooms,
        staff::sight::{Thing, judge},
        timetables::{self, Decided, Impact},
    },
    http::{
        Problem,
        auth::Staff,
        etag::{IfMatch, etag},
        paging,
        timetable::Timetable,
        wire,
    },
};

/// Timetables.
pub struct Timetables;

/// The timetable of a room
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RoomTimetable {
    timetable: Timetable,
    /// Last date that is published.
    published_to: Option<NaiveDate>,
    /// What writing it changed.
    done: Option<Revision>,
}

/// A timetable to write
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct TimetableEdit {
    timetable: Timetable,
    /// Publish to this date as well, both included; without, as far as before.
    to: Option<NaiveDate>,
    /// What the preview of this edit answered as `seen`; needed where it touches bookings.
    seen: Option<String>,
    /// Bookings of this room that move in the same moment; all of them, or the edit is refused.
    #[oai(default, validator(max_items = 100))]
    moves: Vec<BookingMove>,
}

/// A booking to move
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct BookingMove {
    booking_id: Uuid,
    /// The room it moves to, the same or another.
    room_id: Uuid,
    /// When; slots of that room make it up.
    starts_at: DateTime<FixedOffset>,
    /// Not included.
    ends_at: DateTime<FixedOffset>,
}

/// What is to be previewed
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct PreviewedEdit {
    /// Without, the timetable that is there.
    timetable: Option<Timetable>,
    /// Publish to this date as well.
    to: Option<NaiveDate>,
}

/// Days to publish
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct Publication {
    /// From today to this date, both included; at most 92 days ahead.
    to: NaiveDate,
    /// What the preview answered as `seen`; needed where it touches bookings.
    seen: Option<String>,
}

/// How many slots changed
#[derive(Object)]
pub struct Revision {
    /// As they were.
    kept: i32,
    /// New.
    created: i32,
    /// With another title or another number of seats.
    amended: i32,
    /// On offer again.
    restored: i32,
    /// On offer no more.
    withdrawn: i32,
    /// Shared slots that come when who has the room now has left.
    waiting: i32,
    /// Bookings that have or want a slot that is on offer no more.
    concerned: i32,
}

/// What an edit would do
#[derive(Object)]
pub struct EditImpact {
    /// Send it with the edit: it shows that this was seen. When somebody books or gives back meanwhile, the
    /// edit is refused.
    seen: String,
    /// Slots that stay as they are.
    kept: i32,
    /// Slots that would be new.
    created: i32,
    /// Slots with another title or another number of seats.
    amended: i32,
    /// Slots that would be on offer again.
    restored: i32,
    /// Slots that would be on offer no more.
    withdrawn: i32,
    /// Bookings that have or want a slot that would be on offer no more, the earliest first; a hundred of
    /// them at the most. The edit cancels none.
    concerned: Vec<ConcernedBooking>,
}

/// A booking that an edit concerns
#[derive(Object)]
pub struct ConcernedBooking {
    id: String,
    starts_at: DateTime<FixedOffset>,
    /// Not included.
    ends_at: DateTime<FixedOffset>,
    party_size: i32,
    /// Where it could go, the nearest first: send what is chosen as `moves`.
    proposals: Vec<ProposedMove>,
}

/// Where a booking could go
#[derive(Object)]
pub struct ProposedMove {
    /// `same_room`, `nearby` or `another_day`.
    kind: String,
    room_id: String,
    room_name: String,
    starts_at: DateTime<FixedOffset>,
    /// Not included.
    ends_at: DateTime<FixedOffset>,
}

/// The timetable of a room.
#[derive(ApiResponse)]
pub enum TimetableAnswer {
    /// The timetable.
    #[oai(status = 200)]
    Ok(Json<RoomTimetable>, #[oai(header = "ETag")] String),
}

#[OpenApi(tag = "Tag::Rooms")]
impl Timetables {
    /// Shows what a room is at which hours
    ///
    /// A room nobody wrote a timetable for has an empty one at version 0; its days are published by hand.
    #[oai(path = "/rooms/:id/timetable", method = "get", operation_id = "staffGetRoomTimetable")]
    async fn get(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomRead>,
        id: Path<Uuid>,
    ) -> Result<TimetableAnswer, Problem> {
        let room = rooms::find(&app, &staff.scope, RoomId(id.0)).await?;
        Ok(answer(timetables::get(&app, &room).await?, None))
    }

    /// Replaces what a room is at which hours
    ///
    /// Every slot from now to the last published day becomes what it says, in the same moment. Where that
    /// takes a slot from offer which somebody has, look at the preview first and send what it says. Such
    /// bookings stay, unless `moves` says where they go: then they go in the same moment.
    #[oai(path = "/rooms/:id/timetable", method = "put", operation_id = "staffReplaceRoomTimetable")]
    async fn replace(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomEdit>,
        id: Path<Uuid>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
        body: Json<TimetableEdit>,
    ) -> Result<TimetableAnswer, Problem> {
        let room = room(&app, &staff, id.0).await?;
        let TimetableEdit { timetable, to, seen, moves } = body.0;
        let decided = Decided { seen, moves: moves.into_iter().map(Move::from).collect() };
        let edit = below(timetables::edit(&app, &room, (parse(timetable)?, if_match.0.0), to))?;
        let by = (Actor::Staff(staff.id), &staff.scope);
        let (after, revised) = timetables::replace(&app, by, &room, &edit, &decided).await?;
        Ok(answer(Some(after), Some(revised)))
    }

    /// Shows what an edit of a timetable would do
    ///
    /// And whom it would concern. It changes nothing.
    #[oai(path = "/rooms/:id/timetable/preview", method = "post", operation_id = "staffPreviewRoomTimetable")]
    async fn preview(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomEdit>,
        id: Path<Uuid>,
        body: Json<PreviewedEdit>,
    ) -> Result<Json<EditImpact>, Problem> {
        let room = room(&app, &staff, id.0).await?;
        let found = timetables::get(&app, &room).await?;
        let (bands, version) = match (body.0.timetable, found) {
            (Some(timetable), found) => (parse(timetable)?, found.map_or(0, |found| found.version)),
            (None, Some(found)) => (found.timetable.bands().clone(), found.version),
            (None, None) => (Bands::default(), 0),
        };
        let edit = below(timetables::edit(&app, &room, (bands, version), body.0.to))?;
        Ok(Json(timetables::preview(&app, &room, &edit).await?.into()))
    }

    /// Publishes a room to a date
    ///
    /// By its timetable. What is published already stays, so it can be sent again.
    #[oai(path = "/rooms/:id/timetable/publish", method = "post", operation_id = "staffPublishRoom")]
    async fn publish(
        &self,
        app: Data<&App>,
        staff: Staff<perm::RoomEdit>,
        id: Path<Uuid>,
        body: Json<Publication>,
    ) -> Result<Json<Revision>, Problem> {
        let room = room(&app, &staff, id.0).await?;
        let edit = timetables::further(&app, &room, body.0.to).await?;
        let seen = body.0.seen.as_deref();
        let revised = timetables::publish(&app, Actor::Staff(staff.id), &room, &edit, seen).await?;
        Ok(Json(revised.into()))
    }

    /// Lists the bookings of slots that are on offer no more
    ///
    /// Those that still have or want one, the earliest first: staff move or cancel each, and its resident is
    /// told.
    #[oai(
        path = "/rooms/:id/timetable/bookings",
        method = "get",
        operation_id = "staffListConcernedBookings"
    )]
    async fn concerned(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingRead>,
        id: Path<Uuid>,
        /// Bookings on a page.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// Where the page begins: `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<wire::Bookings>, Problem> {
        let filters = ("timetable-bookings", id.0);
        let after = cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let limit = limit.0.unwrap_or(paging::DEFAULT_LIMIT);
        let found = timetables::concerned(&app, &staff.scope, RoomId(id.0), after, limit).await;
        let rows = judge(&app, &staff, (Thing::Room, id.0), found).await?;
        let (page, next) = paging::cut(rows, limit, |booking| (booking.starts_at, booking.id));
        Ok(Json(wire::Bookings::new(&page, next.map(|at| paging::seal(&app, &filters, at)))))
    }
}

async fn room(app: &App, staff: &Staff<perm::RoomEdit>, id: Uuid) -> Result<Room, Problem> {
    let found = rooms::find(app, &staff.scope, RoomId(id)).await;
    Ok(judge(app, staff, (Thing::Room, id), found).await?)
}

/// The bands; what is wrong is named as the body names it.
fn parse(timetable: Timetable) -> Result<Bands, Refusal> {
    below(timetable.parse())
}

fn below<T>(read: Result<T, Refusal>) -> Result<T, Refusal> {
    let mut errors = FieldErrors::new();
    match (errors.nest("timetable", read), errors.finish()) {
        (Some(read), _) => Ok(read),
        (None, wrong) => Err(wrong.err().unwrap_or_else(|| Code::InvalidInput.into())),
    }
}

fn answer(found: Option<RoomBands>, done: Option<Revised>) -> TimetableAnswer {
    let version = found.as_ref().map_or(0, |found| found.version);
    let timetable = match &found {
        Some(found) => Timetable::from(found.timetable.bands()),
        None => Timetable::from(&Bands::default()),
    };
    let published_to = found.and_then(|found| found.published_to);
    let body = RoomTimetable { timetable, published_to, done: done.map(Revision::from) };
    TimetableAnswer::Ok(Json(body), etag(version))
}

fn count(slots: usize) -> i32 {
    i32::try_from(slots).unwrap_or(i32::MAX)
}

impl From<Revised> for Revision {
    fn from(revised: Revised) -> Self {
        let concerned: std::collections::BTreeSet<_> =
            revised.concerned.iter().map(|wish| wish.booking).collect();
        Self {
            kept: count(revised.kept),
            created: count(revised.created),
            amended: count(revised.amended),
            restored: count(revised.restored),
            withdrawn: count(revised.withdrawn),
            waiting: count(revised.waiting),
            concerned: count(concerned.len()),
        }
    }
}

impl From<Impact> for EditImpact {
    fn from(impact: Impact) -> Self {
        let difference = impact.difference;
        Self {
            seen: impact.seen,
            kept: count(difference.keep),
            created: count(difference.create.len()),
            amended: count(difference.amend.len()),
            restored: count(difference.restore.len()),
            withdrawn: count(difference.withdraw.len()),
            concerned: impact.concerned.into_iter().map(ConcernedBooking::from).collect(),
        }
    }
}

impl From<(Booking, Vec<Proposal>)> for ConcernedBooking {
    fn from((booking, proposals): (Booking, Vec<Proposal>)) -> Self {
        Self {
            id: booking.id.to_string(),
            starts_at: local(booking.starts_at),
            ends_at: local(booking.ends_at),
            party_size: booking.party_size.into(),
            proposals: proposals.into_iter().map(ProposedMove::from).collect(),
        }
    }
}

impl From<Proposal> for ProposedMove {
    fn from(proposal: Proposal) -> Self {
        Self {
            kind: proposal.kind.as_str().to_owned(),
            room_id: proposal.room.id.to_string(),
            room_name: proposal.room.name,
            starts_at: local(proposal.times.0),
            ends_at: local(proposal.times.1),
        }
    }
}

impl From<BookingMove> for Move {
    fn from(asked: BookingMove) -> Self {
        Self {
            booking: BookingId(asked.booking_id),
            room: RoomId(asked.room_id),
            times: (asked.starts_at.with_timezone(&Utc), asked.ends_at.with_timezone(&Utc)),
        }
    }
}
