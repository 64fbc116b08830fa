//! The updates that decide: what a transaction takes of stocks and quotas, and what it gives back.
//!
//! Everything a transaction changes is applied in one pass in the order of keys, quotas before stocks,
//! so that no two transactions wait for each other. Where people wait, what came back goes to them in the
//! same pass, and nobody new takes what one of them could have: see [`waiting`].

use std::collections::BTreeMap;

use linli_domain::{
    ids::StockId,
    inventory::{Need, QuotaNeed, Shortage, Stock},
};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value, entity::prelude::*};

use super::{
    claims::Held,
    entities::{quota, stock},
    waiting::{self, Known},
};
use crate::{Env, Error, failpoint};

/// Whether SQL asks for a free unit before it takes one. `Off` is the negative control of the race
/// tests: it must be convicted by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    On,
    Off,
}

impl Guard {
    pub(super) fn from_environment() -> Self {
        if failpoint::is_on("stock.unguarded") { Self::Off } else { Self::On }
    }
}

/// What could not be had, as SQL says.
#[derive(Clone, Debug)]
pub(super) struct Short {
    /// The stock, unless a quota refused.
    pub(super) stock: Option<StockId>,
    pub(super) shortage: Shortage,
    /// Whether it is free, and somebody who waits is to have it.
    pub(super) queued: bool,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The stocks as they are now.
    pub(super) stocks: Vec<Stock>,
    /// Whether something was offered to somebody who waits.
    pub(super) offered: bool,
}

/// How the units of one row change.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    take: u32,
    /// What the window of a quota allows.
    limit: u32,
    /// What others give back.
    back: u32,
    /// What whoever takes gives back for it.
    own: u32,
}

/// What one transaction takes and gives back, each row once.
#[derive(Debug, Default)]
pub(super) struct Changes {
    quotas: BTreeMap<(String, String), Change>,
    stocks: BTreeMap<StockId, Change>,
}

impl Changes {
    pub(super) fn take(mut self, needs: &[Need], quotas: &[QuotaNeed]) -> Self {
        for need in needs {
            self.stocks.entry(need.stock).or_default().take += need.units;
        }
        for need in quotas {
            let change = self.quotas.entry((need.key.clone(), need.window.clone())).or_default();
            (change.take, change.limit) = (change.take + need.units, need.limit);
        }
        self
    }

    /// Gives back what claims held that end.
    pub(super) fn give_back<'a>(self, held: impl IntoIterator<Item = &'a Held>) -> Self {
        self.back(held, |change| &mut change.back)
    }

    /// Gives back what the claims held that take something instead.
    pub(super) fn move_from<'a>(self, held: impl IntoIterator<Item = &'a Held>) -> Self {
        self.back(held, |change| &mut change.own)
    }

    fn back<'a>(mut self, held: impl IntoIterator<Item = &'a Held>, of: fn(&mut Change) -> &mut u32) -> Self {
        for held in held {
            for (_, need) in &held.needs {
                *of(self.stocks.entry(need.stock).or_default()) += need.units;
            }
            for row in &held.quotas {
                let key = (row.key.clone(), row.window.clone());
                self.quotas.entry(key).or_default().back += to_u32(row.units);
            }
        }
        self
    }

    /// The stocks that change.
    pub(super) fn stocks(&self) -> impl Iterator<Item = StockId> {
        self.stocks.keys().copied()
    }

    /// Applies everything, or tells what there is not enough of; the caller then rolls back.
    pub(super) async fn apply(
        &self,
        tx: &impl ConnectionTrait,
        env: &Env,
        guard: Guard,
    ) -> Result<Result<Applied, Short>, Error> {
        for ((key, window), change) in &self.quotas {
            if let Some(shortage) = count(tx, key, window, *change, guard).await? {
                return Ok(Err(Short { stock: None, shortage, queued: false }));
            }
        }
        let (mut stocks, mut waited_for) = (Known::new(), Vec::new());
        for (stock, change) in &self.stocks {
            match update(tx, *stock, *change, guard).await? {
                Some((row, waiting)) => {
                    stocks.insert(*stock, row);
                    waited_for.extend((waiting > 0).then_some((*stock, *change)));
                }
                None => return Ok(Err(why_not(tx, *stock).await?)),
            }
        }
        let mut offered = false;
        if !waited_for.is_empty() && guard == Guard::On {
            if let Some(short) = self.jumps(tx, env, &waited_for, &stocks).await? {
                return Ok(Err(short));
            }
            let freed = waited_for.iter().filter(|(_, change)| change.back + change.own > change.take);
            let freed: Vec<StockId> = freed.map(|(stock, _)| *stock).collect();
            if !freed.is_empty() {
                offered = waiting::hand_over(tx, env, &freed, &mut stocks).await?;
            }
        }
        let changed = |stock: &Stock| self.stocks.contains_key(&stock.id);
        Ok(Ok(Applied { stocks: stocks.into_values().filter(changed).collect(), offered }))
    }

    /// Whether something is taken by somebody new that somebody who waits could have.
    async fn jumps(
        &self,
        tx: &impl ConnectionTrait,
        env: &Env,
        waited_for: &[(StockId, Change)],
        stocks: &Known,
    ) -> Result<Option<Short>, Error> {
        let contested: Vec<StockId> =
            waited_for.iter().filter(|(_, change)| change.more() > 0).map(|(stock, _)| *stock).collect();
        let Some(first) = contested.first().copied() else { return Ok(None) };
        let mut before = stocks.clone();
        for (id, stock) in &mut before {
            stock.used -= self.stocks.get(id).map_or(0, Change::more).min(stock.used);
        }
        let jumps = waiting::somebody_fits(tx, env, &contested, before).await?;
        Ok(jumps.then_some(Short { stock: Some(first), shortage: Shortage::SoldOut, queued: true }))
    }
}

