//! Timetables: what a room is at which hours, said once; the slots follow.
//!
//! From today to the last published day, what is on offer is what the bands say: whoever edits them
//! changes both in one transaction. An edit that withdraws a slot somebody has is refused until the caller
//! shows that they have seen whom it concerns; nobody is cancelled by it.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use aws_lc_rs::digest;
use chrono::{Days, NaiveDate};
use linli_domain::{
    Code, Refusal,
    access::Scope,
    calendar::Calendar,
    ids::{RoomId, SlotId},
    rooms::{
        Difference, Standing,
        bands::{Bands, MAX_AHEAD_DAYS, Timetable},
        difference,
    },
    time::local_date,
};
use linli_store::{
    Error,
    audit::{self, Actor, Entry},
    storage::{
        bookings::{
            self, Booking, Place, Within,
            slots::{Wish, any_live},
        },
        rooms::{
            self, Revised, Room,
            bands::{self as stored, RoomBands},
        },
    },
};
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::bookings::{
    desk,
    relocate::{MAX_MOVES, Move, Proposal, propose, relocate},
};
use crate::{App, worker::Job};

/// Most bookings that a preview names; the list of the concerned has all.
const MOST_NAMED: usize = 100;

/// What an edit would do.
#[derive(Clone, Debug)]
pub struct Impact {
    /// Shows that this was seen.
    pub seen: String,
    /// What would change.
    pub difference: Difference,
    /// The bookings that have or want a slot that would be on offer no more, the earliest first, each with
    /// where it could go.
    pub concerned: Vec<(Booking, Vec<Proposal>)>,
}

/// An edit of a room, or of how far it is published.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The bands it has from now on.
    pub timetable: Timetable,
    /// The version that is edited.
    pub version: i64,
    /// The last date that is to be published; without, as far as before.
    pub to: Option<NaiveDate>,
}

/// Reads bands for a room, an edit of its version `version`, published to a date as well.
pub fn edit(
    app: &App,
    room: &Room,
    (bands, version): (Bands, i64),
    to: Option<NaiveDate>,
) -> Result<Edit, Refusal> {
    let timetable = Timetable::new(bands, room.grid)?;
    Ok(Edit { timetable, version, to: to.map(|to| check_last(app, to)).transpose()? })
}

fn check_last(app: &App, to: NaiveDate) -> Result<NaiveDate, Refusal> {
    let today = local_date(app.env.now());
    if to < today || to > today + Days::new(MAX_AHEAD_DAYS.into()) {
        let (zh, en) = ("从今天起最多 92 天", "From today on, at most 92 days ahead.");
        return Err(Refusal::field("to", "out_of_range", zh, en));
    }
    Ok(to)
}

/// The bands of a room; nothing when its days are published by hand.
pub async fn get(app: &App, room: &Room) -> Result<Option<RoomBands>, Error> {
    stored::find(app.db.read(), room).await
}

/// What publishing further would be: no edit of the bands, another last date.
pub async fn further(app: &App, room: &Room, to: NaiveDate) -> Result<Edit, Error> {
    let to = check_last(app, to)?;
    let found = get(app, room).await?.ok_or(Code::NotFound)?;
    Ok(Edit { timetable: found.timetable, version: found.version, to: Some(to) })
}

/// What staff decided who saw what an edit does.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// What the preview answered.
    pub seen: Option<String>,
    /// Bookings that move in the same moment.
    pub moves: Vec<Move>,
}

/// Writes the bands of a room, makes what is published be what they say, and moves bookings: all or nothing.
pub async fn replace(
    app: &App,
    (actor, scope): (Actor, &Scope),
    room: &Room,
    edit: &Edit,
    decided: &Decided,
) -> Result<(RoomBands, Revised), Error> {
    let (seen, moves) = (decided.seen.as_deref(), &decided.moves);
    if moves.len() > MAX_MOVES {
        return Err(Refusal::field("moves", "count", "一次最多移 100 个预约", "At most 100 moves.").into());
    }
    let calendar = super::calendar::current(app).await;
    let calendar: &Calendar = &calendar;
    let done = app
        .db
        .in_tx("rooms.timetable", |tx| async move {
            rooms::lock_tree(tx.conn(), room.id).await?;
            let before = stored::find(tx.conn(), room).await?;
            stored::write(tx.conn(), &app.env, room.id, edit.timetable.bands(), edit.version).await?;
            let mut revised = revise(app, tx.conn(), room, (edit, before.as_ref()), calendar, seen).await?;
            if !moves.is_empty() {
                relocate(app, tx.conn(), (actor, scope), room, moves).await?;
                // What waited for them to leave can come now.
                let rest = revise(app, tx.conn(), room, (edit, before.as_ref()), calendar, None).await?;
                revised.created += rest.created;
                (revised.waiting, revised.concerned) = (rest.waiting, rest.concerned);
            }
            let line = entry(actor, "room.timetable", room, &revised);
            audit::record(tx.conn(), &app.env, line).await?;
            let after = stored::find(tx.conn(), room).await?.ok_or(Code::NotFound)?;
            tx.commit((after, revised)).await
        })
        .await?;
    app.bookings.slots.invalidate_all();
    app.slot_lists.edited();
    Ok(done)
}

