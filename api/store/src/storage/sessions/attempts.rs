//! Attempts at something secret (a password, a code), charged before they are judged.

use linli_domain::access::{Attempts, DelayPolicy};
use linli_domain::{Code, Refusal};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, Set, sea_query::OnConflict,
};

use super::failed_attempt::{ActiveModel, Column, Entity};
use crate::{Db, Env, Error};

/// A blind key and the policy that holds for it.
pub type Charge = (Vec<u8>, DelayPolicy);

/// Charges one attempt to every key, or refuses with the longest wait and charges none.
pub async fn charge(db: &Db, env: &Env, mut charges: Vec<Charge>) -> Result<(), Error> {
    // Locked in one order, so that two attempts never wait for each other.
    charges.sort_by(|a, b| a.0.cmp(&b.0));
    let charges = &charges;
    db.in_tx("attempts.charge", |tx| async move {
        for (key, policy) in charges {
            let before = lock(tx.conn(), env, key).await?;
            let after = policy.charge(before, env.now()).map_err(|wait| {
                // Rounded up: a client that waits as told must not be refused again.
                let seconds = u32::try_from((wait.num_milliseconds() + 999) / 1000).unwrap_or(u32::MAX);
                Refusal::new(Code::RateLimited).retry_after(seconds.max(1))
            })?;
            let row = ActiveModel {
                key: Set(key.clone()),
                failures: Set(i32::try_from(after.failures).unwrap_or(i32::MAX)),
                last_at: Set(after.last_at),
                blocked_until: Set(after.blocked_until),
            };
            Entity::update(row).exec(tx.conn()).await?;
        }
        tx.commit(()).await
    })
    .await
}

/// Forgets the attempts of a key, after a success.
pub async fn forgive(tx: &impl ConnectionTrait, key: &[u8]) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::Key.eq(key.to_vec())).exec(tx).await?;
    Ok(())
}

/// Locks the row of a key, made if missing; `None` for one that was never charged.
async fn lock(tx: &impl ConnectionTrait, env: &Env, key: &[u8]) -> Result<Option<Attempts>, DbErr> {
    let empty = ActiveModel {
        key: Set(key.to_vec()),
        failures: Set(0),
        last_at: Set(env.now()),
        blocked_until: Set(env.now()),
    };
    Entity::insert(empty)
        .on_conflict(OnConflict::column(Column::Key).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    let mut find = Entity::find().filter(Column::Key.eq(key.to_vec()));
    if tx.get_database_backend() == sea_orm::DbBackend::Postgres {
        find = find.lock_exclusive();
    }
    let row = find.one(tx).await?;
    Ok(row.filter(|row| row.failures > 0).map(|row| Attempts {
        failures: row.failures.unsigned_abs(),
        last_at: row.last_at,
        blocked_until: row.blocked_until,
    }))
}
