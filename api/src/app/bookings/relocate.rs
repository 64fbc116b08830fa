//! Moving bookings together with an edit of the room they are in: all of them, in its transaction, or none.

use std::{collections::HashMap, sync::Arc};

use chrono::{Days, NaiveDate};
use linli_domain::{
    Code, Event, Refusal, Vocabulary,
    access::Scope,
    bookings::{
        Channel, Policy, Times,
        alternatives::{Kind, Offer, choose, stays},
        message::BookingChange,
    },
    ids::{BookingId, RoomId, SlotId},
    inventory::{Claim, Shortage},
    rooms::{Difference, PlannedSlot, bands::RoomFunction},
    time::local_date,
};
use linli_store::{
    Error,
    audit::{self, Actor},
    idempotency::Request,
    inventory::swap_within,
    outbox,
    storage::{
        bookings::{self, Booking, policies, presence},
        rooms::{self, Room},
    },
};
use sea_orm::ConnectionTrait;

use super::{
    alternatives::others,
    desk, entry,
    moves::moved_to,
    plan::{self, Stay, Terms},
};
use crate::App;

/// Most bookings that are moved at once.
pub const MAX_MOVES: usize = 100;
/// Days after a booking that are looked at for another time.
const DAYS_AFTER: u64 = 7;

/// Where a booking is to go.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    /// Which booking.
    pub booking: BookingId,
    /// The room, the same or another.
    pub room: RoomId,
    /// When; slots of that room make it up.
    pub times: Times,
}

/// Where a booking could go.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// What is close about it.
    pub kind: Kind,
    /// The room.
    pub room: Room,
    /// When.
    pub times: Times,
}

/// Moves bookings inside the caller's transaction; each resident is told as of any other move.
///
/// Refused with what stands in the way of the first that cannot go; the caller then rolls back.
pub async fn relocate(
    app: &App,
    tx: &impl ConnectionTrait,
    by: (Actor, &Scope),
    from: &Room,
    moves: &[Move],
) -> Result<(), Error> {
    let mut sorted = moves.to_vec();
    // Rows are locked in the order of their ids, as everywhere.
    sorted.sort_by_key(|one| one.booking);
    let mut claims = Vec::with_capacity(moves.len());
    for one in &sorted {
        let claim = write(app, tx, by, from.id, one).await;
        claims.push(claim.map_err(|error| name(error, one.booking))?);
    }
    match swap_within(tx, &app.env, &claims).await? {
        Ok(()) => Ok(()),
        Err(None) => Err(Code::BookingExpired.into()),
        Err(Some((claim, shortage))) => Err(name(short(&shortage).into(), BookingId(claim.0))),
    }
}

fn unknown() -> Refusal {
    Refusal::field("moves", "unknown", "这个房间没有这个预约", "This room has no such booking.")
}

fn short(shortage: &Shortage) -> Refusal {
    match shortage {
        Shortage::SoldOut => Code::SlotTaken.into(),
        Shortage::Closed => Code::SlotClosed.into(),
        Shortage::Quota { .. } => Code::QuotaExhausted.into(),
    }
}

/// Says in a refusal which booking cannot go.
fn name(error: Error, booking: BookingId) -> Error {
    match error {
        Error::Refused(refusal) => refusal.with_extra("booking_id", booking.to_string()).into(),
        other => other,
    }
}

/// Writes the rows of one move; answers what its claim is to hold.
async fn write(
    app: &App,
    tx: &impl ConnectionTrait,
    (actor, scope): (Actor, &Scope),
    from: RoomId,
    one: &Move,
) -> Result<Claim, Error> {
    let now = app.env.now();
    let found = bookings::find(tx, desk(app), scope, one.booking).await?;
    let booking = found.filter(|booking| booking.room_id == from).ok_or_else(unknown)?;
    booking.state.check_move(&booking.terms(), true, now)?;
    let stay = stay(app, tx, scope, one).await?;
    let moved = moved_to(&booking, &stay, true, now)?;
    bookings::write(tx, desk(app), &moved, BookingChange::Moved).await?;
    presence::give_back(tx, moved.id).await?;
    if stay.terms.policy.one_place {
        presence::take(tx, &app.env, &moved).await?;
    }
    audit::record(tx, &app.env, entry(actor, "booking.reschedule", &moved)).await?;
    outbox::emit(tx, &app.env, &[Event::BookingChanged(moved.id)]).await?;
    let holder = plan::holder(app, moved.resident_id, &stay.terms).await?;
    // Nobody retries it under a key of their own: the edit has a version.
    let request = Request {
        principal: "system:timetable".to_owned(),
        key: app.env.id::<BookingId>().to_string(),
        operation: "bookings.relocate",
        digest: String::new(),
    };
    stay.claim(&moved, &request, holder)
}