/// Publishes a room as far as `edit` says; again changes nothing.
pub async fn publish(
    app: &App,
    actor: Actor,
    room: &Room,
    edit: &Edit,
    seen: Option<&str>,
) -> Result<Revised, Error> {
    let calendar = super::calendar::current(app).await;
    let calendar: &Calendar = &calendar;
    let done = app
        .db
        .in_tx("rooms.publish", |tx| async move {
            rooms::lock_tree(tx.conn(), room.id).await?;
            let now = stored::find(tx.conn(), room).await?.ok_or(Code::NotFound)?;
            if now.version != edit.version {
                return Err(Code::Conflict.into());
            }
            let revised = revise(app, tx.conn(), room, (edit, Some(&now)), calendar, seen).await?;
            if revised.changes() > 0 {
                audit::record(tx.conn(), &app.env, entry(actor, "room.publish", room, &revised)).await?;
            }
            tx.commit(revised).await
        })
        .await?;
    app.bookings.slots.invalidate_all();
    app.slot_lists.edited();
    Ok(done)
}

/// What an edit of a room would do, and whom it concerns.
pub async fn preview(app: &App, room: &Room, edit: &Edit) -> Result<Impact, Error> {
    let before = get(app, room).await?;
    let calendar = super::calendar::current(app).await;
    let conn = app.db.read();
    let (difference, standing) = match last_date(app, edit, before.as_ref()) {
        Some(to) => {
            let tree = rooms::with_parts(conn, room.id).await?;
            compare(app, conn, room, (edit, &tree), &calendar, to).await?
        }
        None => Default::default(),
    };
    let touched = any_live(conn, &app.env, &difference.withdraw).await?;
    let ids: BTreeSet<_> = touched.iter().map(|wish| wish.booking).collect();
    let ids: Vec<_> = ids.into_iter().take(MOST_NAMED).collect();
    let concerned = bookings::any_of(conn, desk(app), &ids).await?;
    let was = standing.into_iter().filter_map(|one| Some((one.id, one.face?.function))).collect();
    let proposals = propose(app, room, (&difference, &was), &concerned).await?;
    let concerned = concerned.into_iter().zip(proposals).collect();
    let seen = fingerprint(room, edit, &touched.iter().collect::<Vec<_>>());
    Ok(Impact { seen, difference, concerned })
}

