//! The rooms of a made city, and a week of slots in them.

use std::collections::HashMap;

use chrono::Days;
use linli_domain::{
    access::{OrgPath, Scope},
    generator::{Generator, MadeFacility, RoomKind, SOURCE},
    ids::{FacilityId, OrganisationId, RoomId, SlotId},
    time::local_date,
};
use linli_store::{
    Error,
    audit::Actor,
    storage::{facilities::reference, rooms::Room},
};

use super::Progress;
use crate::{
    App,
    app::{
        rooms::{self, NewRoom},
        timetables::{self, Decided, Edit},
    },
};

/// Facilities that get rooms, however large the city is: publishing takes a transaction a room.
const WITH_ROOMS: usize = 30;
/// Days that are published after today.
const DAYS_AHEAD: u16 = 6;

/// A slot that can be booked at once.
#[derive(Clone, Copy, Debug)]
pub struct Bookable {
    /// The room.
    pub room: RoomId,
    /// The slot, tomorrow.
    pub slot: SlotId,
    /// The organisation at whose counter it is paid for.
    pub counter: OrganisationId,
}

/// Makes the rooms of the first facilities that have any and publishes a week; answers a slot of tomorrow.
pub(super) async fn seed(
    app: &App,
    city: &Generator<'_>,
    size: usize,
    progress: Progress<'_>,
) -> Result<Option<Bookable>, Error> {
    let made = city.facilities().take(size);
    let with_rooms: Vec<MadeFacility> =
        made.filter(|made| made.status.operates() && !made.rooms.is_empty()).take(WITH_ROOMS).collect();
    let ids = with_rooms.iter().map(|made| made.external_id.as_str());
    let stored = reference::any_by_external_ids(app.db.read(), SOURCE, ids).await?;
    let mut first = None;
    for (done, made) in with_rooms.iter().enumerate() {
        let Some(facility) = stored.get(&made.external_id) else { continue };
        let existing = rooms::of_facility(app, facility.id).await?;
        let mut existing: HashMap<String, Room> =
            existing.into_iter().map(|room| (room.name.clone(), room)).collect();
        for kind in made.rooms {
            let room = match existing.remove(kind.name) {
                Some(room) => room,
                None => {
                    let new = new_room(facility.id, kind);
                    rooms::create_in(app, Actor::System, facility.org_path.clone(), new).await?
                }
            };
            publish(app, &room, kind).await?;
            first.get_or_insert((room, facility.org_path.clone()));
        }
        progress("rooms", done + 1, with_rooms.len());
    }
    let Some((room, place)) = first else { return Ok(None) };
    let Some(counter) = OrgPath::parse(&place).and_then(|path| path.ids().last()) else { return Ok(None) };
    let tomorrow = local_date(app.env.now()) + Days::new(1);
    let slots = rooms::slots(app, &room, (tomorrow, tomorrow), app.env.now()).await?;
    let free = slots.into_iter().find(|slot| slot.not_bookable.is_none());
    Ok(free.map(|slot| Bookable { room: room.id, slot: slot.id, counter }))
}

fn new_room(facility_id: FacilityId, kind: &RoomKind) -> NewRoom {
    let functions: Vec<_> = kind.functions.iter().map(|function| function.0).collect();
    NewRoom {
        facility_id,
        name: kind.name.to_owned(),
        description: Some(format!("【示例数据】一室多用：{}", functions.join("、"))),
        grid_minutes: kind.grid_minutes.into(),
        max_party_size: kind.max_party_size.into(),
        lead_minutes: 0,
        horizon_days: 30,
        cancel_until_minutes: 30,
    }
}

async fn publish(app: &App, room: &Room, kind: &RoomKind) -> Result<(), Error> {
    let found = timetables::get(app, room).await?;
    let version = found.as_ref().map_or(0, |found| found.version);
    if let Some(found) = found {
        // Whoever tries things out may have written another one.
        let edit = Edit { timetable: found.timetable, version, to: None };
        return match timetables::publish(app, Actor::System, room, &edit, None).await {
            Err(Error::Refused(_)) => Ok(()),
            done => done.map(drop),
        };
    }
    let edit = timetables::edit(app, room, (kind.bands(DAYS_AHEAD), version), None)?;
    timetables::replace(app, (Actor::System, &Scope::default()), room, &edit, &Decided::default()).await?;
    Ok(())
}
