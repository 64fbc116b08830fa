//! Entering and changing facilities. Each use case is one transaction that ends with its commit.

use linli_domain::{
    Code, Refusal,
    access::Scope,
    facility::{Facility, FacilityStatus},
    hours::Schedule,
    ids::{FacilityId, OrganisationId, StaffId},
};
use linli_store::{
    Committed, Error, ScopeCondition, Tx,
    audit::Actor,
    idempotency::{self, Begun},
    storage::{
        facilities::{
            self, CONSOLE, Stored,
            write::{self, New},
        },
        staff::{organisation, tree},
    },
};
use sea_orm::{EntityTrait, QueryFilter};

use crate::App;

/// A facility to be entered.
#[derive(Clone, Debug)]
pub struct Create {
    /// The organisation it shall belong to.
    pub organisation_id: OrganisationId,
    /// Its id in the register staff copy from.
    pub external_id: Option<String>,
    /// Where it stands.
    pub status: FacilityStatus,
    /// What is said about it.
    pub facility: Facility,
}

/// Enters a facility under `id`, once per idempotency key.
pub async fn create(
    app: &App,
    by: StaffId,
    scope: &Scope,
    id: FacilityId,
    create: &Create,
    request: &idempotency::Request,
    answer: &idempotency::Stored,
) -> Result<Begun, Error> {
    let env = &app.env;
    if create.external_id.as_deref().is_some_and(|id| !(1..=100).contains(&id.trim().chars().count())) {
        return Err(
            Refusal::field("external_id", "length", "应为1至100字", "It has 1 to 100 characters.").into()
        );
    }
    app.db
        .in_tx("facilities.create", |tx| async move {
            if let Begun::Replay(stored) = idempotency::begin(&tx, env, request, answer).await? {
                return tx.commit(Begun::Replay(stored)).await;
            }
            tree::hold(tx.conn()).await?;
            let owner = organisation::Entity::find_by_id(create.organisation_id.0)
                .filter(scope.condition(organisation::Column::Path))
                .one(tx.conn())
                .await?
                .filter(|owner| owner.closed_at.is_none())
                .ok_or_else(unknown_organisation)?;
            let new = New {
                organisation_id: create.organisation_id,
                org_path: owner.path,
                source: CONSOLE.to_owned(),
                external_id: create.external_id.clone(),
                facility: create.facility.clone(),
                status: create.status,
            };
            write::insert(tx.conn(), env, Actor::Staff(by), id, &new).await?;
            tx.commit(Begun::Fresh).await
        })
        .await
}

fn unknown_organisation() -> Refusal {
    Refusal::field("organisation_id", "not_found", "没有找到该组织", "There is no such organisation.")
}

/// Replaces the profile; returns the new version.
pub async fn replace(
    app: &App,
    by: StaffId,
    scope: &Scope,
    id: FacilityId,
    version: i64,
    facility: &Facility,
) -> Result<i64, Error> {
    app.db
        .in_tx("facilities.replace", |tx| async move {
            let stored = find(&tx, scope, id, version).await?;
            let facility = with_kept_place(facility, &stored, app.env.now())?;
            let status = stored.status;
            save(app, tx, by, &stored, "facility.update", &facility, status).await
        })
        .await
}

/// Replaces the hours alone; returns the new version.
pub async fn set_hours(
    app: &App,
    by: StaffId,
    scope: &Scope,
    id: FacilityId,
    version: i64,
    hours: &Schedule,
) -> Result<i64, Error> {
    app.db
        .in_tx("facilities.set_hours", |tx| async move {
            let stored = find(&tx, scope, id, version).await?;
            let mut data = stored.facility.data().clone();
            data.hours = hours.clone();
            let facility = Facility::new(data, app.env.now())?;
            let status = stored.status;
            save(app, tx, by, &stored, "facility.set_hours", &facility, status).await
        })
        .await
}

/// Moves the status along its table; returns the new version.
pub async fn set_status(
    app: &App,
    by: StaffId,
    scope: &Scope,
    id: FacilityId,
    version: i64,
    status: FacilityStatus,
) -> Result<i64, Error> {
    app.db
        .in_tx("facilities.set_status", |tx| async move {
            let stored = find(&tx, scope, id, version).await?;
            let status = stored.status.to(status)?;
            let facility = stored.facility.clone();
            save(app, tx, by, &stored, "facility.set_status", &facility, status).await
        })
        .await
}

/// The facility, in scope and still at `version`.
async fn find(tx: &Tx, scope: &Scope, id: FacilityId, version: i64) -> Result<Stored, Error> {
    let stored = facilities::find(tx.conn(), scope, id).await?.ok_or(Code::NotFound)?;
    if stored.version == version { Ok(stored) } else { Err(Code::PreconditionFailed.into()) }
}

async fn save(
    app: &App,
    tx: Tx,
    by: StaffId,
    stored: &Stored,
    action: &'static str,
    facility: &Facility,
    status: FacilityStatus,
) -> Result<Committed<i64>, Error> {
    let actor = Actor::Staff(by);
    let version = write::update(tx.conn(), &app.env, actor, stored, action, facility, status).await?;
    tx.commit(version).await
}

/// A place that came back from the console moved only by the rounding of its datum: keep the stored one.
fn with_kept_place(
    facility: &Facility,
    stored: &Stored,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Facility, Refusal> {
    const ROUNDING_M: f64 = 0.05;
    let mut data = facility.data().clone();
    if let (Some(given), Some(kept)) = (&mut data.location, stored.facility.data().location)
        && given.source_datum == kept.source_datum
        && given.point.distance_m(kept.point) < ROUNDING_M
    {
        given.point = kept.point;
    }
    Facility::new(data, now)
}
