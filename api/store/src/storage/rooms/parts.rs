//! Rooms that divide 可分隔的空间: a hall and its parts.
//!
//! Every room of a tree has cells of its own, and a slot takes the cells of its room and of every part
//! below it. So a hall meets each of its parts, and parts do not meet each other.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use linli_domain::{
    Code, Event,
    ids::{RoomId, StockId},
};
use sea_orm::{
    ConnectionTrait, DbErr, FromQueryResult, QueryOrder, QuerySelect, Set, Statement,
    entity::prelude::*,
    sea_query::{Expr, Query, SelectStatement},
};

use super::{room, room_cell, slot_cell};
use crate::{
    Env, Error,
    inventory::{claim, claim_stock, stock, waiting_stock},
    outbox,
};

/// How deep a room may be divided: a hall, its halves, their halves.
pub const MAX_DEPTH: usize = 3;

/// Locks the tree that `id` is in, so that publishing and dividing it come one after the other; answers
/// the room and every part below it.
pub async fn lock_tree(tx: &impl ConnectionTrait, id: RoomId) -> Result<Vec<RoomId>, Error> {
    let path = path_of(tx, id).await?;
    let root = path.last().ok_or(Code::NotFound)?;
    room::Entity::find_by_id(root.0).lock_exclusive().one(tx).await?.ok_or(Code::NotFound)?;
    Ok(with_parts(tx, id).await?)
}

/// The room, what it is part of, and so on up to the whole.
pub async fn path_of(conn: &impl ConnectionTrait, id: RoomId) -> Result<Vec<RoomId>, DbErr> {
    const SQL: &str = "WITH RECURSIVE up (id, part_of, height) AS ( \
           SELECT id, part_of, 0 FROM room WHERE id = $1 \
           UNION ALL SELECT room.id, room.part_of, height + 1 FROM room JOIN up ON room.id = up.part_of) \
         SELECT id FROM up ORDER BY height";
    ids(conn, SQL, id).await
}

/// Every room of the tree that `id` is in.
pub(super) async fn root_parts(conn: &impl ConnectionTrait, id: RoomId) -> Result<Vec<RoomId>, DbErr> {
    match path_of(conn, id).await?.last() {
        Some(root) => with_parts(conn, *root).await,
        None => Ok(Vec::new()),
    }
}

/// The room and every part below it.
pub async fn with_parts(conn: &impl ConnectionTrait, id: RoomId) -> Result<Vec<RoomId>, DbErr> {
    const SQL: &str = "WITH RECURSIVE down (id) AS ( \
           SELECT id FROM room WHERE id = $1 \
           UNION ALL SELECT room.id FROM room JOIN down ON room.part_of = down.id) \
         SELECT id FROM down";
    ids(conn, SQL, id).await
}

async fn ids(conn: &impl ConnectionTrait, sql: &str, id: RoomId) -> Result<Vec<RoomId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
    }
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, [id.0.into()]);
    let rows = Row::find_by_statement(statement).all(conn).await?;
    Ok(rows.into_iter().map(|row| row.id.into()).collect())
}

/// What dividing a room finds of its published days, locked.
pub struct Divisible {
    cells: Vec<room_cell::Model>,
    stocks: HashMap<Uuid, stock::Model>,
    live: HashSet<Uuid>,
}

