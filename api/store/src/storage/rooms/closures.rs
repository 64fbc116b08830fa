//! Closures 临时关闭: times when a published room takes no bookings.
//!
//! A closure shuts the stocks of the room and its parts, so it binds every door and every server at once;
//! what is published or divided under it is born shut. Who has booked keeps the booking until staff
//! have told them: nobody is cancelled silently.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, Utc};
use linli_domain::{
    Event,
    ids::{RoomClosureId, RoomId, StockId},
    rooms::Grid,
    time::{instant, local_date},
};
use sea_orm::{
    ConnectionTrait, DbErr, JoinType, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait},
};

use super::{
    Room,
    entities::room_closure::{ActiveModel, Column, Entity, Model},
    parts::{path_of, root_parts, with_parts},
    room_cell, slot, slot_cell,
};
use crate::{Env, Error, inventory::stock, outbox};

/// From when to when.
pub type Times = (DateTime<Utc>, DateTime<Utc>);

/// Stocks changed in one statement.
const BATCH: usize = 1_000;

/// Closures of one room tree that are looked at.
const MOST: u64 = 1_000;

/// The room, its parts and what it is part of: whose bookings a closure of it concerns.
pub async fn concerned(conn: &impl ConnectionTrait, room: RoomId) -> Result<Vec<RoomId>, DbErr> {
    let mut rooms = with_parts(conn, room).await?;
    rooms.extend(path_of(conn, room).await?.into_iter().skip(1));
    Ok(rooms)
}

/// Writes a closure and shuts what it covers. The caller has locked the tree ([`super::lock_tree`]).
pub async fn close(tx: &impl ConnectionTrait, env: &Env, room: &Room, row: Model) -> Result<(), Error> {
    let times = (row.starts_at, row.ends_at);
    Entity::insert(ActiveModel::from(row).reset_all()).exec_without_returning(tx).await?;
    let stocks = covered(tx, room.id, room.grid, times).await?;
    set_open(tx, env, &stocks, false).await
}

/// Ends a closure and opens what no other one still covers; `false` when it has ended already. The caller
/// has locked the tree.
pub async fn reopen(
    tx: &impl ConnectionTrait,
    env: &Env,
    room: &Room,
    closure: &Model,
) -> Result<bool, Error> {
    let ended = Entity::update_many()
        .col_expr(Column::ReopenedAt, Expr::value(env.now()))
        .filter(Column::Id.eq(closure.id))
        .filter(Column::ReopenedAt.is_null())
        .exec(tx)
        .await?;
    if ended.rows_affected != 1 {
        return Ok(false);
    }
    let times = (closure.starts_at, closure.ends_at);
    let mut stocks = covered(tx, room.id, room.grid, times).await?;
    for other in live(tx, room.id, times).await? {
        let also = covered(tx, other.room_id.into(), room.grid, (other.starts_at, other.ends_at)).await?;
        stocks.retain(|stock| !also.contains(stock));
    }
    set_open(tx, env, &stocks, true).await?;
    Ok(true)
}

/// Shuts what has just been published from one date to another, both included, under a closure.
pub async fn keep_shut(
    tx: &impl ConnectionTrait,
    env: &Env,
    room: &Room,
    (first, last): (NaiveDate, NaiveDate),
) -> Result<(), Error> {
    let days = (instant(first, 0), instant(last + Days::new(1), 0));
    for closure in live(tx, room.id, days).await? {
        let times = (Ord::max(closure.starts_at, days.0), Ord::min(closure.ends_at, days.1));
        let stocks = covered(tx, closure.room_id.into(), room.grid, times).await?;
        set_open(tx, env, &stocks, false).await?;
    }
    Ok(())
}

/// The closures that still stand in the tree of `room` and touch `times`.
async fn live(
    conn: &impl ConnectionTrait,
    room: RoomId,
    (starts_at, ends_at): Times,
) -> Result<Vec<Model>, DbErr> {
    let tree = root_parts(conn, room).await?;
    Entity::find()
        .filter(Column::RoomId.is_in(tree.iter().map(|id| id.0)))
        .filter(Column::ReopenedAt.is_null())
        .filter(Column::StartsAt.lt(ends_at))
        .filter(Column::EndsAt.gt(starts_at))
        .limit(MOST)
        .all(conn)
        .await
}

