//! A claim inside a transaction that is about something else, such as publishing a day.

use linli_domain::{
    Event,
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
pub async fn claim_within(
    tx: &impl ConnectionTrait,
    env: &Env,
    claim: &Claim,
) -> Result<Result<(), Shortage>, Error> {
    claims::insert(tx, env, claim).await?;
    let changes = Changes::default().take(&claim.needs_by_stock(), claim.quotas());
    let syncs: Vec<_> = changes.stocks().map(Event::GateSync).collect();
    outbox::emit(tx, env, &syncs).await?;
    Ok(changes.apply(tx, Guard::On).await?.map(drop).map_err(|short| short.shortage))
}
