//! Waiting lists: joining, leaving, and accepting what is offered.
//!
//! Whoever joins is judged as a booking of the slot would be. What comes free is handed on by the
//! engine, in the transaction in which it comes free; accepting makes the booking of the held units.

use linli_domain::{
    Code, Event, Vocabulary,
    access::Scope,
    bookings::short_text,
    consent::FamilyScope,
    ids::{ResidentId, RoomId, SlotId, WaitlistEntryId},
    inventory::{Shortage, waiting::WaitingState},
};
use linli_store::{
    Error, Tx,
    audit::{self, Entry as Line},
    idempotency::{self, Begun, Request, Stored},
    inventory::{Answered, NotWaiting, Order, Return, answer_within, leave_within, wait_within},
    storage::{
        bookings::{
            BookedBy, Booking, presence,
            waitlist::{self, Entry, Place},
            waitlist_entry,
        },
        residents::may_act_for,
        rooms::slot_plan,
    },
};
use serde_json::json;

use super::{
    Ask, Door, NewBooking, Who, answers,
    create::{decide, write_new},
    plan::{self, Stay},
    require_consent,
};
use crate::App;

/// What somebody waits for.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry {
    /// Room.
    pub room_id: RoomId,
    /// Slot.
    pub slot_id: SlotId,
    /// How many would come.
    pub party_size: i64,
}

/// A place on a list, and how many are before it.
pub type Seen = (Entry, u64);

/// Puts somebody on the waiting list of a slot that is taken, once per idempotency key; answers the place
/// as it is now, and whether an earlier request made it.
pub async fn join(
    app: &App,
    door: &Door<'_>,
    new: NewEntry,
    request: &Request,
) -> Result<(Seen, bool), Error> {
    let stored = match attempt(app, door, new, request).await {
        Err(Error::Refused(refusal)) => answers::replay_or(app, request, refusal).await?,
        done => done?,
    };
    let id = stored.stored.answer["id"].as_str().and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| Error::internal("reading a stored answer", "it names no place"))?;
    let entry = waitlist::any(app.db.read(), id).await?.ok_or(Code::NotFound)?;
    Ok((see(app, entry).await?, stored.replayed))
}

async fn attempt(app: &App, door: &Door<'_>, new: NewEntry, request: &Request) -> Result<Answered, Error> {
    let wanted = NewBooking {
        room_id: new.room_id,
        slot_ids: vec![new.slot_id],
        party_size: new.party_size,
        purpose: None,
        companions: Vec::new(),
    };
    let (booking, stay) = &decide(app, door, wanted).await?;
    if !booking.state.holds() {
        // Staff choose among requests there, and one can always ask.
        return Err(Code::WaitlistNotNeeded.into());
    }
    let holder = plan::holder(app, booking.resident_id, &stay.terms).await?;
    let claim = &stay.claim(booking, request, holder)?;
    let stocks: Vec<_> = claim.needs_by_stock().into_iter().map(|need| need.stock).collect();
    // What has lapsed is nobody's any more, and goes to those who wait already.
    app.inventory.lapse_on(&app.db, &app.env, &stocks).await?;
    let lead = if door.channel.by_staff() { chrono::Duration::zero() } else { stay.room.rules.lead };
    let (row, closes_at) = (&row(door, booking, new.slot_id), booking.starts_at - lead);
    let stored = Stored { status: 201, answer: json!({ "id": row.id }) };
    let begun = idempotency::once(&app.db, &app.env, "waitlist.join", request, &stored, |tx| async move {
        waitlist::check_room_for(tx.conn(), booking.resident_id).await?;
        if let Err(why) = wait_within(tx.conn(), &app.env, claim, closes_at).await? {
            return Err(refuse(app, stay, why));
        }
        waitlist::insert(tx.conn(), row.clone()).await?;
        audit::record(tx.conn(), &app.env, entry(door.who, "waitlist.join", row)).await?;
        Ok(tx)
    })
    .await?;
    Ok(match begun {
        Begun::Fresh => Answered { stored, replayed: false },
        Begun::Replay(stored) => Answered { stored, replayed: true },
    })
}

fn refuse(app: &App, stay: &Stay, why: NotWaiting) -> Error {
    match why {
        NotWaiting::Free => Code::WaitlistNotNeeded.into(),
        NotWaiting::TooMany => Code::WaitlistFull.into(),
        NotWaiting::Never => Code::PartyTooLarge.into(),
        NotWaiting::Closed => Code::SlotClosed.into(),
        NotWaiting::Quota(shortage) => stay.refuse(&shortage, app.env.now()).into(),
    }
}

