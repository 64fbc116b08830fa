//! Who waits for what, and handing what comes back to the first of them who can have it.
//!
//! A row in state `waiting` changes only under the locks of all its stocks, so whoever gives units back
//! and whoever joins or leaves the line of these units come one after the other. `stock.waiting` counts
//! the rows: while it is 0, nobody pays for the line.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use linli_domain::{
    Code, Event, Vocabulary,
    ids::{ClaimId, StockId},
    inventory::{
        Claim, KeyDigest, Need, QuotaNeed, Shortage, Stock,
        waiting::{MAX_WAITING, PassedOver, WaitingState, offer_until},
    },
};
use sea_orm::{
    ConnectionTrait, DbErr, FromQueryResult, QueryOrder, QuerySelect, QueryTrait, Set, Statement,
    entity::prelude::*,
    sea_query::{Expr, LockBehavior, LockType},
};

use super::{
    changes::{to_i32, to_u32},
    claims,
    engine::Inventory,
    entities::{stock, waiting, waiting_quota, waiting_stock},
};
use crate::{Db, Env, Error, outbox};

/// Stocks that the job looks at in one step.
const BATCH: u64 = 200;

/// What is known of stocks while a line is asked.
pub(super) type Known = BTreeMap<StockId, Stock>;

/// Somebody in the line.
struct Waiter {
    row: waiting::Model,
    /// In the order of stock ids.
    needs: Vec<Need>,
    /// Whether a quota of theirs is used up, as far as one can see without taking from it.
    exhausted: bool,
}

impl Waiter {
    const fn id(&self) -> ClaimId {
        ClaimId(self.row.id)
    }

    /// Whether all they wait for is free; `None` when some of it is not known.
    fn fits(&self, known: &Known) -> Option<bool> {
        let mut fits = true;
        for need in &self.needs {
            fits &= known.get(&need.stock)?.free() >= need.units;
        }
        Some(fits && !self.exhausted)
    }

    /// Why they are passed over, where there is something they do not get.
    fn passed_over(&self, known: &Known) -> Option<PassedOver> {
        let free = |need: &Need| known.get(&need.stock).is_some_and(|stock| stock.free() > 0);
        match (self.exhausted, self.needs.iter().any(free)) {
            (true, true) => Some(PassedOver::Quota),
            (false, true) => Some(PassedOver::TooFew),
            (_, false) => None,
        }
    }
}

/// Those who wait for any of `stocks` at `now`, the first first.
async fn line(
    conn: &impl ConnectionTrait,
    now: DateTime<Utc>,
    stocks: &[StockId],
) -> Result<Vec<Waiter>, DbErr> {
    let for_these = waiting_stock::Entity::find()
        .select_only()
        .column(waiting_stock::Column::WaitingId)
        .filter(waiting_stock::Column::StockId.is_in(stocks.iter().map(|id| id.0)))
        .into_query();
    let rows = waiting::Entity::find()
        .filter(waiting::Column::Id.in_subquery(for_these))
        .filter(waiting::Column::State.eq(WaitingState::Waiting.as_str()))
        .filter(waiting::Column::ClosesAt.gt(now))
        .order_by_asc(waiting::Column::Ticket)
        .order_by_asc(waiting::Column::Id)
        .all(conn)
        .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut needs = BTreeMap::<Uuid, Vec<Need>>::new();
    for row in waiting_stock::Entity::find()
        .filter(waiting_stock::Column::WaitingId.is_in(ids.iter().copied()))
        .order_by_asc(waiting_stock::Column::StockId)
        .all(conn)
        .await?
    {
        let need = Need { stock: row.stock_id.into(), units: to_u32(row.units) };
        needs.entry(row.waiting_id).or_default().push(need);
    }
    let exhausted = exhausted(conn, &ids).await?;
    let waiters = rows.into_iter().map(|row| Waiter {
        needs: needs.remove(&row.id).unwrap_or_default(),
        exhausted: exhausted.contains(&row.id),
        row,
    });
    Ok(waiters.collect())
}

/// Which of those who wait would be refused by a quota.
///
/// Read, not taken: quotas are locked before stocks, so what is offered counts once it is accepted.
async fn exhausted(conn: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashSet<Uuid>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        waiting_id: Uuid,
    }
    let places: Vec<_> = (1..=ids.len()).map(|at| format!("${at}")).collect();
    let sql = format!(
        r#"SELECT DISTINCT w.waiting_id FROM waiting_quota w
             LEFT JOIN quota q ON q."key" = w."key" AND q."window" = w."window"
           WHERE w.waiting_id IN ({}) AND COALESCE(q.used, 0) + w.units > w.allowed"#,
        places.join(", ")
    );
    let values = ids.iter().map(|id| (*id).into());
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    let rows = Row::find_by_statement(statement).all(conn).await?;
    Ok(rows.into_iter().map(|row| row.waiting_id).collect())
}