/// Locks what lives on the cells of `whole` from `from` on; `None` when a claim was made meanwhile, and
/// the caller begins again.
///
/// Claims come before stocks, as everywhere: whoever gives one back holds its row first.
pub async fn lock_cells(
    tx: &impl ConnectionTrait,
    whole: RoomId,
    from: NaiveDate,
) -> Result<Option<Divisible>, Error> {
    lock_tree(tx, whole).await?;
    let cells = room_cell::Entity::find()
        .filter(room_cell::Column::RoomId.eq(whole.0))
        .filter(room_cell::Column::OnDate.gte(from))
        .all(tx)
        .await?;
    // Years of cells would be more than a statement may have values.
    let ids = Query::select()
        .column(room_cell::Column::StockId)
        .from(room_cell::Entity)
        .and_where(room_cell::Column::RoomId.eq(whole.0))
        .and_where(room_cell::Column::OnDate.gte(from))
        .to_owned();
    let seen = live_on(tx, &ids).await?;
    let stocks = stock::Entity::find()
        .filter(stock::Column::Id.in_subquery(ids.clone()))
        .order_by_asc(stock::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    let live = live_on(tx, &ids).await?;
    if !live.is_subset(&seen) {
        return Ok(None);
    }
    let live = live.into_iter().collect();
    Ok(Some(Divisible { cells, stocks: stocks.into_iter().map(|row| (row.id, row)).collect(), live }))
}

/// The claims that live on `stocks`, locked in their order.
async fn live_on(tx: &impl ConnectionTrait, stocks: &SelectStatement) -> Result<BTreeSet<Uuid>, DbErr> {
    let on = Query::select()
        .column(claim_stock::Column::ClaimId)
        .from(claim_stock::Entity)
        .and_where(claim_stock::Column::StockId.in_subquery(stocks.clone()))
        .to_owned();
    let rows = claim::Entity::find()
        .filter(claim::Column::Id.in_subquery(on))
        .filter(claim::Column::EndedAt.is_null())
        .order_by_asc(claim::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Gives the new room `part` a cell beside each cell of the whole, and whoever has the whole has the
/// part too.
///
/// The cells of the whole are made anew and the old ones are closed: a claim that was planned before
/// the division is refused by SQL, whichever server planned it.
pub async fn divide(
    tx: &impl ConnectionTrait,
    env: &Env,
    whole: Divisible,
    part: RoomId,
) -> Result<(), Error> {
    let mut events = Vec::with_capacity(whole.cells.len() * 3);
    for cell in &whole.cells {
        let Some(old) = whole.stocks.get(&cell.stock_id) else { continue };
        let (anew, beside) = (env.id::<StockId>(), env.id::<StockId>());
        let copy = |id: StockId| stock::ActiveModel {
            id: Set(id.0),
            tag: Set(old.tag.clone()),
            subject: Set(old.subject.clone()),
            capacity: Set(old.capacity),
            used: Set(old.used),
            open: Set(old.open),
            version: Set(1),
            waiting: Set(old.waiting),
        };
        stock::Entity::insert_many([copy(anew), copy(beside)]).exec_without_returning(tx).await?;
        hand_over(tx, &whole.live, old.id, (anew, beside)).await?;
        let of_part = room_cell::ActiveModel {
            room_id: Set(part.0),
            on_date: Set(cell.on_date),
            cell: Set(cell.cell),
            stock_id: Set(beside.0),
        };
        room_cell::Entity::insert(of_part).exec_without_returning(tx).await?;
        room_cell::Entity::update_many()
            .col_expr(room_cell::Column::StockId, Expr::value(anew.0))
            .filter(room_cell::Column::StockId.eq(old.id))
            .exec(tx)
            .await?;
        stock::Entity::update_many()
            .col_expr(stock::Column::Used, Expr::value(0))
            .col_expr(stock::Column::Open, Expr::value(false))
            .col_expr(stock::Column::Version, Expr::value(old.version + 1))
            .col_expr(stock::Column::Waiting, Expr::value(0))
            .filter(stock::Column::Id.eq(old.id))
            .exec(tx)
            .await?;
        events.extend([old.id.into(), anew, beside].map(Event::GateSync));
    }
    outbox::emit(tx, env, &events).await?;
    Ok(())
}

/// Slots and claims on `old` take `anew` instead, those that live `beside` as well.
///
/// Ended claims move along: the gate must find a retry of theirs where its slot is now.
async fn hand_over(
    tx: &impl ConnectionTrait,
    live: &HashSet<Uuid>,
    old: Uuid,
    (anew, beside): (StockId, StockId),
) -> Result<(), DbErr> {
    let slots = slot_cell::Entity::find().filter(slot_cell::Column::StockId.eq(old)).all(tx).await?;
    let more = slots
        .into_iter()
        .map(|row| slot_cell::ActiveModel { slot_id: Set(row.slot_id), stock_id: Set(beside.0) });
    slot_cell::Entity::insert_many(more).exec_without_returning(tx).await?;
    slot_cell::Entity::update_many()
        .col_expr(slot_cell::Column::StockId, Expr::value(anew.0))
        .filter(slot_cell::Column::StockId.eq(old))
        .exec(tx)
        .await?;
    let claims = claim_stock::Entity::find().filter(claim_stock::Column::StockId.eq(old)).all(tx).await?;
    let more = claims.into_iter().filter(|row| live.contains(&row.claim_id)).map(|row| {
        let (claim_id, units) = (Set(row.claim_id), Set(row.units));
        claim_stock::ActiveModel { claim_id, stock_id: Set(beside.0), units }
    });
    claim_stock::Entity::insert_many(more).exec_without_returning(tx).await?;
    claim_stock::Entity::update_many()
        .col_expr(claim_stock::Column::StockId, Expr::value(anew.0))
        .filter(claim_stock::Column::StockId.eq(old))
        .exec(tx)
        .await?;
    // Who waits for the whole waits for the part as well.
    let line = waiting_stock::Entity::find().filter(waiting_stock::Column::StockId.eq(old)).all(tx).await?;
    let more = line.into_iter().map(|row| waiting_stock::ActiveModel {
        waiting_id: Set(row.waiting_id),
        stock_id: Set(beside.0),
        units: Set(row.units),
    });
    waiting_stock::Entity::insert_many(more).exec_without_returning(tx).await?;
    waiting_stock::Entity::update_many()
        .col_expr(waiting_stock::Column::StockId, Expr::value(anew.0))
        .filter(waiting_stock::Column::StockId.eq(old))
        .exec(tx)
        .await?;
    Ok(())
}