/// The stocks of a closure: cells of the room and its parts, and seats of slots that have such a cell.
async fn covered(
    conn: &impl ConnectionTrait,
    room: RoomId,
    grid: Grid,
    (starts_at, ends_at): Times,
) -> Result<BTreeSet<StockId>, DbErr> {
    let below = with_parts(conn, room).await?;
    let minutes = i32::from(grid.minutes());
    let cells = room_cell::Entity::find()
        .filter(room_cell::Column::RoomId.is_in(below.iter().map(|id| id.0)))
        .filter(room_cell::Column::OnDate.gte(local_date(starts_at)))
        .filter(room_cell::Column::OnDate.lte(local_date(ends_at)))
        .all(conn)
        .await?;
    let touched = cells.into_iter().filter(|row| {
        let begin = i32::from(row.cell) * minutes;
        instant(row.on_date, begin) < ends_at && starts_at < instant(row.on_date, begin + minutes)
    });
    let mut stocks: BTreeSet<StockId> = touched.map(|row| row.stock_id.into()).collect();
    let all = concerned(conn, room).await?;
    let seats: Vec<Uuid> = slot_cell::Entity::find()
        .select_only()
        .column(slot_cell::Column::StockId)
        .join(
            JoinType::InnerJoin,
            slot_cell::Entity::belongs_to(slot::Entity)
                .from(slot_cell::Column::SlotId)
                .to(slot::Column::Id)
                .into(),
        )
        .filter(slot::Column::RoomId.is_in(all.iter().map(|id| id.0)))
        .filter(slot::Column::Seats.is_not_null())
        .filter(slot::Column::StartsAt.lt(ends_at))
        .filter(slot::Column::EndsAt.gt(starts_at))
        .into_tuple()
        .all(conn)
        .await?;
    stocks.extend(seats.into_iter().map(StockId::from));
    Ok(stocks)
}

/// Shuts or opens stocks, locked in their order, and tells the gate.
async fn set_open(
    tx: &impl ConnectionTrait,
    env: &Env,
    stocks: &BTreeSet<StockId>,
    open: bool,
) -> Result<(), Error> {
    let ids: Vec<Uuid> = stocks.iter().map(|id| id.0).collect();
    for batch in ids.chunks(BATCH) {
        let found = stock::Entity::find()
            .filter(stock::Column::Id.is_in(batch.iter().copied()))
            .filter(stock::Column::Open.eq(!open))
            .order_by_asc(stock::Column::Id)
            .lock_exclusive()
            .all(tx)
            .await?;
        let changing: Vec<Uuid> = found.iter().map(|row| row.id).collect();
        stock::Entity::update_many()
            .col_expr(stock::Column::Open, Expr::value(open))
            .col_expr(stock::Column::Version, Expr::cust("version + 1"))
            .filter(stock::Column::Id.is_in(changing.iter().copied()))
            .exec(tx)
            .await?;
        let events: Vec<_> = changing.into_iter().map(|id| Event::GateSync(id.into())).collect();
        outbox::emit(tx, env, &events).await?;
    }
    Ok(())
}

/// A closure of `room`.
pub async fn find(
    conn: &impl ConnectionTrait,
    room: RoomId,
    id: RoomClosureId,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).filter(Column::RoomId.eq(room.0)).one(conn).await
}

/// A place in the list.
pub type Place = (DateTime<Utc>, RoomClosureId);

/// The closures of a room that stand and are not over, the earliest first.
pub async fn list(
    conn: &impl ConnectionTrait,
    env: &Env,
    room: RoomId,
    after: Option<Place>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::RoomId.eq(room.0))
        .filter(Column::ReopenedAt.is_null())
        .filter(Column::EndsAt.gt(env.now()))
        .order_by_asc(Column::StartsAt)
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some((start, id)) = after {
        let later = Column::StartsAt.gt(start).or(Column::StartsAt.eq(start).and(Column::Id.gt(id.0)));
        query = query.filter(later);
    }
    query.all(conn).await
}
