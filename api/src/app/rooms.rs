//! Rooms: making them, publishing their days, and what residents see of them.

use std::collections::HashMap;

use chrono::{DateTime, Days, Duration, NaiveDate, Utc};
use linli_domain::{
    Code, Refusal, Vocabulary,
    access::Scope,
    bookings::{quota::online_left, short_text},
    ids::{FacilityId, RoomId, SlotId, StaffId},
    rooms::{BookingRules, Grid, Offer, bands::RoomFunction, plan_day},
    time::local_date,
};
use linli_store::{
    Error, OnConstraint, Tx,
    audit::{self, Actor, Entry},
    idempotency::{self, Begun},
    storage::{
        bookings::policies,
        facilities,
        rooms::{self, MAX_DEPTH, Published, Room, SlotRow, room},
        staff::tree,
    },
};
use sea_orm::{EntityTrait, Set};
use serde_json::json;
use uuid::Uuid;

use super::bookings;
use crate::App;

/// Most days in one answer.
const MAX_DAYS: u64 = 31;
/// How often a division begins again because somebody booked meanwhile.
const DIVIDE_TRIES: usize = 20;

/// A room to make.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// Facility it is in.
    pub facility_id: FacilityId,
    /// What it is called.
    pub name: String,
    /// What one should know before coming.
    pub description: Option<String>,
    /// How long its cells are, in minutes.
    pub grid_minutes: i32,
    /// People that fit.
    pub max_party_size: i32,
    /// Bookable until this long before the start.
    pub lead_minutes: i32,
    /// Bookable from this many days before the date.
    pub horizon_days: i32,
    /// Can be cancelled until this long before the start.
    pub cancel_until_minutes: i32,
}

/// A slot as a resident sees it.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Id.
    pub id: SlotId,
    /// When it starts.
    pub starts_at: DateTime<Utc>,
    /// When it ends, not included.
    pub ends_at: DateTime<Utc>,
    /// What the room is then, where a band says so.
    pub function: Option<RoomFunction>,
    /// What the centre calls it.
    pub title: Option<String>,
    /// Units free.
    pub free: u32,
    /// Why it cannot be booked now, if it cannot.
    pub not_bookable: Option<Code>,
}

/// The room as it would be made, in a place not known yet: so its answer is known before the work. A
/// part of a room has its grid.
pub fn draft(app: &App, new: NewRoom, whole: Option<&Room>) -> Result<Room, Refusal> {
    let Some(whole) = whole else { return parse(app, String::new(), new) };
    let new = NewRoom { grid_minutes: whole.grid.minutes().into(), ..new };
    Ok(Room { part_of: Some(whole.id), ..parse(app, String::new(), new)? })
}

/// Makes a room in a facility of `scope`, once per idempotency key.
pub async fn create(
    app: &App,
    staff: StaffId,
    scope: &Scope,
    draft: &Room,
    request: &idempotency::Request,
    answer: &idempotency::Stored,
) -> Result<Begun, Error> {
    idempotency::once(&app.db, &app.env, "rooms.create", request, answer, |tx| async move {
        // The facility's place is copied: it does not move before the end.
        tree::hold(tx.conn()).await?;
        let facility = facilities::find(tx.conn(), scope, draft.facility_id).await?.ok_or(Code::NotFound)?;
        let room = Room { org_path: facility.org_path, ..draft.clone() };
        insert(app, &tx, Actor::Staff(staff), &room).await?;
        Ok(tx)
    })
    .await
}

/// Makes a room where the caller has the right to: for seeding.
pub async fn create_in(app: &App, actor: Actor, org_path: String, new: NewRoom) -> Result<Room, Error> {
    let room = &parse(app, org_path, new)?;
    app.db
        .in_tx("rooms.seed", |tx| async move {
            insert(app, &tx, actor, room).await?;
            tx.commit(()).await
        })
        .await?;
    Ok(room.clone())
}

