//! Checking in: by the code, by the pass, or from the list of the day.

use chrono::{DateTime, Utc};
use linli_domain::{
    Code, Event,
    bookings::{
        State,
        attendance::{Arrival, CheckInBy, CheckInCode, CheckedInBy, pass_ends, pass_step},
    },
    consent::FamilyScope,
    ids::{BookingId, FacilityId, ResidentId},
    time::local_date,
};
use linli_store::{
    Error, audit,
    inventory::Answered,
    outbox,
    storage::bookings::{self, Booking, codes},
};

use super::{Ask, Who, answers, desk, entry, find, pass};
use crate::App;

/// What a resident shows at the counter.
pub struct Pass {
    /// The booking as it stands.
    pub booking: Booking,
    /// What they can say.
    pub code: CheckInCode,
    /// What can be scanned.
    pub pass: String,
    /// When the next one is to be shown.
    pub renew_at: DateTime<Utc>,
}

/// How staff were told who is there.
#[derive(Clone, Debug)]
pub enum Shown {
    /// A pass was scanned.
    Pass(String),
    /// A code was said, at this facility.
    Code(FacilityId, CheckInCode),
    /// Staff found them on the list.
    Listed(BookingId),
}

/// The pass of a booking that `me` may act for, while somebody is waited for.
pub async fn pass_of(app: &App, me: ResidentId, id: BookingId) -> Result<Pass, Error> {
    let booking = find(app, Who::Resident(me), FamilyScope::Book, id).await?;
    let now = app.env.now();
    let arrival = Arrival { at: now, by: CheckedInBy::Resident(me), how: CheckInBy::Pass };
    match booking.state.check_in(arrival, &booking.check_in_window(), now) {
        // It is shown before one can check in with it.
        Err(refusal) if refusal.code != Code::CheckInTooEarly => return Err(refusal.into()),
        _ => {}
    }
    let code = match codes::of(app.db.read(), &booking).await? {
        Some(code) => code,
        None => keep_code(app, &booking).await?,
    };
    let pass = pass::make(app, id, now);
    Ok(Pass { booking, code, pass, renew_at: pass_ends(pass_step(now)) })
}

/// Staff check somebody in.
pub async fn check_in(app: &App, who: Who<'_>, shown: Shown, ask: Ask<'_>) -> Result<Answered, Error> {
    let now = app.env.now();
    let (id, how) = match named(app, &shown, now).await {
        Err(Error::Refused(refusal)) => return answers::replay_or(app, ask.request, refusal).await,
        named => named?,
    };
    let found = find(app, who, FamilyScope::Book, id).await;
    let booking = match (found, how) {
        // A code or a pass of elsewhere says nothing of what it is for.
        (Err(Error::Refused(_)), CheckInBy::Code) => return Err(Code::CheckInCodeUnknown.into()),
        (found, _) => found?,
    };
    arrive(app, who, (booking, how), ask).await
}

/// Writes down that the people of a booking are here.
async fn arrive(
    app: &App,
    who: Who<'_>,
    (booking, how): (Booking, CheckInBy),
    ask: Ask<'_>,
) -> Result<Answered, Error> {
    let now = app.env.now();
    let by = match who {
        Who::Resident(id) => CheckedInBy::Resident(id),
        Who::Staff(id, _) => CheckedInBy::Staff(id),
    };
    let came = booking.state.check_in(Arrival { at: now, by, how }, &booking.check_in_window(), now);
    step(app, (who, "booking.check_in"), booking, came, ask).await
}

/// Checks somebody out.
pub async fn check_out(app: &App, who: Who<'_>, id: BookingId, ask: Ask<'_>) -> Result<Answered, Error> {
    let booking = find(app, who, FamilyScope::Book, id).await?;
    let left = booking.state.check_out(app.env.now());
    step(app, (who, "booking.check_out"), booking, left, ask).await
}

/// One step of a booking that touches no claim.
async fn step(
    app: &App,
    (who, action): (Who<'_>, &'static str),
    booking: Booking,
    state: Result<State, linli_domain::Refusal>,
    ask: Ask<'_>,
) -> Result<Answered, Error> {
    let moved = &match state {
        Err(refusal) => return answers::replay_or(app, ask.request, refusal).await,
        Ok(state) => Booking { state, version: booking.version + 1, ..booking },
    };
    let stored = answers::store(app, ask, 200, moved)?;
    answers::write(app, "bookings.attendance", ask.request, stored, move |tx| async move {
        bookings::write(tx.conn(), desk(app), moved, moved.state.news()).await?;
        audit::record(tx.conn(), &app.env, entry(who.actor(), action, moved)).await?;
        outbox::emit(tx.conn(), &app.env, &[Event::BookingChanged(moved.id)]).await?;
        Ok(tx)
    })
    .await
}

async fn named(app: &App, shown: &Shown, now: DateTime<Utc>) -> Result<(BookingId, CheckInBy), Error> {
    Ok(match shown {
        Shown::Pass(pass) => (pass::read(app, pass, now)?, CheckInBy::Pass),
        Shown::Code(facility, code) => {
            let found = codes::any_by_code(app.db.read(), *facility, local_date(now), *code).await?;
            (found.ok_or(Code::CheckInCodeUnknown)?, CheckInBy::Code)
        }
        Shown::Listed(id) => (*id, CheckInBy::List),
    })
}

/// Gives a booking that somebody will come to its code, and takes it from one that nobody will.
pub(super) async fn see_to_code(app: &App, booking: &Booking) -> Result<(), Error> {
    if booking.state == State::Confirmed && booking.ends_at > app.env.now() {
        if codes::of(app.db.read(), booking).await?.is_none() {
            keep_code(app, booking).await?;
        }
    } else if codes::any(app.db.read(), booking.id).await? {
        codes::forget(app.db.any_write(), booking.id).await?;
    }
    Ok(())
}

async fn keep_code(app: &App, booking: &Booking) -> Result<CheckInCode, Error> {
    app.db
        .in_tx("bookings.code", |tx| async move {
            let code = codes::keep(tx.conn(), &app.env, booking).await?;
            tx.commit(code).await
        })
        .await
}
