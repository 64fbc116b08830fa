//! Giving a booking back, and moving it to another time.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use linli_domain::{
    Code, Event, Refusal,
    bookings::{
        Approval, CancelTerms, Channel, LateCancel, PartySize, Policy, State, message::BookingChange, quota,
        short_text,
    },
    consent::FamilyScope,
    ids::BookingId,
    inventory::Shortage,
};
use linli_store::{
    Error, Tx, audit,
    idempotency::Request,
    inventory::{Answered, Order, Return},
    outbox,
    storage::{
        bookings::{self, Booking, policies, presence},
        rooms,
    },
};
use serde_json::json;

use super::{
    Ask, NewTime, Who, alternatives, answers, desk, entry, find,
    plan::{self, Stay},
};
use crate::App;

/// Cancels a booking. `closure`: staff do it because the room closes.
pub async fn cancel(
    app: &App,
    who: Who<'_>,
    id: BookingId,
    (reason, closure): (Option<String>, bool),
    ask: Ask<'_>,
) -> Result<Answered, Error> {
    let booking = find(app, who, FamilyScope::Book, id).await?;
    let reason = short_text("reason", reason)?;
    let by = who.cancelled_by(closure);
    let moved = match booking.state.cancel(by, reason, &booking.terms(), app.env.now()) {
        Err(refusal) => return answers::replay_or(app, ask.request, refusal).await,
        Ok(state) => Booking { state, version: booking.version + 1, ..booking.clone() },
    };
    let late = matches!(moved.state, State::Cancelled { late: true, .. });
    let kept = if late { still_counting(app, &booking).await? } else { HashSet::new() };
    give_back(app, (who, "booking.cancel"), &booking, &moved, kept, ask).await
}

/// Gives back the rooms that erased residents would have come to; answers how many bookings.
pub async fn cancel_of_erased(app: &App, limit: u64) -> Result<u64, Error> {
    let left = bookings::any_live_of_erased(app.db.read(), desk(app), limit).await?;
    for booking in &left {
        let request = Request {
            principal: "system:erasure".to_owned(),
            key: booking.id.to_string(),
            operation: "bookings.cancel_of_erased",
            digest: String::new(),
        };
        let ask = Ask { request: &request, render: |_| json!({}) };
        // Who goes is not held to the deadline: nobody will come, and the room should not stand empty.
        let terms = CancelTerms { deadline: booking.starts_at, ..booking.terms() };
        let who = Who::Resident(booking.resident_id);
        let state = booking.state.cancel(who.cancelled_by(false), None, &terms, app.env.now())?;
        let moved = Booking { state, version: booking.version + 1, ..booking.clone() };
        match give_back(app, (who, "booking.cancel"), booking, &moved, HashSet::new(), ask).await {
            // Staff were faster.
            Err(Error::Refused(_)) => {}
            done => drop(done?),
        }
    }
    Ok(left.len() as u64)
}

/// Ends a booking as `moved` says and gives back what it holds, but for the quotas `kept`.
pub(super) async fn give_back(
    app: &App,
    (who, action): (Who<'_>, &'static str),
    booking: &Booking,
    moved: &Booking,
    kept: HashSet<String>,
    ask: Ask<'_>,
) -> Result<Answered, Error> {
    let stored = answers::store(app, ask, 200, moved)?;
    let write = move |tx: Tx| async move {
        bookings::write(tx.conn(), desk(app), moved, moved.state.news()).await?;
        presence::give_back(tx.conn(), moved.id).await?;
        audit::record(tx.conn(), &app.env, entry(who.actor(), action, moved)).await?;
        Ok(tx)
    };
    if !booking.state.holds() {
        return answers::write(app, "bookings.end", ask.request, stored, move |tx| async move {
            let tx = write(tx).await?;
            outbox::emit(tx.conn(), &app.env, &[Event::BookingChanged(moved.id)]).await?;
            Ok(tx)
        })
        .await;
    }
    let order = Return {
        name: "bookings.end",
        claim: booking.id.into(),
        request: ask.request,
        answer: &stored,
        events: &[Event::BookingChanged(booking.id)],
        keeps_quota: &|key: &str| quota::rule_of(key).is_some_and(|rule| kept.contains(rule)),
        gone: Code::BookingExpired,
    };
    let answered = app.inventory.release(&app.db, &app.env, &order, write).await?;
    answers::open(app, answered)
}

/// The rules under which a late cancellation still counts.
async fn still_counting(app: &App, booking: &Booking) -> Result<HashSet<String>, Error> {
    let room = rooms::find_public(app.db.read(), booking.room_id).await?.ok_or(Code::NotFound)?;
    let rules = policies::any_rules_of(app.db.read(), &room).await?;
    Ok(rules.into_iter().filter(|rule| rule.late_cancel_counts).map(|rule| rule.id.to_string()).collect())
}

