//! Stored answers of bookings: replayed as they were, and sealed where they hold personal texts.

use base64::{Engine, engine::general_purpose::STANDARD};
use linli_domain::{Refusal, bookings::State, ids::BookingId};
use linli_store::{
    Error,
    idempotency::{self, Begun, Request, Stored},
    inventory::Answered,
    storage::bookings::Booking,
    vault::Place,
};
use serde_json::{Value, json};

use super::Ask;
use crate::App;

fn place(id: BookingId) -> Place {
    Place::new("idempotency", "answer", id)
}

/// The answer about `booking`, as the idempotency record keeps it.
pub(super) fn store(app: &App, ask: Ask<'_>, status: u16, booking: &Booking) -> Result<Stored, Error> {
    let plain = (ask.render)(booking);
    let reason = match &booking.state {
        State::Cancelled { reason, .. } | State::Declined { reason, .. } => reason.is_some(),
        _ => false,
    };
    if booking.purpose.is_none() && booking.companions.is_empty() && !reason {
        return Ok(Stored { status, answer: plain });
    }
    let sealed = app.vault.seal(&app.env, place(booking.id), &plain.to_string())?;
    let answer = json!({ "of": booking.id, "sealed": STANDARD.encode(sealed) });
    Ok(Stored { status, answer })
}

/// What the caller is answered: the stored answer, opened.
pub(super) fn open(app: &App, answered: Answered) -> Result<Answered, Error> {
    let Answered { stored, replayed } = answered;
    let Some(sealed) = stored.answer.get("sealed").and_then(Value::as_str) else {
        return Ok(Answered { stored, replayed });
    };
    let defect = || Error::internal("opening a stored answer", "it is not in a known form");
    let of = stored.answer.get("of").and_then(Value::as_str).and_then(|id| id.parse().ok());
    let bytes = STANDARD.decode(sealed).map_err(|_| defect())?;
    let plain = app.vault.open(place(of.ok_or_else(defect)?), &bytes)?;
    let answer = serde_json::from_str(&plain).map_err(|_| defect())?;
    Ok(Answered { stored: Stored { answer, ..stored }, replayed })
}

/// The stored answer of `request` if it has one, otherwise the refusal.
pub(super) async fn replay_or(app: &App, request: &Request, refusal: Refusal) -> Result<Answered, Error> {
    match idempotency::find(app.db.read(), request).await? {
        Some(stored) => open(app, Answered { stored, replayed: true }),
        None => Err(refusal.into()),
    }
}

/// One transaction for a move that touches no claim: `work` writes what it has to.
pub(super) async fn write<F, Fut>(
    app: &App,
    name: &'static str,
    request: &Request,
    stored: Stored,
    work: F,
) -> Result<Answered, Error>
where
    F: Fn(linli_store::Tx) -> Fut + Sync,
    Fut: Future<Output = Result<linli_store::Tx, Error>> + Send,
{
    let answered = match idempotency::once(&app.db, &app.env, name, request, &stored, work).await? {
        Begun::Fresh => Answered { stored, replayed: false },
        Begun::Replay(stored) => Answered { stored, replayed: true },
    };
    open(app, answered)
}
