//! What follows from changes of bookings: messages, rival requests, and lapsed ones written down.

use std::collections::BTreeSet;

use linli_domain::{
    Event,
    bookings::{State, message::BookingChange},
    ids::BookingId,
};
use linli_store::{
    Error,
    audit::{self, Actor},
    outbox,
    storage::bookings::{self, Booking, messages, presence},
};

use super::{decide, desk, entry};
use crate::{
    App,
    worker::{Job, consume},
};

/// Bookings that are seen to in one step.
const BATCH: u64 = 100;

/// The jobs of bookings.
pub fn jobs() -> [Job; 2] {
    use std::time::Duration;
    [
        Job {
            name: "bookings.follow",
            period: Duration::from_millis(500),
            leased: true,
            run: |app| Box::pin(consume(app, "bookings.follow", |events| follow(app, events))),
        },
        Job {
            name: "bookings.expire",
            period: Duration::from_secs(5),
            leased: true,
            run: |app| Box::pin(expire_some(app)),
        },
    ]
}

/// Looks at every booking that is named. May run again: a message has a key, a decline a version.
async fn follow(app: &App, events: Vec<Event>) -> Result<(), Error> {
    let (mut changed, mut lapsed) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        match event {
            Event::BookingChanged(id) => drop(changed.insert(id)),
            // The id of a claim is that of what it is for; one that is no booking's is not found.
            Event::ClaimLapsed(claim) => drop(lapsed.insert(BookingId(claim.0))),
            _ => {}
        }
    }
    for id in lapsed {
        expire(app, id).await?;
    }
    let changed: Vec<_> = changed.into_iter().collect();
    messages::write_missing(app.db.any_write(), &app.env, &changed).await?;
    for id in changed {
        if let Some(booking) = bookings::any(app.db.read(), desk(app), id).await? {
            decide::decline_rivals(app, &booking).await?;
        }
    }
    Ok(())
}

async fn expire_some(app: &App) -> Result<bool, Error> {
    let due = bookings::any_lapsed(app.db.read(), app.env.now(), BATCH).await?;
    for id in &due {
        expire(app, *id).await?;
    }
    Ok(due.len() as u64 == BATCH)
}

/// Writes down that a booking has lapsed, if it has and nobody did.
async fn expire(app: &App, id: BookingId) -> Result<(), Error> {
    let written = app
        .db
        .in_tx("bookings.expire", |tx| async move {
            let due = bookings::any_unwritten_lapse(tx.conn(), desk(app), id).await?;
            if let Some(booking) = due {
                debug_assert!(matches!(booking.state, State::Expired { .. }));
                let moved = Booking { version: booking.version + 1, ..booking };
                bookings::write(tx.conn(), desk(app), &moved, BookingChange::Expired).await?;
                presence::give_back(tx.conn(), id).await?;
                audit::record(tx.conn(), &app.env, entry(Actor::System, "booking.expire", &moved)).await?;
                outbox::emit(tx.conn(), &app.env, &[Event::BookingChanged(id)]).await?;
            }
            tx.commit(()).await
        })
        .await;
    match written {
        // Somebody moved it in between, so it is not lapsed.
        Err(error) if error.refusal().is_some() => Ok(()),
        other => other,
    }
}
