//! Publishing a day: cells and slots come into being, and publishing again changes nothing.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use linli_domain::{
    Code, Event,
    ids::{SlotId, StockId},
    inventory::{Claim, KeyDigest, Need, Shortage, Tag},
    rooms::{Cell, DayPlan},
};
use sea_orm::{ConnectionTrait, DbErr, Set, entity::prelude::*};

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
    plan: &DayPlan,
) -> Result<Published, Error> {
    let tag = Tag::facility_day(room.facility_id, date);
    let stocks = cells(tx, env, &tag, date, plan).await?;
    let there = times_of(tx, room, date).await?;
    let now = env.now();
    let (mut slots, mut takes, mut shared) = (Vec::new(), Vec::new(), Vec::new());
    for planned in plan.slots.iter().filter(|slot| !there.contains(&(slot.starts_at, slot.ends_at))) {
        let id = env.id::<SlotId>();
        slots.push(slot::ActiveModel {
            id: Set(id.0),
            room_id: Set(room.id.0),
            on_date: Set(date),
            starts_at: Set(planned.starts_at),
            ends_at: Set(planned.ends_at),
            seats: Set(planned.seats.map(i32::from)),
            published_at: Set(now),
        });
        let cells = planned.cells.iter().filter_map(|cell| stocks.get(cell)).copied();
        let takes_of: Vec<StockId> = match planned.seats {
            None => cells.collect(),
            Some(seats) => {
                shared.push((id, cells.collect::<Vec<_>>()));
                vec![seats_of(tx, env, &tag, seats).await?]
            }
        };
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
    if created > 0 {
        closures::keep_shut(tx, env, room, date).await?;
    }
    Ok(Published { created, kept: plan.slots.len() - created })
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
    plan: &DayPlan,
) -> Result<BTreeMap<Cell, StockId>, Error> {
    let rooms: HashSet<Uuid> = plan.cells.iter().map(|cell| cell.room.0).collect();
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
    for cell in plan.cells.iter().filter(|cell| !stocks.contains_key(cell)).copied().collect::<Vec<_>>() {
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
