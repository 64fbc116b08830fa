//! Rooms, their published slots, and the cells that slots take.

pub mod bands;
pub mod closures;
mod entities;
mod left;
mod parts;
mod publish;
mod revise;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use linli_domain::{
    access::Scope,
    ids::{FacilityId, RoomId, SlotId, StockId},
    inventory::{Need, Tag},
    rooms::{BookingRules, Grid},
};
use sea_orm::{
    ConnectionTrait, DbErr, FromQueryResult, QueryOrder, QuerySelect, Statement, entity::prelude::*,
};

use crate::{Error, ScopeCondition};

pub use self::{
    entities::{room, room_bands, room_cell, room_closure, slot, slot_cell},
    left::{any_left, any_with_rooms},
    parts::{Divisible, MAX_DEPTH, divide, lock_cells, lock_tree, path_of, with_parts},
    publish::{Published, publish},
    revise::{Revised, revise, standing},
};

/// A room as use cases see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Id.
    pub id: RoomId,
    /// Facility it is in.
    pub facility_id: FacilityId,
    /// That facility's place in the organisation tree.
    pub org_path: String,
    /// The room it is a part of, if it is one.
    pub part_of: Option<RoomId>,
    /// What it is called.
    pub name: String,
    /// What one should know before coming.
    pub description: Option<String>,
    /// How long its cells are.
    pub grid: Grid,
    /// What it asks of a booking.
    pub rules: BookingRules,
    /// Grows with every edit.
    pub version: i64,
}

impl TryFrom<room::Model> for Room {
    type Error = Error;

    fn try_from(row: room::Model) -> Result<Self, Error> {
        let defect = || Error::internal("reading a room", "a number is out of range");
        let grid = u16::try_from(row.grid_minutes).ok().and_then(Grid::of_minutes).ok_or_else(defect)?;
        Ok(Self {
            id: row.id.into(),
            facility_id: row.facility_id.into(),
            org_path: row.org_path,
            part_of: row.part_of.map(RoomId::from),
            name: row.name,
            description: row.description,
            grid,
            rules: BookingRules {
                max_party_size: u16::try_from(row.max_party_size).map_err(|_| defect())?,
                lead: Duration::minutes(row.lead_minutes.into()),
                horizon_days: u16::try_from(row.horizon_days).map_err(|_| defect())?,
                cancel_until: Duration::minutes(row.cancel_until_minutes.into()),
            },
            version: row.version,
        })
    }
}

/// A room, by anyone.
pub async fn find_public(conn: &impl ConnectionTrait, id: RoomId) -> Result<Option<Room>, Error> {
    room::Entity::find_by_id(id.0).one(conn).await?.map(Room::try_from).transpose()
}

/// A room in scope.
pub async fn find(conn: &impl ConnectionTrait, scope: &Scope, id: RoomId) -> Result<Option<Room>, Error> {
    let found =
        room::Entity::find_by_id(id.0).filter(scope.condition(room::Column::OrgPath)).one(conn).await?;
    found.map(Room::try_from).transpose()
}

/// The rooms of a facility by name.
pub async fn of_facility(conn: &impl ConnectionTrait, facility: FacilityId) -> Result<Vec<Room>, Error> {
    let rows = room::Entity::find()
        .filter(room::Column::FacilityId.eq(facility.0))
        .order_by_asc(room::Column::Name)
        .limit(MAX_ROOMS)
        .all(conn)
        .await?;
    rows.into_iter().map(Room::try_from).collect()
}

/// Rooms of one facility that are listed at the most.
const MAX_ROOMS: u64 = 200;

/// A slot with what is left of it.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct SlotRow {
    /// Id.
    pub id: Uuid,
    /// When it starts.
    pub starts_at: DateTimeUtc,
    /// When it ends, not included.
    pub ends_at: DateTimeUtc,
    /// How many people share it, if it is not for one party alone.
    pub seats: Option<i32>,
    /// What the room is then, where a band says so.
    pub function: Option<String>,
    /// What the centre calls it.
    pub title: Option<String>,
    /// Units free: what the scarcest of its cells has.
    pub free: i32,
    /// Whether all of its cells are open: 1, or 0 while it is closed.
    pub open: i32,
}