/// One row more than `limit` of the bookings of a room in scope that have or want a slot that is on offer
/// no more, the earliest first.
pub async fn concerned(
    app: &App,
    scope: &Scope,
    room: RoomId,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Booking>, Error> {
    super::rooms::find(app, scope, room).await?;
    let of = (scope, &[room][..]);
    bookings::list_of_rooms(app.db.read(), desk(app), of, Within::Withdrawn, after, u64::from(limit) + 1)
        .await
}

/// The bands of a public room with the calendar: what it is on which day.
pub async fn of_public(app: &App, room: RoomId) -> Result<(Option<Timetable>, Arc<Calendar>), Error> {
    let room = rooms::find_public(app.db.read(), room).await?.ok_or(Code::NotFound)?;
    let found = stored::find(app.db.read(), &room).await?;
    Ok((found.map(|found| found.timetable), super::calendar::current(app).await))
}

/// Makes what stands be what the edit says; the caller has locked the tree.
async fn revise(
    app: &App,
    tx: &impl ConnectionTrait,
    room: &Room,
    (edit, before): (&Edit, Option<&RoomBands>),
    calendar: &Calendar,
    seen: Option<&str>,
) -> Result<Revised, Error> {
    let Some(to) = last_date(app, edit, before) else { return Ok(Revised::default()) };
    let tree = rooms::with_parts(tx, room.id).await?;
    let (difference, _) = compare(app, tx, room, (edit, &tree), calendar, to).await?;
    let revised = rooms::revise(tx, &app.env, room, &difference).await?;
    check_seen(room, edit, (&difference, &revised), seen)?;
    stored::note_published(tx, room.id, to, revised.waiting > 0).await?;
    Ok(revised)
}

/// Refuses to take a slot from somebody unless the caller saw that.
///
/// What was seen is not what is there when somebody booked or gave back meanwhile.
fn check_seen(
    room: &Room,
    edit: &Edit,
    (difference, revised): (&Difference, &Revised),
    seen: Option<&str>,
) -> Result<(), Refusal> {
    let withdrawn: HashSet<SlotId> = difference.withdraw.iter().copied().collect();
    let touched: Vec<_> = revised.concerned.iter().filter(|wish| withdrawn.contains(&wish.slot)).collect();
    match seen {
        _ if touched.is_empty() => Ok(()),
        None => Err(Code::ImpactUnseen.into()),
        Some(seen) if seen == fingerprint(room, edit, &touched) => Ok(()),
        Some(_) => Err(Code::PreconditionFailed.into()),
    }
}

async fn compare(
    app: &App,
    conn: &impl ConnectionTrait,
    room: &Room,
    (edit, tree): (&Edit, &[RoomId]),
    calendar: &Calendar,
    to: NaiveDate,
) -> Result<(Difference, Vec<Standing>), Error> {
    let now = app.env.now();
    let standing = rooms::standing(conn, &app.env, room, now, to).await?;
    let days = local_date(now).iter_days().take_while(|date| *date <= to);
    let wanted = days.flat_map(|date| edit.timetable.slots(date, calendar, tree));
    // What has begun stays as it is.
    let difference = difference(&standing, wanted.filter(|slot| slot.starts_at > now).collect());
    Ok((difference, standing))
}

/// How far the room is published afterwards; `None` when nothing is to be published at all.
fn last_date(app: &App, edit: &Edit, before: Option<&RoomBands>) -> Option<NaiveDate> {
    let today = local_date(app.env.now());
    let ahead = edit.timetable.bands().ahead_days;
    let by_itself = (ahead > 0).then(|| today + Days::new(ahead.into()));
    let before = before.and_then(|before| before.published_to).filter(|to| *to >= today);
    [by_itself, before, edit.to].into_iter().flatten().max()
}

/// Names an edit together with the bookings it touches, each as it stands.
fn fingerprint(room: &Room, edit: &Edit, touched: &[&Wish]) -> String {
    let touched: Vec<_> = touched.iter().map(|wish| (wish.slot, wish.booking, wish.version)).collect();
    let all = json!([room.id, edit.version, edit.to, edit.timetable.bands(), touched]);
    hex::encode(&digest::digest(&digest::SHA256, all.to_string().as_bytes()).as_ref()[..16])
}

fn entry(actor: Actor, action: &'static str, room: &Room, revised: &Revised) -> Entry {
    Entry {
        actor,
        action,
        subject_kind: "room",
        subject_id: Some(room.id.0),
        org_path: room.org_path.clone(),
        detail: json!({
            "created": revised.created,
            "amended": revised.amended,
            "restored": revised.restored,
            "withdrawn": revised.withdrawn,
            "concerned": revised.concerned.len(),
        }),
    }
}

/// The job that publishes what is due.
pub fn job() -> Job {
    Job {
        name: "rooms.publish_ahead",
        period: std::time::Duration::from_mins(10),
        leased: true,
        run: |app| Box::pin(publish_ahead(app)),
    }
}

/// Rooms that are looked at in one step.
const BATCH: u64 = 100;

/// Publishes every room as far ahead as its bands say, and what had to wait until somebody left.
pub async fn publish_ahead(app: &App) -> Result<bool, Error> {
    let mut after = None;
    loop {
        let rows = stored::any_after(app.db.read(), after, BATCH).await?;
        for (id, published_to, waiting) in &rows {
            publish_due(app, *id, *published_to, *waiting).await?;
        }
        match rows.last() {
            Some((last, ..)) if rows.len() as u64 == BATCH => after = Some(*last),
            _ => return Ok(false),
        }
    }
}

async fn publish_due(
    app: &App,
    id: RoomId,
    published_to: Option<NaiveDate>,
    waiting: bool,
) -> Result<(), Error> {
    let Some(room) = rooms::find_public(app.db.read(), id).await? else { return Ok(()) };
    let Some(found) = get(app, &room).await? else { return Ok(()) };
    let edit = Edit { timetable: found.timetable.clone(), version: found.version, to: None };
    if !waiting && last_date(app, &edit, Some(&found)) <= published_to {
        return Ok(());
    }
    match publish(app, Actor::System, &room, &edit, None).await {
        // Staff have to look first whom it touches, or have just edited it.
        Err(Error::Refused(refusal)) => {
            let code = refusal.code.as_str();
            tracing::warn!(room.id = %id, code, "a room was not published further");
            Ok(())
        }
        done => done.map(drop),
    }
}