impl Change {
    /// What is taken beyond what was given back for it.
    const fn more(&self) -> u32 {
        self.take.saturating_sub(self.own)
    }
}

async fn update(
    tx: &impl ConnectionTrait,
    stock: StockId,
    change: Change,
    guard: Guard,
) -> Result<Option<(Stock, i32)>, DbErr> {
    let sql = match guard {
        Guard::On => {
            "UPDATE stock SET used = used - $3 + $2, version = version + 1 \
             WHERE id = $1 AND ($2 = 0 OR (open AND used - $3 + $2 <= capacity)) \
             RETURNING id, capacity, used, open, version, waiting"
        }
        Guard::Off => {
            "UPDATE stock SET used = used - $3 + $2, version = version + 1 \
             WHERE id = $1 RETURNING id, capacity, used, open, version, waiting"
        }
    };
    let values: [Value; 3] =
        [stock.0.into(), to_i32(change.take).into(), to_i32(change.back + change.own).into()];
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    tx.query_one_raw(statement).await?.as_ref().map(read_stock).transpose()
}

/// Counts one window of a quota; the shortage when it allows no more.
///
/// The guard stands on both halves of the upsert: guarding the update alone lets the first claim in
/// whatever it asks for.
async fn count(
    tx: &impl ConnectionTrait,
    key: &str,
    window: &str,
    change: Change,
    guard: Guard,
) -> Result<Option<Shortage>, DbErr> {
    const BACK: &str = r#"UPDATE quota SET used = used - $3 WHERE "key" = $1 AND "window" = $2"#;
    let backend = tx.get_database_backend();
    let row: [Value; 2] = [key.into(), window.into()];
    let back = change.back + change.own;
    if back > 0 {
        let values = row.iter().cloned().chain([to_i32(back).into()]);
        tx.execute_raw(Statement::from_sql_and_values(backend, BACK, values)).await?;
    }
    if change.take == 0 {
        return Ok(None);
    }
    let sql = match guard {
        Guard::On => {
            r#"INSERT INTO quota ("key", "window", used, allowed)
               SELECT CAST($1 AS text), CAST($2 AS text), CAST($3 AS integer), CAST($4 AS integer)
               WHERE CAST($3 AS integer) <= CAST($4 AS integer)
               ON CONFLICT ("key", "window")
               DO UPDATE SET used = quota.used + excluded.used, allowed = excluded.allowed
               WHERE quota.used + excluded.used <= excluded.allowed"#
        }
        Guard::Off => {
            r#"INSERT INTO quota ("key", "window", used, allowed) VALUES ($1, $2, $3, $4)
               ON CONFLICT ("key", "window")
               DO UPDATE SET used = quota.used + excluded.used, allowed = excluded.allowed"#
        }
    };
    let values = row.into_iter().chain([to_i32(change.take).into(), to_i32(change.limit).into()]);
    let counted = tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    if counted.rows_affected() == 1 {
        return Ok(None);
    }
    let row = quota::Entity::find_by_id((key.to_owned(), window.to_owned())).one(tx).await?;
    let used = row.map_or(0, |row| to_u32(row.used));
    Ok(Some(Shortage::Quota { key: key.to_owned(), used, limit: change.limit }))
}

/// Tells "closed" from "sold out"; a stock that is gone is closed.
async fn why_not(tx: &impl ConnectionTrait, id: StockId) -> Result<Short, DbErr> {
    let row = stock::Entity::find_by_id(id.0).one(tx).await?;
    let open = row.is_some_and(|row| row.open);
    let shortage = if open { Shortage::SoldOut } else { Shortage::Closed };
    Ok(Short { stock: Some(id), shortage, queued: false })
}

/// The stock, and how many wait for it.
fn read_stock(row: &QueryResult) -> Result<(Stock, i32), DbErr> {
    let stock = Stock {
        id: row.try_get::<Uuid>("", "id")?.into(),
        capacity: to_u32(row.try_get("", "capacity")?),
        used: to_u32(row.try_get("", "used")?),
        open: row.try_get("", "open")?,
        version: row.try_get("", "version")?,
    };
    Ok((stock, row.try_get("", "waiting")?))
}

pub(super) fn to_u32(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

pub(super) fn to_i32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
