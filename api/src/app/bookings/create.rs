//! Making a booking, whoever makes it and through whichever door: the same rules, the same refusals.

use linli_domain::{
    Code, Event,
    access::OrgPath,
    bookings::{PartySize, Policy, companions, short_text},
    consent::FamilyScope,
    inventory::Shortage,
};
use linli_store::{
    Error, Tx, audit,
    inventory::{Answered, Order},
    outbox,
    storage::bookings::{self, Booking, presence},
};

use super::{
    Ask, Door, NewBooking, Who, alternatives, answers, desk, entry,
    plan::{self, Stay},
    require_consent,
};
use crate::App;

/// Books slots of a room.
pub async fn create(app: &App, door: &Door<'_>, new: NewBooking, ask: Ask<'_>) -> Result<Answered, Error> {
    let (room, slots, party) = (new.room_id, new.slot_ids.clone(), new.party_size);
    let done = attempt(app, door, new, ask).await;
    alternatives::offer(app, (room, &slots, party), done).await
}

async fn attempt(app: &App, door: &Door<'_>, new: NewBooking, ask: Ask<'_>) -> Result<Answered, Error> {
    let (booking, stay) = match decide(app, door, new).await {
        Err(Error::Refused(refusal)) => return answers::replay_or(app, ask.request, refusal).await,
        decided => decided?,
    };
    let booking = &booking;
    if !booking.state.holds() {
        let stored = answers::store(app, ask, 201, booking)?;
        let work = answers::write(app, "bookings.request", ask.request, stored, move |tx| async move {
            let tx = write_new(app, tx, door, booking).await?;
            outbox::emit(tx.conn(), &app.env, &[Event::BookingChanged(booking.id)]).await?;
            Ok(tx)
        });
        return Box::pin(work).await;
    }
    let done = claim(app, door, (booking, &stay), ask).await;
    match plan::anew(app, &stay, &done).await? {
        Some(fresh) => Box::pin(claim(app, door, (booking, &fresh), ask)).await,
        None => done,
    }
}

async fn claim(
    app: &App,
    door: &Door<'_>,
    (booking, stay): (&Booking, &Stay),
    ask: Ask<'_>,
) -> Result<Answered, Error> {
    let holder = plan::holder(app, booking.resident_id, &stay.terms).await?;
    let order = Order {
        name: "bookings.create",
        claim: &stay.claim(booking, ask.request, holder)?,
        request: ask.request,
        answer: &|| answers::store(app, ask, 201, booking),
        events: &[Event::BookingChanged(booking.id)],
        refusal: &|shortage: &Shortage| stay.refuse(shortage, app.env.now()),
    };
    let answered = app
        .inventory
        .claim(&app.db, &app.env, &order, move |tx| async move {
            let tx = write_new(app, tx, door, booking).await?;
            if stay.terms.policy.one_place {
                presence::take(tx.conn(), &app.env, booking).await?;
            }
            Ok(tx)
        })
        .await;
    let whose = (door.who, booking.resident_id);
    let answered = plan::name_bookings(app, whose, (stay, holder), answered).await?;
    answers::open(app, answered)
}

pub(super) async fn write_new(app: &App, tx: Tx, door: &Door<'_>, booking: &Booking) -> Result<Tx, Error> {
    bookings::insert(tx.conn(), desk(app), booking, booking.state.news()).await?;
    audit::record(tx.conn(), &app.env, entry(door.who.actor(), "booking.create", booking)).await?;
    Ok(tx)
}

/// The rules, on what was looked up at most a second ago.
pub(super) async fn decide(app: &App, door: &Door<'_>, new: NewBooking) -> Result<(Booking, Stay), Error> {
    let stay = plan::stay(app, new.room_id, &new.slot_ids).await?;
    may_book(app, door, &stay).await?;
    stay.check_offered()?;
    let party_size = PartySize::new(new.party_size, &stay.room.rules)?;
    let (starts_at, ends_at) = stay.times;
    let now = app.env.now();
    Policy::check_start(&stay.room.rules, door.channel, starts_at, now)?;
    let policy = &stay.terms.policy;
    let booking = Booking {
        id: app.env.id(),
        room_id: stay.room.id,
        facility_id: stay.room.facility_id,
        org_path: stay.room.org_path.clone(),
        resident_id: door.resident,
        booked_by: door.who.booked_by(),
        channel: door.channel,
        slots: stay.slot_ids(),
        party_size: party_size.get(),
        purpose: short_text("purpose", new.purpose)?,
        companions: companions(new.companions, party_size)?,
        starts_at,
        ends_at,
        cancel_until: stay.room.rules.cancel_deadline(starts_at),
        late_cancel: policy.late_cancel,
        price_fen: policy.price_fen,
        state: policy.begin(starts_at, now),
        created_at: now,
        version: 1,
    };
    Ok((booking, stay))
}

/// Residents book for themselves and for family who let them; staff for anybody, in rooms of theirs.
pub(super) async fn may_book(app: &App, door: &Door<'_>, stay: &Stay) -> Result<(), Error> {
    match door.who {
        Who::Resident(me) if me == door.resident => Ok(()),
        Who::Resident(me) => require_consent(app, me, door.resident, FamilyScope::Book).await,
        Who::Staff(_, scope) => {
            let path = OrgPath::parse(&stay.room.org_path);
            if path.is_some_and(|path| scope.contains(&path)) { Ok(()) } else { Err(Code::NotFound.into()) }
        }
    }
}
