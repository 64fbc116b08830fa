//! Imports: many facilities at once, idempotent by source and external id.

use std::collections::HashSet;

use linli_domain::{
    Code, Event, Refusal,
    access::{OrgPath, Scope},
    facility::{Facility, FacilityStatus},
    ids::{FacilityId, OrganisationId},
};
use sea_orm::entity::prelude::*;
use serde_json::json;

use super::{
    Stored, change, facility, feed,
    reference::any_by_external_ids,
    write::{self, New},
};
use crate::{
    Env, Error,
    audit::{self, Actor},
    outbox,
};

/// One facility of a file.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Its id in the source.
    pub external_id: String,
    /// The organisation it shall belong to; an existing facility stays where it is.
    pub organisation_id: OrganisationId,
    /// That organisation's place in the tree.
    pub org_path: String,
    /// What is said about it.
    pub facility: Facility,
    /// Where it stands; `None` leaves an existing facility's status alone and opens a new one.
    pub status: Option<FacilityStatus>,
}

/// What became of one facility of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was entered.
    Created(FacilityId),
    /// It was there and differed.
    Updated(FacilityId),
    /// It was there and did not differ; nothing was written.
    Unchanged(FacilityId),
    /// A rule said no; the others are not affected.
    Refused(Refusal),
}

/// Rows per call at the most: a statement has a bounded number of parameters.
pub const MAX_BATCH: usize = 500;

/// Enters or updates a batch in the caller's transaction; outcomes come in the order of `batch`.
///
/// Only facilities within `scope` are touched. The audit gets one line per batch, the history one
/// per facility. For a dry run, drop the transaction.
pub async fn upsert(
    conn: &impl ConnectionTrait,
    env: &Env,
    actor: Actor,
    scope: &Scope,
    source: &str,
    batch: &[Incoming],
) -> Result<Vec<Outcome>, Error> {
    if batch.len() > MAX_BATCH {
        return Err(Error::internal("importing facilities", "the batch is too large"));
    }
    let ids = batch.iter().map(|incoming| incoming.external_id.as_str());
    let mut existing = any_by_external_ids(conn, source, ids).await?;
    let mut seen = HashSet::new();
    let (mut outcomes, mut changes, mut created) = (Vec::with_capacity(batch.len()), Vec::new(), Vec::new());
    for incoming in batch {
        let outcome = if seen.insert(incoming.external_id.as_str()) {
            match existing.remove(&incoming.external_id) {
                Some(stored) => update(conn, env, actor, scope, &stored, incoming, &mut changes).await?,
                None if !reaches(scope, &incoming.org_path) => Outcome::Refused(Refusal::new(Code::NotFound)),
                None => {
                    let id = env.id::<FacilityId>();
                    created.push((id, new(source, incoming)));
                    changes.push((id, write::change_row(env, actor, id, 1, "facility.import", &[])));
                    Outcome::Created(id)
                }
            }
        } else {
            Outcome::Refused(Refusal::new(Code::FacilityDuplicate))
        };
        outcomes.push(outcome);
    }
    insert_all(conn, env, &created).await?;
    record_all(conn, env, actor, source, created.len(), changes).await?;
    Ok(outcomes)
}

type Changes = Vec<(FacilityId, change::ActiveModel)>;

async fn update(
    conn: &impl ConnectionTrait,
    env: &Env,
    actor: Actor,
    scope: &Scope,
    stored: &Stored,
    incoming: &Incoming,
    changes: &mut Changes,
) -> Result<Outcome, Error> {
    if !reaches(scope, &stored.org_path) {
        // It exists, but the caller may not know that.
        return Ok(Outcome::Refused(Refusal::new(Code::NotFound)));
    }
    let status = match stored.status.to(incoming.status.unwrap_or(stored.status)) {
        Ok(status) => status,
        Err(refusal) => return Ok(Outcome::Refused(refusal)),
    };
    let Some(fields) = write::differences(stored, &incoming.facility, status) else {
        return Ok(Outcome::Unchanged(stored.id));
    };
    write::update_row(conn, env, stored, &incoming.facility, status).await?;
    let version = stored.version + 1;
    changes.push((stored.id, write::change_row(env, actor, stored.id, version, "facility.import", &fields)));
    Ok(Outcome::Updated(stored.id))
}

fn reaches(scope: &Scope, org_path: &str) -> bool {
    OrgPath::parse(org_path).is_some_and(|path| scope.contains(&path))
}

fn new(source: &str, incoming: &Incoming) -> New {
    New {
        organisation_id: incoming.organisation_id,
        org_path: incoming.org_path.clone(),
        source: source.to_owned(),
        external_id: Some(incoming.external_id.clone()),
        facility: incoming.facility.clone(),
        status: incoming.status.unwrap_or(FacilityStatus::Open),
    }
}

async fn insert_all(
    conn: &impl ConnectionTrait,
    env: &Env,
    created: &[(FacilityId, New)],
) -> Result<(), Error> {
    if created.is_empty() {
        return Ok(());
    }
    let rows = created.iter().map(|(id, new)| write::row(env, *id, new));
    facility::Entity::insert_many(rows).exec_without_returning(conn).await?;
    let facilities: Vec<_> = created.iter().map(|(id, new)| (*id, &new.facility)).collect();
    write::insert_categories(conn, &facilities).await?;
    Ok(())
}

async fn record_all(
    conn: &impl ConnectionTrait,
    env: &Env,
    actor: Actor,
    source: &str,
    created: usize,
    changes: Changes,
) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let (ids, rows): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
    change::Entity::insert_many(rows).exec_without_returning(conn).await?;
    feed::touch(conn, &ids).await?;
    let events: Vec<_> = ids.iter().copied().map(Event::FacilityChanged).collect();
    outbox::emit(conn, env, &events).await?;
    let entry = audit::Entry {
        actor,
        action: "facility.import",
        subject_kind: "facility",
        subject_id: None,
        // A batch may lie in many organisations; who imports at all is a matter of the city.
        org_path: String::new(),
        detail: json!({ "source": source, "created": created, "updated": ids.len() - created }),
    };
    audit::record(conn, env, entry).await?;
    Ok(())
}