/// Moves a booking to another time: refused, it stays what it was.
pub async fn reschedule(
    app: &App,
    who: Who<'_>,
    id: BookingId,
    new: NewTime,
    ask: Ask<'_>,
) -> Result<Answered, Error> {
    let booking = find(app, who, FamilyScope::Book, id).await?;
    let (room, slots) = (new.room_id.unwrap_or(booking.room_id), new.slot_ids.clone());
    let done = attempt(app, who, &booking, new, ask).await;
    alternatives::offer(app, (room, &slots, booking.party_size.into()), done).await
}

async fn attempt(
    app: &App,
    who: Who<'_>,
    booking: &Booking,
    new: NewTime,
    ask: Ask<'_>,
) -> Result<Answered, Error> {
    let (moved, stay) = match decide(app, who, booking, new).await {
        Err(Error::Refused(refusal)) => return answers::replay_or(app, ask.request, refusal).await,
        decided => decided?,
    };
    let done = swap(app, who, (&moved, &stay), ask).await;
    match plan::anew(app, &stay, &done).await? {
        Some(fresh) => swap(app, who, (&moved, &fresh), ask).await,
        None => done,
    }
}

async fn swap(
    app: &App,
    who: Who<'_>,
    (moved, stay): (&Booking, &Stay),
    ask: Ask<'_>,
) -> Result<Answered, Error> {
    let holder = plan::holder(app, moved.resident_id, &stay.terms).await?;
    let order = Order {
        name: "bookings.reschedule",
        claim: &stay.claim(moved, ask.request, holder)?,
        request: ask.request,
        answer: &|| answers::store(app, ask, 200, moved),
        events: &[Event::BookingChanged(moved.id)],
        refusal: &|shortage: &Shortage| stay.refuse(shortage, app.env.now()),
    };
    let answered = app
        .inventory
        .swap(&app.db, &app.env, &order, move |tx| async move {
            bookings::write(tx.conn(), desk(app), moved, BookingChange::Moved).await?;
            presence::give_back(tx.conn(), moved.id).await?;
            if stay.terms.policy.one_place {
                presence::take(tx.conn(), &app.env, moved).await?;
            }
            audit::record(tx.conn(), &app.env, entry(who.actor(), "booking.reschedule", moved)).await?;
            Ok(tx)
        })
        .await;
    let answered = plan::name_bookings(app, (who, moved.resident_id), (stay, holder), answered).await?;
    answers::open(app, answered)
}

async fn decide(app: &App, who: Who<'_>, booking: &Booking, new: NewTime) -> Result<(Booking, Stay), Error> {
    let now = app.env.now();
    booking.state.check_move(&booking.terms(), who.is_staff(), now)?;
    let stay = plan::stay(app, new.room_id.unwrap_or(booking.room_id), &new.slot_ids).await?;
    if let Who::Staff(_, scope) = who {
        super::super::rooms::find(app, scope, stay.room.id).await?;
    }
    Ok((moved_to(booking, &stay, who.is_staff(), now)?, stay))
}

/// The booking as it is once moved to `stay`, if that can be booked by moving there.
pub(super) fn moved_to(
    booking: &Booking,
    stay: &Stay,
    by_staff: bool,
    now: DateTime<Utc>,
) -> Result<Booking, Refusal> {
    stay.check_offered()?;
    let policy = &stay.terms.policy;
    // What staff decide on or take money for is not got by moving there.
    let decided = policy.approval == Approval::Auto || by_staff;
    if !decided || policy.price_fen != booking.price_fen {
        return Err(Code::MoveNeedsNewBooking.into());
    }
    PartySize::new(booking.party_size.into(), &stay.room.rules)?;
    let (starts_at, ends_at) = stay.times;
    let channel = if by_staff { Channel::Counter } else { booking.channel };
    Policy::check_start(&stay.room.rules, channel, starts_at, now)?;
    let late_cancel = match policy.late_cancel {
        LateCancel::Flagged => LateCancel::Flagged,
        LateCancel::Refused => booking.late_cancel,
    };
    Ok(Booking {
        room_id: stay.room.id,
        facility_id: stay.room.facility_id,
        org_path: stay.room.org_path.clone(),
        slots: stay.slot_ids(),
        starts_at,
        ends_at,
        cancel_until: stay.room.rules.cancel_deadline(starts_at),
        late_cancel,
        version: booking.version + 1,
        ..booking.clone()
    })
}