fn row(door: &Door<'_>, booking: &Booking, slot: SlotId) -> waitlist_entry::Model {
    let (by_resident, by_staff) = match door.who.booked_by() {
        BookedBy::Resident(id) => (Some(id.0), None),
        BookedBy::Staff(id) => (None, Some(id.0)),
    };
    waitlist_entry::Model {
        id: booking.id.0,
        slot_id: slot.0,
        room_id: booking.room_id.0,
        facility_id: booking.facility_id.0,
        org_path: booking.org_path.clone(),
        resident_id: booking.resident_id.0,
        joined_by_resident_id: by_resident,
        joined_by_staff_id: by_staff,
        channel: booking.channel.as_str().to_owned(),
        party_size: booking.party_size.into(),
        starts_at: booking.starts_at,
        ends_at: booking.ends_at,
        price_fen: i32::try_from(booking.price_fen).unwrap_or(i32::MAX),
        created_at: booking.created_at,
    }
}

/// A place that `who` may reach, as it is now: what has lapsed before it has gone on.
pub async fn find(app: &App, who: Who<'_>, scope: FamilyScope, id: WaitlistEntryId) -> Result<Seen, Error> {
    let entry = reach(app, who, scope, id).await?;
    if entry.ended_at.is_none() {
        let stocks = waitlist::stocks(app.db.read(), id).await?;
        app.inventory.lapse_on(&app.db, &app.env, &stocks).await?;
    }
    let entry = waitlist::any(app.db.read(), id).await?.ok_or(Code::NotFound)?;
    see(app, entry).await
}

async fn reach(app: &App, who: Who<'_>, scope: FamilyScope, id: WaitlistEntryId) -> Result<Entry, Error> {
    let entry = waitlist::any(app.db.read(), id).await?.ok_or(Code::NotFound)?;
    let may = match who {
        Who::Staff(_, within) => within.covers(&entry.row.org_path),
        Who::Resident(me) => may_act_for(app.db.read(), me, entry.resident(), scope).await?,
    };
    if may { Ok(entry) } else { Err(Code::NotFound.into()) }
}

async fn see(app: &App, entry: Entry) -> Result<Seen, Error> {
    let ahead = match entry.state {
        WaitingState::Waiting => waitlist::ahead(app.db.read(), &entry).await?,
        _ => 0,
    };
    Ok((entry, ahead))
}