fn missing(line: &[Waiter], known: &Known) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = line
        .iter()
        .flat_map(|waiter| &waiter.needs)
        .filter(|need| !known.contains_key(&need.stock))
        .map(|need| need.stock.0)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn to_stock(row: &stock::Model) -> Stock {
    Stock {
        id: row.id.into(),
        capacity: to_u32(row.capacity),
        used: to_u32(row.used),
        open: row.open,
        version: row.version,
    }
}

/// Whether somebody who waits for any of `stocks` could have what they wait for, as `known` tells and the
/// tables say of the rest.
pub(super) async fn somebody_fits(
    conn: &impl ConnectionTrait,
    env: &Env,
    stocks: &[StockId],
    mut known: Known,
) -> Result<bool, DbErr> {
    let line = line(conn, env.now(), stocks).await?;
    let missing = missing(&line, &known);
    for row in stock::Entity::find().filter(stock::Column::Id.is_in(missing)).all(conn).await? {
        known.insert(row.id.into(), to_stock(&row));
    }
    Ok(line.iter().any(|waiter| waiter.fits(&known) == Some(true)))
}

/// Offers what is free of `freed` to those who wait for it, in their order, as long as somebody can have
/// all they wait for. The caller has these rows locked, and `known` is how it leaves them.
///
/// Whoever also waits for other stocks needs these too: they are locked if nobody else is at them. If
/// somebody is, nobody behind that person is asked now; [`Inventory::serve`] does it a moment later, and
/// meanwhile no one new is let in.
pub(super) async fn hand_over(
    tx: &impl ConnectionTrait,
    env: &Env,
    freed: &[StockId],
    known: &mut Known,
) -> Result<bool, Error> {
    let now = env.now();
    let line = line(tx, now, freed).await?;
    let missing = missing(&line, known);
    if !missing.is_empty() {
        let others = stock::Entity::find()
            .filter(stock::Column::Id.is_in(missing))
            .order_by_asc(stock::Column::Id)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(tx)
            .await?;
        known.extend(others.iter().map(|row| (row.id.into(), to_stock(row))));
    }
    let (mut events, mut offered) = (Vec::new(), false);
    for waiter in &line {
        match waiter.fits(known) {
            None => break,
            Some(true) => {
                offer(tx, env, waiter, known).await?;
                offered = true;
                events.push(Event::WaitingChanged(waiter.id()));
                events.extend(waiter.needs.iter().map(|need| Event::GateSync(need.stock)));
            }
            Some(false) => note(tx, waiter, waiter.passed_over(known)).await?,
        }
    }
    outbox::emit(tx, env, &events).await?;
    Ok(offered)
}

/// Makes the claim that is offered: a hold that lapses unless it is accepted.
async fn offer(
    tx: &impl ConnectionTrait,
    env: &Env,
    waiter: &Waiter,
    known: &mut Known,
) -> Result<(), Error> {
    const SQL: &str = "UPDATE stock SET used = used + $2, waiting = waiting - 1, version = version + 1 \
         WHERE id = $1 AND open AND used + $2 <= capacity";
    let gone = || Error::internal("handing over", "a row that was locked has changed");
    let (now, until) = (env.now(), offer_until(env.now(), waiter.row.closes_at));
    for need in &waiter.needs {
        let values = [need.stock.0.into(), to_i32(need.units).into()];
        let update = Statement::from_sql_and_values(tx.get_database_backend(), SQL, values);
        if tx.execute_raw(update).await?.rows_affected() != 1 {
            return Err(gone());
        }
        if let Some(stock) = known.get_mut(&need.stock) {
            (stock.used, stock.version) = (stock.used + need.units, stock.version + 1);
        }
    }
    let digest = KeyDigest(*waiter.row.id.as_bytes());
    let principal = &waiter.row.principal;
    claims::insert_hold(tx, now, (waiter.id(), principal, digest), until, &waiter.needs).await?;
    let changed = waiting::Entity::update_many()
        .col_expr(waiting::Column::State, Expr::value(WaitingState::Offered.as_str()))
        .col_expr(waiting::Column::PassedOver, Expr::value(None::<String>))
        .col_expr(waiting::Column::OfferedAt, Expr::value(now))
        .col_expr(waiting::Column::OfferUntil, Expr::value(until))
        .filter(waiting::Column::Id.eq(waiter.row.id))
        .filter(waiting::Column::State.eq(WaitingState::Waiting.as_str()))
        .exec(tx)
        .await?;
    if changed.rows_affected == 1 { Ok(()) } else { Err(gone()) }
}

