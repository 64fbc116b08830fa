//! Alternatives: what a refusal offers instead, from a view of this process that is at most a second old.

use std::sync::Arc;

use chrono::Days;
use linli_domain::{
    Alternatives, Refusal,
    bookings::alternatives::{Helps, Offer, choose},
    ids::{FacilityId, RoomId, SlotId},
    time::{local, local_date},
};
use linli_search::{Ask, Filter, Reach, Sort, Weights};
use linli_store::{
    Error,
    storage::rooms::{self, Room},
};
use serde_json::{Value, json};

use super::plan;
use crate::{App, app::views::seen};

/// What is free in one room in the coming days.
pub type Free = Arc<(Arc<Room>, Vec<Offer>)>;

/// Days that are looked at from today on.
const DAYS: u64 = 8;
/// Rooms that are looked at besides the one that was wanted.
const OTHER_ROOMS: usize = 6;
/// Facilities nearby that are looked at.
const NEARBY: usize = 4;
/// How far nearby is.
const WALK_M: f64 = 2_000.0;

/// Passes on what was done with `slots`; a refusal gets up to three alternatives, where another time or
/// room would help.
pub(super) async fn offer<T>(
    app: &App,
    (room, slots, party_size): (RoomId, &[SlotId], i64),
    done: Result<T, Error>,
) -> Result<T, Error> {
    match done {
        Err(Error::Refused(refusal)) => Err(add(app, refusal, room, slots, party_size).await.into()),
        done => done,
    }
}

/// A refusal that cannot be helped now stays a refusal: it never becomes an error.
async fn add(app: &App, refusal: Refusal, room: RoomId, slots: &[SlotId], party_size: i64) -> Refusal {
    let (Some(first), Some(helps)) = (slots.first(), Helps::against(&refusal)) else { return refusal };
    let party_size = u16::try_from(party_size).unwrap_or(1);
    let key = (room, *first, party_size, helps);
    let look_up = || nearest(app, room, slots, party_size, helps);
    match seen(&app.bookings.nearest, key, |_| true, look_up).await {
        Ok(nearest) => Refusal { alternatives: Some(nearest), ..refusal },
        Err(error) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "no alternatives could be looked up");
            refusal
        }
    }
}

async fn nearest(
    app: &App,
    room: RoomId,
    slots: &[SlotId],
    party_size: u16,
    helps: Helps,
) -> Result<Alternatives, Error> {
    let (room, times) = plan::wanted(app, room, slots).await?;
    let mut free = vec![free_in(app, Arc::clone(&room)).await?];
    for other in others(app, &room, party_size).await? {
        free.push(free_in(app, other.into()).await?);
    }
    let offers = free.iter().flat_map(|free| &free.1).filter(|offer| {
        offer.takes >= party_size.into() && !slots.contains(&offer.slot) && helps.with(offer, times)
    });
    let offers = offers.cloned().collect();
    let chosen = choose(room.id, times, offers).into_iter().filter_map(|(kind, offer)| {
        let (room, _) = &**free.iter().find(|free| free.0.id == offer.room)?;
        Some(json!({
            "kind": kind.as_str(),
            "facility_id": room.facility_id,
            "room_id": room.id,
            "room_name": room.name,
            "slot_id": offer.slot,
            "starts_at": local(offer.starts_at).to_rfc3339(),
            "ends_at": local(offer.ends_at).to_rfc3339(),
        }))
    });
    Ok(Alternatives::new(&chosen.collect::<Value>()))
}

/// What can be booked in a room from today on.
async fn free_in(app: &App, room: Arc<Room>) -> Result<Free, Error> {
    let id = room.id;
    let look_up = || async {
        let room = Arc::clone(&room);
        let now = app.env.now();
        let from = local_date(now);
        let rows = rooms::slots(app.db.read(), id, from, from + Days::new(DAYS), now).await?;
        let most = u32::from(room.rules.max_party_size);
        let bookable = rows
            .into_iter()
            .filter(|row| row.free > 0 && room.rules.check_start(row.starts_at, now).is_ok())
            .map(|row| Offer {
                room: id,
                slot: row.id.into(),
                starts_at: row.starts_at,
                ends_at: row.ends_at,
                takes: match row.seats {
                    Some(_) => u32::try_from(row.free).unwrap_or(0).min(most),
                    None => most,
                },
            });
        let offers = bookable.collect();
        Ok(Arc::new((room, offers)))
    };
    seen(&app.bookings.free, id, |_| true, look_up).await
}

/// Rooms of the same facility, then of facilities of its kind within a walk.
pub(super) async fn others(app: &App, room: &Room, party_size: u16) -> Result<Vec<Room>, Error> {
    let mut facilities = vec![room.facility_id];
    facilities.extend(nearby(app, room.facility_id));
    let mut found = Vec::new();
    for facility in facilities {
        let rooms = rooms::of_facility(app.db.read(), facility).await?;
        let fits = |other: &Room| other.id != room.id && other.rules.max_party_size >= party_size;
        found.extend(rooms.into_iter().filter(fits));
        if found.len() >= OTHER_ROOMS {
            break;
        }
    }
    found.truncate(OTHER_ROOMS);
    Ok(found)
}

/// Facilities of the same kind within a walk, the nearest first, as the catalogue of this process has it.
fn nearby(app: &App, facility: FacilityId) -> Vec<FacilityId> {
    let Ok(engine) = app.discovery.engine() else { return Vec::new() };
    let snapshot = engine.snapshot();
    let Some(facts) = snapshot.slot(facility).and_then(|slot| snapshot.facts(slot)) else {
        return Vec::new();
    };
    let now = app.env.now();
    let ask = Ask {
        origin: facts.point,
        reach: Some(Reach::Radius(WALK_M)),
        profile: linli_domain::geo::WalkProfile::Adult,
        filter: Filter { categories: facts.categories, ..Filter::default() },
        then: None,
        sort: Sort::Distance,
        weights: Weights::USUAL,
        facets: false,
        widen: false,
        after: None,
        reading: None,
        limit: NEARBY + 1,
        open_at: now,
        now,
    };
    let hits = engine.nearby(&ask).hits;
    hits.into_iter().map(|hit| hit.place.id).filter(|id| *id != facility).take(NEARBY).collect()
}
