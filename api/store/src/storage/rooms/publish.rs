//! Publishing a day: cells and slots come into being, and publishing again changes nothing.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use linli_domain::{
    Code, Event, Vocabulary,
    ids::{SlotId, StockId},
    inventory::{Claim, KeyDigest, Need, Shortage, Tag},
    rooms::{Cell, PlannedSlot},
    time::local_date,
};
use sea_orm::{ConnectionTrait, DbErr, QueryOrder, QuerySelect, Set, entity::prelude::*};

use super::{Room, closures, room_cell, slot, slot_cell};
use crate::{
    Env, Error,
    inventory::{claim_within, stock},
    outbox,
};

/// What publishing a day did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Slots that are new.
    pub created: usize,
    /// Slots that were there already.
    pub kept: usize,
}

/// Publishes `plan` on `date`, inside the caller's transaction.
///
/// The caller has locked the room's tree ([`super::lock_tree`]), so two publishers of a day come one
/// after the other and the second finds everything there. A shared slot takes its cells here, and is
/// refused where somebody has them.
pub async fn publish(
    tx: &impl ConnectionTrait,
    env: &Env,
    room: &Room,
    date: NaiveDate,
    plan: &[PlannedSlot],
) -> Result<Published, Error> {
    let there = times_of(tx, room, date).await?;
    let new = plan.iter().filter(|slot| !there.contains(&(slot.starts_at, slot.ends_at)));
    let new: Vec<&PlannedSlot> = new.collect();
    let made = create(tx, env, room, date, &new).await?;
    if made.waiting > 0 {
        return Err(Code::SlotTaken.into());
    }
    if made.created > 0 {
        closures::keep_shut(tx, env, room, (date, date)).await?;
    }
    Ok(Published { created: made.created, kept: plan.len() - new.len() })
}

/// Slots by their local date.
pub(super) fn groups(slots: &[PlannedSlot]) -> BTreeMap<NaiveDate, Vec<&PlannedSlot>> {
    let mut by_date = BTreeMap::<NaiveDate, Vec<&PlannedSlot>>::new();
    for slot in slots {
        by_date.entry(local_date(slot.starts_at)).or_default().push(slot);
    }
    by_date
}

/// What making slots came to.
pub(super) struct Made {
    pub(super) created: usize,
    /// Shared slots that were not made because somebody has the room, or it is closed.
    pub(super) waiting: usize,
}

/// Makes the slots of a day, with the cells that are missing.
pub(super) async fn create(
    tx: &impl ConnectionTrait,
    env: &Env,
    room: &Room,
    date: NaiveDate,
    planned: &[&PlannedSlot],
) -> Result<Made, Error> {
    let tag = Tag::facility_day(room.facility_id, date);
    let stocks = cells(tx, env, &tag, date, planned).await?;
    let (mut slots, mut takes, mut shared, mut waiting) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for planned in planned {
        let id = env.id::<SlotId>();
        let cells = planned.cells.iter().filter_map(|cell| stocks.get(cell)).copied();
        let takes_of: Vec<StockId> = match planned.seats {
            None => cells.collect(),
            Some(seats) => {
                let cells: Vec<_> = cells.collect();
                if !are_free(tx, &cells).await? {
                    waiting += 1;
                    continue;
                }
                shared.push((id, cells));
                vec![seats_of(tx, env, &tag, seats).await?]
            }
        };
        slots.push(new_slot(env, room, date, id, planned));
        takes.extend(
            takes_of
                .into_iter()
                .map(|stock| slot_cell::ActiveModel { slot_id: Set(id.0), stock_id: Set(stock.0) }),
        );
    }
    let created = slots.len();
    slot::Entity::insert_many(slots).exec_without_returning(tx).await?;
    // A day of a divisible hall can have more rows than a statement may have values.
    for chunk in takes.chunks(1_000) {
        slot_cell::Entity::insert_many(chunk.to_vec()).exec_without_returning(tx).await?;
    }
    for (slot, cells) in shared {
        take_once(tx, env, &tag, slot, &cells).await?;
    }
    Ok(Made { created, waiting })
}

fn new_slot(env: &Env, room: &Room, date: NaiveDate, id: SlotId, planned: &PlannedSlot) -> slot::ActiveModel {
    let face = planned.face.as_ref();
    slot::ActiveModel {
        id: Set(id.0),
        room_id: Set(room.id.0),
        on_date: Set(date),
        starts_at: Set(planned.starts_at),
        ends_at: Set(planned.ends_at),
        seats: Set(planned.seats.map(i32::from)),
        published_at: Set(env.now()),
        function: Set(face.map(|face| face.function.as_str().to_owned())),
        title: Set(face.and_then(|face| face.title.clone())),
        withdrawn_at: Set(None),
    }
}