/// Writes down why somebody was passed over, where that is news.
async fn note(tx: &impl ConnectionTrait, waiter: &Waiter, why: Option<PassedOver>) -> Result<(), DbErr> {
    let Some(why) = why.map(Vocabulary::as_str) else { return Ok(()) };
    if waiter.row.passed_over.as_deref() != Some(why) {
        waiting::Entity::update_many()
            .col_expr(waiting::Column::PassedOver, Expr::value(why))
            .filter(waiting::Column::Id.eq(waiter.row.id))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Why somebody cannot wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWaiting {
    /// It is free, and nobody who could have it is before them.
    Free,
    /// Too many wait already.
    TooMany,
    /// There would never be enough.
    Never,
    /// It is not open.
    Closed,
    /// A quota of theirs could never allow it.
    Quota(Shortage),
}

/// Lets the principal of `claim` wait for what it asks for, at the end of the line, in the caller's
/// transaction, which must roll back when it is told why not. The caller's other rows come before.
pub async fn wait_within(
    tx: &impl ConnectionTrait,
    env: &Env,
    claim: &Claim,
    closes_at: DateTime<Utc>,
) -> Result<Result<(), NotWaiting>, Error> {
    let (needs, mut known) = (claim.needs_by_stock(), Known::new());
    if let Some(quota) = claim.quotas().iter().find(|quota| quota.units > quota.limit) {
        let QuotaNeed { key, limit, .. } = quota.clone();
        return Ok(Err(NotWaiting::Quota(Shortage::Quota { key, used: 0, limit })));
    }
    for need in &needs {
        let Some(row) = count(tx, need.stock, 1).await? else { return Ok(Err(NotWaiting::Closed)) };
        if !row.open {
            return Ok(Err(NotWaiting::Closed));
        }
        if to_u32(row.waiting) > MAX_WAITING {
            return Ok(Err(NotWaiting::TooMany));
        }
        if need.units > to_u32(row.capacity) {
            return Ok(Err(NotWaiting::Never));
        }
        known.insert(need.stock, to_stock(&row));
    }
    let ids: Vec<StockId> = known.keys().copied().collect();
    let free =
        needs.iter().all(|need| known.get(&need.stock).is_some_and(|stock| stock.free() >= need.units));
    if free && !somebody_fits(tx, env, &ids, known).await? {
        return Ok(Err(NotWaiting::Free));
    }
    insert(tx, claim, closes_at, &needs).await?;
    Ok(Ok(()))
}

async fn insert(
    tx: &impl ConnectionTrait,
    claim: &Claim,
    closes_at: DateTime<Utc>,
    needs: &[Need],
) -> Result<(), DbErr> {
    // Under the locks of the line, so that whoever was in it has the lower ticket.
    let last: Option<Option<i64>> = waiting::Entity::find()
        .select_only()
        .column_as(waiting::Column::Ticket.max(), "last")
        .into_tuple()
        .one(tx)
        .await?;
    let row = waiting::ActiveModel {
        id: Set(claim.id.0),
        principal: Set(claim.principal.clone()),
        ticket: Set(last.flatten().unwrap_or(0) + 1),
        state: Set(WaitingState::Waiting.as_str().to_owned()),
        passed_over: Set(None),
        closes_at: Set(closes_at),
        offered_at: Set(None),
        offer_until: Set(None),
        ended_at: Set(None),
    };
    waiting::Entity::insert(row).exec_without_returning(tx).await?;
    let stocks = needs.iter().map(|need| waiting_stock::ActiveModel {
        waiting_id: Set(claim.id.0),
        stock_id: Set(need.stock.0),
        units: Set(to_i32(need.units)),
    });
    waiting_stock::Entity::insert_many(stocks).exec_without_returning(tx).await?;
    let quotas = claim.quotas().iter().map(|need| waiting_quota::ActiveModel {
        waiting_id: Set(claim.id.0),
        key: Set(need.key.clone()),
        window: Set(need.window.clone()),
        units: Set(to_i32(need.units)),
        allowed: Set(to_i32(need.limit)),
    });
    waiting_quota::Entity::insert_many(quotas).exec_without_returning(tx).await?;
    Ok(())
}

/// Counts one more or one less in the line of a stock and locks it; `None` when there is no such stock.
async fn count(tx: &impl ConnectionTrait, id: StockId, by: i32) -> Result<Option<stock::Model>, DbErr> {
    stock::Entity::update_many()
        .col_expr(stock::Column::Waiting, Expr::cust_with_values("waiting + $1", [by]))
        .filter(stock::Column::Id.eq(id.0))
        .exec(tx)
        .await?;
    stock::Entity::find_by_id(id.0).one(tx).await
}

/// Ends somebody's waiting as `state` says, in the caller's transaction; refused with [`Code::Conflict`]
/// when they do not wait any more, and the caller must roll back.
pub async fn leave_within(
    tx: &impl ConnectionTrait,
    env: &Env,
    id: ClaimId,
    state: WaitingState,
) -> Result<(), Error> {
    let rows = waiting_stock::Entity::find()
        .filter(waiting_stock::Column::WaitingId.eq(id.0))
        .order_by_asc(waiting_stock::Column::StockId)
        .all(tx)
        .await?;
    for row in rows {
        count(tx, row.stock_id.into(), -1).await?;
    }
    if !end(tx, env, id, (WaitingState::Waiting, state)).await? {
        return Err(Code::Conflict.into());
    }
    outbox::emit(tx, env, &[Event::WaitingChanged(id)]).await?;
    Ok(())
}

/// Ends an offer as `state` says; `false` when it does not stand any more. Comes before its claim is
/// touched, as the own row of whoever does it.
pub async fn answer_within(
    tx: &impl ConnectionTrait,
    env: &Env,
    id: ClaimId,
    state: WaitingState,
) -> Result<bool, DbErr> {
    end(tx, env, id, (WaitingState::Offered, state)).await
}

/// Lapses an offer whose time is over; `false` when there is none.
pub(super) async fn lapse(tx: &impl ConnectionTrait, env: &Env, id: ClaimId) -> Result<bool, DbErr> {
    let now = env.now();
    let lapsed = waiting::Entity::update_many()
        .col_expr(waiting::Column::State, Expr::value(WaitingState::Lapsed.as_str()))
        .col_expr(waiting::Column::EndedAt, Expr::value(now))
        .filter(waiting::Column::Id.eq(id.0))
        .filter(waiting::Column::State.eq(WaitingState::Offered.as_str()))
        .filter(waiting::Column::OfferUntil.lte(now))
        .exec(tx)
        .await?;
    Ok(lapsed.rows_affected == 1)
}

async fn end(
    tx: &impl ConnectionTrait,
    env: &Env,
    id: ClaimId,
    (from, to): (WaitingState, WaitingState),
) -> Result<bool, DbErr> {
    let ended = waiting::Entity::update_many()
        .col_expr(waiting::Column::State, Expr::value(to.as_str()))
        .col_expr(waiting::Column::EndedAt, Expr::value(env.now()))
        .filter(waiting::Column::Id.eq(id.0))
        .filter(waiting::Column::State.eq(from.as_str()))
        .exec(tx)
        .await?;
    Ok(ended.rows_affected == 1)
}

impl Inventory {
    /// Sees to everybody who waits: ends what can be had no more, and offers what no release could hand
    /// over, such as what is open again. `true` when there may be more.
    pub async fn serve_some(&self, db: &Db, env: &Env) -> Result<bool, Error> {
        let over: Vec<Uuid> = waiting::Entity::find()
            .select_only()
            .column(waiting::Column::Id)
            .filter(waiting::Column::State.eq(WaitingState::Waiting.as_str()))
            .filter(waiting::Column::ClosesAt.lte(env.now()))
            .order_by_asc(waiting::Column::ClosesAt)
            .limit(BATCH)
            .into_tuple()
            .all(db.read())
            .await?;
        for id in &over {
            let passed = db
                .in_tx("waiting.pass", |tx| async move {
                    leave_within(tx.conn(), env, (*id).into(), WaitingState::Passed).await?;
                    tx.commit(()).await
                })
                .await;
            // They left meanwhile.
            if let Err(error) = passed
                && error.refusal().is_none()
            {
                return Err(error);
            }
        }
        let wanted = stock::Entity::find()
            .filter(stock::Column::Waiting.gt(0))
            .filter(stock::Column::Open.eq(true))
            .filter(Expr::cust("used < capacity"))
            .order_by_asc(stock::Column::Id)
            .limit(BATCH)
            .all(db.read())
            .await?;
        let known: Known = wanted.iter().map(|row| (row.id.into(), to_stock(row))).collect();
        let ids: Vec<StockId> = known.keys().copied().collect();
        if !ids.is_empty() && somebody_fits(db.read(), env, &ids, known).await? {
            self.serve(db, env, &ids).await?;
        }
        Ok(over.len() as u64 == BATCH)
    }

    /// Offers what is free of `stocks` to those who wait for it.
    pub(super) async fn serve(&self, db: &Db, env: &Env, stocks: &[StockId]) -> Result<(), Error> {
        db.in_tx("waiting.serve", |tx| async move {
            let rows = stock::Entity::find()
                .filter(stock::Column::Id.is_in(stocks.iter().map(|id| id.0)))
                .order_by_asc(stock::Column::Id)
                .lock_exclusive()
                .all(tx.conn())
                .await?;
            let mut known: Known = rows.iter().map(|row| (row.id.into(), to_stock(row))).collect();
            hand_over(tx.conn(), env, stocks, &mut known).await?;
            tx.commit(()).await
        })
        .await
    }
}
