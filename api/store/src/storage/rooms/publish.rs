//! Publishing a day: cells and slots come into being, and publishing again changes nothing.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use linli_domain::{
    Code, Event,
    ids::{SlotId, StockId},
    inventory::Tag,
    rooms::{DayPlan, LeafCell},
};
use sea_orm::{ConnectionTrait, DbErr, QuerySelect, Set, entity::prelude::*};

use super::{Room, room, room_cell, slot, slot_cell};
use crate::{Env, Error, inventory::stock, outbox};

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
/// The row of the room is locked first, so two publishers of a day come one after the other and the
/// second finds everything there.
pub async fn publish(
    tx: &impl ConnectionTrait,
    env: &Env,
    room: &Room,
    date: NaiveDate,
    plan: &DayPlan,
) -> Result<Published, Error> {
    let locked = room::Entity::find_by_id(room.id.0).lock_exclusive().one(tx).await?;
    locked.ok_or(Code::NotFound)?;
    let stocks = cells(tx, env, room, date, plan).await?;
    let there = times_of(tx, room, date).await?;
    let now = env.now();
    let (mut slots, mut takes) = (Vec::new(), Vec::new());
    for planned in plan.slots.iter().filter(|slot| !there.contains(&(slot.starts_at, slot.ends_at))) {
        let id = env.id::<SlotId>();
        slots.push(slot::ActiveModel {
            id: Set(id.0),
            room_id: Set(room.id.0),
            on_date: Set(date),
            starts_at: Set(planned.starts_at),
            ends_at: Set(planned.ends_at),
            published_at: Set(now),
        });
        takes.extend(
            planned
                .cells
                .iter()
                .filter_map(|cell| stocks.get(cell))
                .map(|stock| slot_cell::ActiveModel { slot_id: Set(id.0), stock_id: Set(stock.0) }),
        );
    }
    let created = slots.len();
    slot::Entity::insert_many(slots).exec_without_returning(tx).await?;
    // A day of a divisible hall can have more rows than a statement may have values.
    for chunk in takes.chunks(1_000) {
        slot_cell::Entity::insert_many(chunk.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(Published { created, kept: plan.slots.len() - created })
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
    room: &Room,
    date: NaiveDate,
    plan: &DayPlan,
) -> Result<BTreeMap<LeafCell, StockId>, Error> {
    let leaves: HashSet<Uuid> = plan.cells.iter().map(|cell| cell.room.0).collect();
    let there = room_cell::Entity::find()
        .filter(room_cell::Column::RoomId.is_in(leaves))
        .filter(room_cell::Column::OnDate.eq(date))
        .all(tx)
        .await?;
    let mut stocks: BTreeMap<LeafCell, StockId> = there
        .into_iter()
        .filter_map(|row| {
            let cell = LeafCell { room: row.room_id.into(), date, cell: u16::try_from(row.cell).ok()? };
            Some((cell, row.stock_id.into()))
        })
        .collect();
    let tag = Tag::facility_day(room.facility_id, date);
    let (mut new_stocks, mut new_cells, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for cell in plan.cells.iter().filter(|cell| !stocks.contains_key(cell)).copied().collect::<Vec<_>>() {
        let id = env.id::<StockId>();
        stocks.insert(cell, id);
        events.push(Event::GateSync(id));
        new_stocks.push(stock::ActiveModel {
            id: Set(id.0),
            tag: Set(tag.as_str().to_owned()),
            subject: Set("room_cell".to_owned()),
            capacity: Set(1),
            used: Set(0),
            open: Set(true),
            version: Set(1),
        });
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