/// Whether nobody has any of these cells; they stay as they are until the end of the transaction.
async fn are_free(tx: &impl ConnectionTrait, cells: &[StockId]) -> Result<bool, DbErr> {
    let found = stock::Entity::find()
        .filter(stock::Column::Id.is_in(cells.iter().map(|id| id.0)))
        .order_by_asc(stock::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    Ok(found.iter().all(|row| row.open && row.used == 0))
}

/// Makes the stock of a shared slot.
async fn seats_of(tx: &impl ConnectionTrait, env: &Env, tag: &Tag, seats: u16) -> Result<StockId, DbErr> {
    let id = env.id::<StockId>();
    let row = new_stock(id, tag, "slot_seats", seats.into());
    stock::Entity::insert(row).exec_without_returning(tx).await?;
    outbox::emit(tx, env, &[Event::GateSync(id)]).await?;
    Ok(id)
}

/// Takes the cells of a shared slot, so that nobody has the room alone meanwhile.
async fn take_once(
    tx: &impl ConnectionTrait,
    env: &Env,
    tag: &Tag,
    slot: SlotId,
    cells: &[StockId],
) -> Result<(), Error> {
    let needs = cells.iter().map(|stock| (tag.clone(), Need { stock: *stock, units: 1 }));
    let digest = KeyDigest(*slot.0.as_bytes());
    let claim = Claim::new(slot.0.into(), "system:publishing".to_owned(), digest, needs)
        .map_err(|error| Error::internal("claiming the cells of a shared slot", error))?;
    match claim_within(tx, env, &claim).await? {
        Ok(()) => Ok(()),
        Err(Shortage::Closed) => Err(Code::SlotClosed.into()),
        Err(Shortage::SoldOut | Shortage::Quota { .. }) => Err(Code::SlotTaken.into()),
    }
}

fn new_stock(id: StockId, tag: &Tag, subject: &str, capacity: i32) -> stock::ActiveModel {
    stock::ActiveModel {
        id: Set(id.0),
        tag: Set(tag.as_str().to_owned()),
        subject: Set(subject.to_owned()),
        capacity: Set(capacity),
        used: Set(0),
        open: Set(true),
        version: Set(1),
        waiting: Set(0),
    }
}

async fn times_of(
    tx: &impl ConnectionTrait,
    room: &Room,
    date: NaiveDate,
) -> Result<HashSet<(DateTime<Utc>, DateTime<Utc>)>, DbErr> {
    let rows = slot::Entity::find()
        .filter(slot::Column::RoomId.eq(room.id.0))
        .filter(slot::Column::OnDate.eq(date))
        .filter(slot::Column::WithdrawnAt.is_null())
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|row| (row.starts_at, row.ends_at)).collect())
}

/// Makes the stocks of cells that have none, and tells the stock of each.
async fn cells(
    tx: &impl ConnectionTrait,
    env: &Env,
    tag: &Tag,
    date: NaiveDate,
    planned: &[&PlannedSlot],
) -> Result<BTreeMap<Cell, StockId>, Error> {
    let wanted: BTreeSet<Cell> = planned.iter().flat_map(|slot| &slot.cells).copied().collect();
    let rooms: HashSet<Uuid> = wanted.iter().map(|cell| cell.room.0).collect();
    let there = room_cell::Entity::find()
        .filter(room_cell::Column::RoomId.is_in(rooms))
        .filter(room_cell::Column::OnDate.eq(date))
        .all(tx)
        .await?;
    let mut stocks: BTreeMap<Cell, StockId> = there
        .into_iter()
        .filter_map(|row| {
            let cell = Cell { room: row.room_id.into(), date, cell: u16::try_from(row.cell).ok()? };
            Some((cell, row.stock_id.into()))
        })
        .collect();
    let (mut new_stocks, mut new_cells, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for cell in wanted {
        if stocks.contains_key(&cell) {
            continue;
        }
        let id = env.id::<StockId>();
        stocks.insert(cell, id);
        events.push(Event::GateSync(id));
        new_stocks.push(new_stock(id, tag, "room_cell", 1));
        new_cells.push(room_cell::ActiveModel {
            room_id: Set(cell.room.0),
            on_date: Set(date),
            cell: Set(i16::try_from(cell.cell).unwrap_or(i16::MAX)),
            stock_id: Set(id.0),
        });
    }
    stock::Entity::insert_many(new_stocks).exec_without_returning(tx).await?;
    room_cell::Entity::insert_many(new_cells).exec_without_returning(tx).await?;
    outbox::emit(tx, env, &events).await?;
    Ok(stocks)
}