/// One place more than `limit` of `resident`, the latest first; those of a family member with their
/// consent.
pub async fn list_of_resident(
    app: &App,
    me: ResidentId,
    resident: ResidentId,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Seen>, Error> {
    require_consent(app, me, resident, FamilyScope::See).await?;
    let entries = waitlist::list_own(app.db.read(), resident, after, u64::from(limit) + 1).await?;
    let mut seen = Vec::with_capacity(entries.len());
    for entry in entries {
        seen.push(see(app, entry).await?);
    }
    Ok(seen)
}

/// Who is on the list of a slot of a room in scope, in their order.
pub async fn list_of_slot(app: &App, scope: &Scope, room: RoomId, slot: SlotId) -> Result<Vec<Seen>, Error> {
    super::super::rooms::find(app, scope, room).await?;
    slot_plan(app.db.read(), room, slot).await?.ok_or(Code::NotFound)?;
    let (mut seen, mut ahead) = (Vec::new(), 0);
    for entry in waitlist::list_of_slot(app.db.read(), slot).await? {
        let waits = entry.state == WaitingState::Waiting;
        seen.push((entry, if waits { ahead } else { 0 }));
        ahead += u64::from(waits);
    }
    Ok(seen)
}

/// Takes somebody off the list; what was offered to them goes to the next. Again changes nothing.
pub async fn leave(app: &App, who: Who<'_>, id: WaitlistEntryId) -> Result<(), Error> {
    let entry = reach(app, who, FamilyScope::Book, id).await?;
    let done = match off(app, who, &entry).await {
        // It was offered to them just now.
        Err(Error::Refused(_)) => {
            let entry = waitlist::any(app.db.read(), id).await?.ok_or(Code::NotFound)?;
            off(app, who, &entry).await
        }
        done => done,
    };
    match done {
        Err(Error::Refused(refusal)) if refusal.code == Code::OfferGone => Ok(()),
        done => done,
    }
}

async fn off(app: &App, who: Who<'_>, place: &Entry) -> Result<(), Error> {
    let line = &entry(who, "waitlist.leave", &place.row);
    match place.state {
        WaitingState::Waiting => {
            app.db
                .in_tx("waitlist.leave", |tx| async move {
                    leave_within(tx.conn(), &app.env, place.row.id.into(), WaitingState::Left).await?;
                    audit::record(tx.conn(), &app.env, line.clone()).await?;
                    tx.commit(()).await
                })
                .await
        }
        WaitingState::Offered => {
            let request = Request {
                principal: "system:waitlist".to_owned(),
                key: place.row.id.to_string(),
                operation: "waitlist.decline",
                digest: String::new(),
            };
            let order = Return {
                name: "waitlist.decline",
                claim: place.row.id.into(),
                request: &request,
                answer: &Stored { status: 204, answer: json!({}) },
                events: &[],
                keeps_quota: &|_| false,
                gone: Code::OfferGone,
            };
            let own = move |tx: Tx| async move {
                let id = place.row.id.into();
                if !answer_within(tx.conn(), &app.env, id, WaitingState::Declined).await? {
                    return Err(Code::OfferGone.into());
                }
                audit::record(tx.conn(), &app.env, line.clone()).await?;
                Ok(tx)
            };
            app.inventory.release(&app.db, &app.env, &order, own).await.map(drop)
        }
        _ => Ok(()),
    }
}

/// Takes erased residents off their lists; answers how many.
pub async fn leave_of_erased(app: &App, limit: u64) -> Result<u64, Error> {
    let left = waitlist::any_live_of_erased(app.db.read(), limit).await?;
    for entry in &left {
        match off(app, Who::Resident(entry.resident()), entry).await {
            Err(Error::Refused(_)) => {}
            done => done?,
        }
    }
    Ok(left.len() as u64)
}

/// Accepts what is offered: it becomes a booking, as firm as any other of the room.
pub async fn accept(
    app: &App,
    who: Who<'_>,
    id: WaitlistEntryId,
    purpose: Option<String>,
    ask: Ask<'_>,
) -> Result<Answered, Error> {
    let place = reach(app, who, FamilyScope::Book, id).await?;
    let purpose = short_text("purpose", purpose)?;
    let (booking, stay) = match offered(app, who, &place, purpose).await {
        Err(Error::Refused(refusal)) => return answers::replay_or(app, ask.request, refusal).await,
        decided => decided?,
    };
    let (booking, stay) = (&booking, &stay);
    let holder = plan::holder(app, booking.resident_id, &stay.terms).await?;
    let order = Order {
        name: "waitlist.accept",
        claim: &stay.claim(booking, ask.request, holder)?,
        request: ask.request,
        answer: &|| answers::store(app, ask, 201, booking),
        events: &[Event::BookingChanged(booking.id)],
        refusal: &|shortage: &Shortage| stay.refuse(shortage, app.env.now()),
    };
    let door = &Door { who, resident: booking.resident_id, channel: booking.channel };
    let own = move |tx: Tx| async move {
        if !answer_within(tx.conn(), &app.env, booking.id.into(), WaitingState::Taken).await? {
            return Err(Code::OfferGone.into());
        }
        let tx = write_new(app, tx, door, booking).await?;
        if stay.terms.policy.one_place {
            presence::take(tx.conn(), &app.env, booking).await?;
        }
        Ok(tx)
    };
    let answered = match app.inventory.swap(&app.db, &app.env, &order, own).await {
        Err(Error::Refused(refusal)) if refusal.code == Code::HoldLapsed => Err(Code::OfferGone.into()),
        done => done,
    };
    let answered = plan::name_bookings(app, (who, booking.resident_id), (stay, holder), answered).await?;
    answers::open(app, answered)
}

/// The booking that an offer becomes, judged by the rules as they are now.
async fn offered(
    app: &App,
    who: Who<'_>,
    place: &Entry,
    purpose: Option<String>,
) -> Result<(Booking, Stay), Error> {
    let stands = place.offer_until.is_some_and(|until| until > app.env.now());
    if place.state != WaitingState::Offered || !stands {
        return Err(Code::OfferGone.into());
    }
    let door = Door { who, resident: place.resident(), channel: place.channel() };
    let wanted = NewBooking {
        room_id: RoomId(place.row.room_id),
        slot_ids: vec![SlotId(place.row.slot_id)],
        party_size: place.row.party_size.into(),
        purpose,
        companions: Vec::new(),
    };
    let (booking, stay) = decide(app, &door, wanted).await?;
    if !booking.state.holds() {
        return Err(Code::WaitlistNotNeeded.into());
    }
    Ok((Booking { id: place.row.id.into(), ..booking }, stay))
}

fn entry(who: Who<'_>, action: &'static str, row: &waitlist_entry::Model) -> Line {
    Line {
        actor: who.actor(),
        action,
        subject_kind: "waitlist_entry",
        subject_id: Some(row.id),
        org_path: row.org_path.clone(),
        detail: json!({ "slot_id": row.slot_id, "party_size": row.party_size }),
    }
}

/// Takes somebody off as they would themselves: the caller has seen their signed word.
pub async fn leave_by_token(app: &App, id: WaitlistEntryId) -> Result<(), Error> {
    let entry = waitlist::any(app.db.read(), id).await?.ok_or(Code::NotFound)?;
    leave(app, Who::Resident(entry.resident()), id).await
}