/// The stay that slots on offer make of the wanted time, as this transaction sees them.
async fn stay(app: &App, tx: &impl ConnectionTrait, scope: &Scope, one: &Move) -> Result<Stay, Error> {
    let room = Arc::new(rooms::find(tx, scope, one.room).await?.ok_or(Code::NotFound)?);
    let (starts_at, ends_at) = one.times;
    let rows = rooms::slots(tx, room.id, local_date(starts_at), local_date(ends_at), app.env.now()).await?;
    let (mut slots, mut at) = (Vec::new(), starts_at);
    while at < ends_at {
        let next = rows.iter().filter(|row| row.starts_at == at && row.ends_at <= ends_at);
        let row = next.max_by_key(|row| row.ends_at).ok_or(Code::SlotClosed)?;
        let plan = rooms::slot_plan(tx, room.id, row.id.into()).await?.ok_or(Code::SlotClosed)?;
        slots.push(Arc::new((Arc::clone(&room), plan)));
        at = row.ends_at;
    }
    if slots.is_empty() {
        return Err(Code::SlotClosed.into());
    }
    let (policy, _) = policies::policy(tx, room.id).await?;
    let rules = policies::any_rules_of(tx, &room).await?;
    Ok(Stay { room, slots, times: one.times, terms: Arc::new(Terms { policy, rules }) })
}

/// Where each of `concerned` could go: the same room at another time, or one nearby that is what this one
/// was. What others have, or are to leave themselves, is not proposed.
pub async fn propose(
    app: &App,
    room: &Room,
    (difference, was): (&Difference, &HashMap<SlotId, RoomFunction>),
    concerned: &[Booking],
) -> Result<Vec<Vec<Proposal>>, Error> {
    let (Some(first), Some(last)) = (concerned.first(), concerned.last()) else { return Ok(Vec::new()) };
    let days = (local_date(first.starts_at), local_date(last.starts_at) + Days::new(DAYS_AFTER));
    let here = openings_here(app, room, difference, days, concerned).await?;
    let mut nearby = Vec::new();
    for other in others(app, room, 1).await? {
        let rows = rooms::slots(app.db.read(), other.id, days.0, days.1, app.env.now()).await?;
        nearby.push((other, rows));
    }
    let now = app.env.now();
    let of = |booking: &Booking| {
        let function = booking.slots.iter().find_map(|slot| was.get(slot)).map(|function| function.as_str());
        let there = nearby.iter().flat_map(|(other, rows)| {
            let same =
                rows.iter().filter(move |row| function.is_some() && row.function.as_deref() == function);
            same.map(move |row| opening(other, row))
        });
        let open: Vec<Offer> = here.iter().cloned().chain(there).collect();
        let wanted = (booking.starts_at, booking.ends_at);
        let mut stays = stays(&open, booking.ends_at - booking.starts_at);
        let known = |id: RoomId| {
            std::iter::once(room).chain(nearby.iter().map(|(other, _)| other)).find(|one| one.id == id)
        };
        stays.retain(|stay| {
            known(stay.room).is_some_and(|room| {
                let starts = Policy::check_start(&room.rules, Channel::Counter, stay.starts_at, now);
                starts.is_ok() && stay.takes >= booking.party_size.into()
            })
        });
        let chosen = choose(room.id, wanted, stays).into_iter().filter_map(|(kind, stay)| {
            Some(Proposal { kind, room: known(stay.room)?.clone(), times: (stay.starts_at, stay.ends_at) })
        });
        chosen.collect()
    };
    Ok(concerned.iter().map(of).collect())
}

/// What will be free in the room itself after the edit.
async fn openings_here(
    app: &App,
    room: &Room,
    difference: &Difference,
    days: (NaiveDate, NaiveDate),
    concerned: &[Booking],
) -> Result<Vec<Offer>, Error> {
    let rows = rooms::slots(app.db.read(), room.id, days.0, days.1, app.env.now()).await?;
    let stays = rows.iter().filter(|row| !difference.withdraw.contains(&row.id.into()));
    let mut open: Vec<Offer> = stays.map(|row| opening(room, row)).collect();
    let new = difference.create.iter().chain(difference.restore.iter().map(|(_, slot)| slot));
    let free = |slot: &&PlannedSlot| {
        !concerned.iter().any(|one| one.starts_at < slot.ends_at && slot.starts_at < one.ends_at)
    };
    open.extend(new.filter(free).map(|slot| Offer {
        room: room.id,
        slot: SlotId(uuid::Uuid::nil()),
        starts_at: slot.starts_at,
        ends_at: slot.ends_at,
        takes: slot.seats.unwrap_or(room.rules.max_party_size).into(),
    }));
    Ok(open)
}

fn opening(room: &Room, row: &rooms::SlotRow) -> Offer {
    let most = u32::from(room.rules.max_party_size);
    let free = u32::try_from(row.free).unwrap_or(0);
    let takes = match row.seats {
        _ if free == 0 => 0,
        Some(_) => free.min(most),
        None => most,
    };
    Offer { room: room.id, slot: row.id.into(), starts_at: row.starts_at, ends_at: row.ends_at, takes }
}