/// The slots of a room from `from` to `to` (both included), with what is free at `now`.
///
/// A hold that has lapsed is free, whether or not somebody has ended it yet: a claim would.
pub async fn slots(
    conn: &impl ConnectionTrait,
    room: RoomId,
    from: NaiveDate,
    to: NaiveDate,
    now: DateTime<Utc>,
) -> Result<Vec<SlotRow>, DbErr> {
    const SQL: &str = "SELECT slot.id, slot.starts_at, slot.ends_at, slot.seats, slot.function, slot.title, MIN(CASE WHEN stock.open \
           THEN stock.capacity - stock.used + COALESCE(lapsed.units, 0) ELSE 0 END) AS free, \
           MIN(CASE WHEN stock.open THEN 1 ELSE 0 END) AS open \
         FROM slot JOIN slot_cell ON slot_cell.slot_id = slot.id JOIN stock ON stock.id = slot_cell.stock_id \
         LEFT JOIN (SELECT claim_stock.stock_id, CAST(SUM(claim_stock.units) AS integer) AS units \
           FROM claim JOIN claim_stock ON claim_stock.claim_id = claim.id \
           WHERE claim.ended_at IS NULL AND claim.expires_at <= $4 GROUP BY claim_stock.stock_id) lapsed \
           ON lapsed.stock_id = stock.id \
         WHERE slot.room_id = $1 AND slot.on_date >= $2 AND slot.on_date <= $3 AND slot.withdrawn_at IS NULL \
         GROUP BY slot.id, slot.starts_at, slot.ends_at, slot.seats, slot.function, slot.title ORDER BY slot.starts_at, slot.ends_at";
    let values: [sea_orm::Value; 4] = [room.0.into(), from.into(), to.into(), now.into()];
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), SQL, values);
    SlotRow::find_by_statement(statement).all(conn).await
}

/// A slot with everything a booking of it needs. What it takes changes only when its room is divided,
/// and then what it took before is closed.
#[derive(Clone, Debug)]
pub struct SlotPlan {
    /// Id.
    pub id: SlotId,
    /// When it starts.
    pub starts_at: DateTime<Utc>,
    /// When it ends, not included.
    pub ends_at: DateTime<Utc>,
    /// How many people share it; a booking then takes a unit for each who comes, else one of each stock.
    pub seats: Option<u32>,
    /// Whether it is on offer no more; who has it keeps it.
    pub withdrawn: bool,
    /// Stocks a booking takes.
    pub stocks: Vec<(Tag, StockId)>,
}

impl SlotPlan {
    /// What a booking for `party_size` people claims.
    pub fn needs(&self, party_size: u16) -> impl Iterator<Item = (Tag, Need)> {
        let units = if self.seats.is_some() { party_size.into() } else { 1 };
        self.stocks.iter().map(move |(tag, stock)| (tag.clone(), Need { stock: *stock, units }))
    }
}

/// The plan of a slot of `room`.
pub async fn slot_plan(
    conn: &impl ConnectionTrait,
    room: RoomId,
    slot: SlotId,
) -> Result<Option<SlotPlan>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        starts_at: DateTimeUtc,
        ends_at: DateTimeUtc,
        seats: Option<i32>,
        withdrawn_at: Option<DateTimeUtc>,
        stock_id: Uuid,
        tag: String,
    }
    const SQL: &str = "SELECT slot.starts_at, slot.ends_at, slot.seats, slot.withdrawn_at, \
           stock.id AS stock_id, stock.tag \
         FROM slot JOIN slot_cell ON slot_cell.slot_id = slot.id JOIN stock ON stock.id = slot_cell.stock_id \
         WHERE slot.id = $1 AND slot.room_id = $2";
    let statement =
        Statement::from_sql_and_values(conn.get_database_backend(), SQL, [slot.0.into(), room.0.into()]);
    let rows = Row::find_by_statement(statement).all(conn).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let (starts_at, ends_at) = (first.starts_at, first.ends_at);
    let seats = first.seats.and_then(|seats| u32::try_from(seats).ok());
    let withdrawn = first.withdrawn_at.is_some();
    let stocks = rows.into_iter().map(|row| (Tag::from(row.tag), row.stock_id.into())).collect();
    Ok(Some(SlotPlan { id: slot, starts_at, ends_at, seats, withdrawn, stocks }))
}

/// The tags of every day from `from` on that has slots: what the reconciler goes through.
pub async fn any_tags_from(conn: &impl ConnectionTrait, from: NaiveDate) -> Result<Vec<Tag>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        facility_id: Uuid,
        on_date: Date,
    }
    const SQL: &str = "SELECT DISTINCT room.facility_id, slot.on_date \
         FROM slot JOIN room ON room.id = slot.room_id WHERE slot.on_date >= $1";
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), SQL, [from.into()]);
    let rows = Row::find_by_statement(statement).all(conn).await?;
    Ok(rows.into_iter().map(|row| Tag::facility_day(row.facility_id.into(), row.on_date)).collect())
}
