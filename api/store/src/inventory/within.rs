//! A claim inside a transaction that is about something else, such as publishing a day.

use linli_domain::{
    Event,
    ids::ClaimId,
    inventory::{Claim, Shortage},
};
use sea_orm::ConnectionTrait;

use super::{
    changes::{Changes, Guard},
    claims,
};
use crate::{Env, Error, outbox};

/// Makes `claim` in the caller's transaction, which must roll back when it is told of a shortage.
///
/// The gate hears of it by `gate.sync`. The caller's other rows come before: stocks are locked last.
/// Refused too where somebody waits who could have what it takes.
pub async fn claim_within(
    tx: &impl ConnectionTrait,
    env: &Env,
    claim: &Claim,
) -> Result<Result<(), Shortage>, Error> {
    claims::insert(tx, env, claim).await?;
    let changes = Changes::default().take(&claim.needs_by_stock(), claim.quotas());
    let syncs: Vec<_> = changes.stocks().map(Event::GateSync).collect();
    outbox::emit(tx, env, &syncs).await?;
    Ok(changes.apply(tx, env, Guard::On).await?.map(drop).map_err(|short| short.shortage))
}

/// Makes all of `claims` in the caller's transaction, which must roll back when it is told of a shortage;
/// that names the claim that is short.
pub async fn claim_all_within(
    tx: &impl ConnectionTrait,
    env: &Env,
    claims: &[Claim],
) -> Result<Result<(), Option<(ClaimId, Shortage)>>, Error> {
    let mut changes = Changes::default();
    for claim in claims {
        claims::insert(tx, env, claim).await?;
        changes = changes.take(&claim.needs_by_stock(), claim.quotas());
    }
    apply(tx, env, claims, changes).await
}

/// Gives a claim back in the caller's transaction; `false` when it has ended already.
pub async fn release_within(tx: &impl ConnectionTrait, env: &Env, claim: ClaimId) -> Result<bool, Error> {
    if !claims::end(tx, env, claim).await? {
        return Ok(false);
    }
    let held = claims::held(tx, claim).await?;
    let changes = Changes::default().give_back(held.iter());
    let syncs: Vec<_> = changes.stocks().map(Event::GateSync).collect();
    outbox::emit(tx, env, &syncs).await?;
    // Giving back is never refused.
    drop(changes.apply(tx, env, Guard::On).await?);
    Ok(true)
}

/// Gives what live claims hold back and takes what they ask for instead, in the caller's transaction, all
/// or nothing; it must roll back when it is told of a shortage, which names the claim that is short.
///
/// Each keeps its id. `Ok(Err(None))` when one of them has ended or lapsed.
pub async fn swap_within(
    tx: &impl ConnectionTrait,
    env: &Env,
    claims: &[Claim],
) -> Result<Result<(), Option<(ClaimId, Shortage)>>, Error> {
    let mut gone = Vec::with_capacity(claims.len());
    let mut changes = Changes::default();
    for claim in claims {
        let Some(held) = claims::replace(tx, env, claim).await? else { return Ok(Err(None)) };
        gone.push(held);
        changes = changes.take(&claim.needs_by_stock(), claim.quotas());
    }
    apply(tx, env, claims, changes.move_from(&gone)).await
}

/// Applies what `claims` take together, and tells whose is short.
async fn apply(
    tx: &impl ConnectionTrait,
    env: &Env,
    claims: &[Claim],
    changes: Changes,
) -> Result<Result<(), Option<(ClaimId, Shortage)>>, Error> {
    let syncs: Vec<_> = changes.stocks().map(Event::GateSync).collect();
    outbox::emit(tx, env, &syncs).await?;
    let Err(short) = changes.apply(tx, env, Guard::On).await? else { return Ok(Ok(())) };
    let of = |claim: &&Claim| match (&short.stock, &short.shortage) {
        (Some(stock), _) => claim.needs_by_stock().iter().any(|need| need.stock == *stock),
        (None, Shortage::Quota { key, .. }) => claim.quotas().iter().any(|quota| quota.key == *key),
        (None, _) => false,
    };
    Ok(Err(claims.iter().rfind(of).map(|claim| (claim.id, short.shortage.clone()))))
}