/// Makes a room that is part of `whole`, in its facility and on its grid, also while people book; once
/// per idempotency key.
///
/// Whoever has booked the whole has the part too, and slots of the whole take it from now on.
pub async fn create_part(
    app: &App,
    staff: StaffId,
    whole: &Room,
    draft: &Room,
    request: &idempotency::Request,
    answer: &idempotency::Stored,
) -> Result<Begun, Error> {
    const BOOKED_MEANWHILE: &str = "room";
    if rooms::path_of(app.db.read(), whole.id).await?.len() > MAX_DEPTH {
        let (zh, en) = ("这个房间已经分得够细了", "This room is divided as far as it may be.");
        return Err(Refusal::field("part_of", "too_deep", zh, en).into());
    }
    let part = &Room { org_path: whole.org_path.clone(), ..draft.clone() };
    for _ in 0..DIVIDE_TRIES {
        let divided =
            idempotency::once(&app.db, &app.env, "rooms.divide", request, answer, |tx| async move {
                tree::hold(tx.conn()).await?;
                let cells = rooms::lock_cells(tx.conn(), whole.id, local_date(app.env.now())).await?;
                let cells = cells.ok_or(Error::Unavailable { what: BOOKED_MEANWHILE, source: None })?;
                insert(app, &tx, Actor::Staff(staff), part).await?;
                rooms::divide(tx.conn(), &app.env, cells, part.id).await?;
                Ok(tx)
            });
        match divided.await {
            Err(Error::Unavailable { what: BOOKED_MEANWHILE, .. }) => {}
            done => {
                app.bookings.slots.invalidate_all();
                app.slot_lists.edited();
                return done;
            }
        }
    }
    Err(Error::Unavailable { what: BOOKED_MEANWHILE, source: None })
}

/// Publishes one day of a room: cells and slots come into being, again changes nothing.
pub async fn publish_day(
    app: &App,
    actor: Actor,
    room: &Room,
    date: NaiveDate,
    template: &[impl Into<Offer> + Copy],
) -> Result<Published, Error> {
    let offers = &template.iter().map(|&offer| offer.into()).collect::<Vec<Offer>>();
    let published = app
        .db
        .in_tx("rooms.publish", |tx| async move {
            let tree = rooms::lock_tree(tx.conn(), room.id).await?;
            if rooms::bands::has(tx.conn(), room.id).await? {
                return Err(Code::RoomHasTimetable.into());
            }
            let plan = &plan_day(room.grid, &tree, date, offers, app.env.now())?;
            let published = rooms::publish(tx.conn(), &app.env, room, date, plan).await?;
            if published.created > 0 {
                let detail = json!({ "date": date, "slots": published.created });
                audit::record(tx.conn(), &app.env, entry(actor, "room.publish", room, detail)).await?;
            }
            tx.commit(published).await
        })
        .await?;
    app.slot_lists.edited();
    Ok(published)
}

/// A room in scope.
pub async fn find(app: &App, scope: &Scope, id: RoomId) -> Result<Room, Error> {
    Ok(rooms::find(app.db.read(), scope, id).await?.ok_or(Code::NotFound)?)
}

/// The rooms of a facility that residents may read.
pub async fn of_facility(app: &App, facility: FacilityId) -> Result<Vec<Room>, Error> {
    facilities::find_public(app.db.read(), facility).await?.ok_or(Code::NotFound)?;
    rooms::of_facility(app.db.read(), facility).await
}

/// The slots of a room from `days.0` to `days.1`, both included, as they are at `now`.
pub async fn slots(
    app: &App,
    room: &Room,
    days: (NaiveDate, NaiveDate),
    now: DateTime<Utc>,
) -> Result<Vec<Slot>, Error> {
    let rows = rooms::slots(app.db.read(), room.id, days.0, days.1, now).await?;
    let online = left_online(app, room, &rows).await?;
    let slots = rows.into_iter().map(|row| {
        let free = u32::try_from(row.free).unwrap_or(0);
        let not_bookable = match room.rules.check_start(row.starts_at, now) {
            Err(refusal) => Some(refusal.code),
            Ok(()) if row.open == 0 => Some(Code::SlotClosed),
            Ok(()) if free == 0 => Some(Code::SlotTaken),
            Ok(()) if online.get(&row.id) == Some(&0) => Some(Code::OnlineShareFull),
            Ok(()) => None,
        };
        Slot {
            id: row.id.into(),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            function: row.function.as_deref().and_then(RoomFunction::parse),
            title: row.title,
            free,
            not_bookable,
        }
    });
    Ok(slots.collect())
}

