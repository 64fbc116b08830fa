//! Staff decide on requests: yes, firm or until it is paid for; or no.

use std::collections::HashSet;

use linli_domain::{
    Code, Event,
    bookings::{Approval, State, short_text},
    consent::FamilyScope,
    ids::BookingId,
    inventory::Shortage,
};
use linli_store::{
    Error, Tx, audit,
    idempotency::Stored,
    inventory::{Answered, Confirm, Order},
    storage::bookings::{self, Booking, presence, slots},
};

use super::{
    Ask, Who, alternatives, answers, desk, entry, find, moves,
    plan::{self, Stay},
};
use crate::App;

/// Staff say yes. A request that held nothing takes the room now, or learns that another has it.
pub async fn approve(app: &App, who: Who<'_>, id: BookingId, ask: Ask<'_>) -> Result<Answered, Error> {
    let booking = find(app, who, FamilyScope::Book, id).await?;
    let stay = plan::stay(app, booking.room_id, &booking.slots).await?;
    let (price, starts_at) = (booking.price_fen, booking.starts_at);
    let moved = match booking.state.approve(&stay.terms.policy, price, starts_at, app.env.now()) {
        Err(refusal) => return answers::replay_or(app, ask.request, refusal).await,
        Ok(state) => Booking { state, version: booking.version + 1, ..booking.clone() },
    };
    let stored = answers::store(app, ask, 200, &moved)?;
    let done = say_yes(app, who, (&booking, &moved), &stay, ask, &stored).await;
    let done = match plan::anew(app, &stay, &done).await? {
        Some(fresh) => say_yes(app, who, (&booking, &moved), &fresh, ask, &stored).await,
        None => done,
    };
    alternatives::offer(app, (booking.room_id, &booking.slots, booking.party_size.into()), done).await
}

async fn say_yes(
    app: &App,
    who: Who<'_>,
    (booking, moved): (&Booking, &Booking),
    stay: &Stay,
    ask: Ask<'_>,
    answer: &Stored,
) -> Result<Answered, Error> {
    let events = [Event::BookingChanged(booking.id)];
    let write = move |tx: Tx| async move {
        bookings::write(tx.conn(), desk(app), moved, moved.state.news()).await?;
        if booking.state.holds() {
            presence::keep(tx.conn(), moved).await?;
        } else {
            slots::hold(tx.conn(), moved).await?;
            if stay.terms.policy.one_place {
                presence::take(tx.conn(), &app.env, moved).await?;
            }
        }
        audit::record(tx.conn(), &app.env, entry(who.actor(), "booking.approve", moved)).await?;
        Ok(tx)
    };
    let request = ask.request;
    if booking.state.holds() && moved.state == State::Confirmed {
        let (claim, gone) = (booking.id.into(), Code::BookingExpired);
        let order = Confirm { name: "bookings.approve", claim, request, answer, events: &events, gone };
        return answers::open(app, app.inventory.confirm(&app.db, &app.env, &order, write).await?);
    }
    let holder = plan::holder(app, booking.resident_id, &stay.terms).await?;
    let order = Order {
        name: "bookings.approve",
        claim: &stay.claim(moved, request, holder)?,
        request,
        answer: &|| Ok(answer.clone()),
        events: &events,
        refusal: &|shortage: &Shortage| stay.refuse(shortage, app.env.now()),
    };
    let answered = match booking.state.holds() {
        // Kept on, until it is paid for.
        true => app.inventory.swap(&app.db, &app.env, &order, write).await,
        false => app.inventory.claim(&app.db, &app.env, &order, write).await,
    };
    let whose = (who, booking.resident_id);
    answers::open(app, plan::name_bookings(app, whose, (stay, holder), answered).await?)
}

/// Staff say no; what was held is free again.
pub async fn decline(
    app: &App,
    who: Who<'_>,
    id: BookingId,
    reason: Option<String>,
    ask: Ask<'_>,
) -> Result<Answered, Error> {
    let booking = find(app, who, FamilyScope::Book, id).await?;
    let by = match who {
        Who::Staff(staff, _) => Some(staff),
        Who::Resident(_) => return Err(Code::Forbidden.into()),
    };
    let moved = match booking.state.decline(by, short_text("reason", reason)?, app.env.now()) {
        Err(refusal) => return answers::replay_or(app, ask.request, refusal).await,
        Ok(state) => Booking { state, version: booking.version + 1, ..booking.clone() },
    };
    moves::give_back(app, (who, "booking.decline"), &booking, &moved, HashSet::new(), ask).await
}

/// Requests for time that `booking` has taken and nothing is left of: they are told.
pub(super) async fn decline_rivals(app: &App, booking: &Booking) -> Result<(), Error> {
    let takes = booking.state == State::Confirmed || matches!(booking.state, State::PendingPayment { .. });
    let ids = match takes {
        true => bookings::any_rivals(app.db.read(), booking).await?,
        false => Vec::new(),
    };
    for id in ids {
        let Some(rival) = bookings::any(app.db.read(), desk(app), id).await? else { continue };
        let stay = plan::stay(app, rival.room_id, &rival.slots).await?;
        if stay.terms.policy.approval != Approval::StaffCollects || !stay.is_sold_out(app).await? {
            continue;
        }
        let Ok(state) = rival.state.decline(None, None, app.env.now()) else { continue };
        let moved = &Booking { state, version: rival.version + 1, ..rival };
        let declined = app
            .db
            .in_tx("bookings.decline_rival", |tx| async move {
                bookings::write(tx.conn(), desk(app), moved, moved.state.news()).await?;
                let line = entry(linli_store::audit::Actor::System, "booking.decline", moved);
                audit::record(tx.conn(), &app.env, line).await?;
                linli_store::outbox::emit(tx.conn(), &app.env, &[Event::BookingChanged(moved.id)]).await?;
                tx.commit(()).await
            })
            .await;
        // Somebody moved it meanwhile: it is theirs.
        if let Err(error) = declined
            && error.refusal().is_none()
        {
            return Err(error);
        }
    }
    Ok(())
}