/// The days that are asked for: from today when nobody says, for a week when nobody says.
pub fn days(
    app: &App,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> Result<(NaiveDate, NaiveDate), Refusal> {
    let from = from.unwrap_or_else(|| local_date(app.env.now()));
    let to = to.unwrap_or_else(|| from + Days::new(6));
    if to < from || to > from + Days::new(MAX_DAYS - 1) {
        let (zh, en) = ("起止日期要按先后顺序，最多 31 天", "From and to are in order and at most 31 days.");
        return Err(Refusal::field("to", "out_of_range", zh, en));
    }
    Ok((from, to))
}

/// Of each shared slot, what is left for those who book online, where places are kept back from them.
async fn left_online(app: &App, room: &Room, rows: &[SlotRow]) -> Result<HashMap<Uuid, u32>, Error> {
    let reserved = bookings::reserved(app, room).await?;
    let shared = rows.iter().filter_map(|row| Some((row.id, u32::try_from(row.seats?).ok()?)));
    let shared: HashMap<_, _> = shared.filter(|_| reserved > 0).collect();
    let used = policies::online_used(app.db.read(), shared.keys().copied()).await?;
    let left = |(id, seats): (Uuid, u32)| {
        let used = used.get(&id).copied().unwrap_or(0);
        (id, online_left(seats, reserved, used))
    };
    Ok(shared.into_iter().map(left).collect())
}

async fn insert(app: &App, tx: &Tx, actor: Actor, room: &Room) -> Result<(), Error> {
    room::Entity::insert(row(room, app.env.now()))
        .exec_without_returning(tx.conn())
        .await
        .on_constraint("room_facility_name_key", || Code::RoomNameTaken.into())?;
    audit::record(tx.conn(), &app.env, entry(actor, "room.create", room, json!({}))).await?;
    Ok(())
}

fn parse(app: &App, org_path: String, new: NewRoom) -> Result<Room, Refusal> {
    let range = |field: &'static str, value: i32, most: u16| {
        u16::try_from(value).ok().filter(|value| *value <= most).ok_or_else(|| {
            let (zh, en) = (format!("要在 0 到 {most} 之间"), format!("Between 0 and {most}."));
            Refusal::field(field, "out_of_range", zh, en)
        })
    };
    let grid = u16::try_from(new.grid_minutes).ok().and_then(Grid::of_minutes).ok_or_else(|| {
        Refusal::field("grid_minutes", "not_a_grid", "只能是 15、30 或 60", "15, 30 or 60.")
    })?;
    let max_party_size = range("max_party_size", new.max_party_size, 5_000)?;
    if max_party_size == 0 {
        return Err(Refusal::field("max_party_size", "out_of_range", "至少为 1", "At least 1."));
    }
    let name = short_text("name", Some(new.name))?;
    let name = name.ok_or_else(|| Refusal::field("name", "required", "请填写名称", "A room has a name."))?;
    Ok(Room {
        id: app.env.id(),
        facility_id: new.facility_id,
        org_path,
        part_of: None,
        name,
        description: short_text("description", new.description)?,
        grid,
        rules: BookingRules {
            max_party_size,
            lead: Duration::minutes(range("lead_minutes", new.lead_minutes, 10_080)?.into()),
            horizon_days: range("horizon_days", new.horizon_days, 365)?,
            cancel_until: Duration::minutes(
                range("cancel_until_minutes", new.cancel_until_minutes, 10_080)?.into(),
            ),
        },
        version: 1,
    })
}

fn row(room: &Room, now: DateTime<Utc>) -> room::ActiveModel {
    let minutes = |time: Duration| i32::try_from(time.num_minutes()).unwrap_or(i32::MAX);
    room::ActiveModel {
        id: Set(room.id.0),
        facility_id: Set(room.facility_id.0),
        org_path: Set(room.org_path.clone()),
        part_of: Set(room.part_of.map(|whole| whole.0)),
        name: Set(room.name.clone()),
        description: Set(room.description.clone()),
        grid_minutes: Set(i16::try_from(room.grid.minutes()).unwrap_or(60)),
        max_party_size: Set(room.rules.max_party_size.into()),
        lead_minutes: Set(minutes(room.rules.lead)),
        horizon_days: Set(room.rules.horizon_days.into()),
        cancel_until_minutes: Set(minutes(room.rules.cancel_until)),
        version: Set(room.version),
        created_at: Set(now),
        updated_at: Set(now),
    }
}

fn entry(actor: Actor, action: &'static str, room: &Room, detail: serde_json::Value) -> Entry {
    Entry {
        actor,
        action,
        subject_kind: "room",
        subject_id: Some(room.id.0),
        org_path: room.org_path.clone(),
        detail,
    }
}
