//! The one way to write facilities.

use linli_domain::{
    Code, Event, Refusal, Vocabulary,
    facility::{Facility, FacilityStatus},
    ids::{FacilityId, OrganisationId},
};
use sea_orm::{
    ActiveValue::NotSet,
    Set,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait},
};
use serde_json::json;

use super::{
    Stored, category, change,
    facility::{self, Profile},
    feed,
};
use crate::{
    Env, Error, OnConstraint,
    audit::{self, Actor},
    outbox,
};

/// A facility to be entered.
#[derive(Clone, Debug)]
pub struct New {
    /// The organisation it belongs to.
    pub organisation_id: OrganisationId,
    /// That organisation's place in the tree.
    pub org_path: String,
    /// Where the data comes from.
    pub source: String,
    /// Its id there.
    pub external_id: Option<String>,
    /// What is said about it.
    pub facility: Facility,
    /// Where it stands.
    pub status: FacilityStatus,
}

/// Enters a facility under an id the caller made.
pub async fn insert(
    conn: &impl ConnectionTrait,
    env: &Env,
    actor: Actor,
    id: FacilityId,
    new: &New,
) -> Result<(), Error> {
    facility::Entity::insert(row(env, id, new))
        .exec_without_returning(conn)
        .await
        .on_constraint("facility_external_key", || Refusal::new(Code::FacilityDuplicate))?;
    insert_categories(conn, &[(id, &new.facility)]).await?;
    let done = Done { id, org_path: &new.org_path, version: 1, action: "facility.create", fields: vec![] };
    Ok(record(conn, env, actor, done).await?)
}

/// Replaces profile and status of a facility that is still at `stored.version`; returns the new version.
///
/// When nothing differs, nothing is written and the version stays.
pub async fn update(
    conn: &impl ConnectionTrait,
    env: &Env,
    actor: Actor,
    stored: &Stored,
    action: &'static str,
    facility: &Facility,
    status: FacilityStatus,
) -> Result<i64, Error> {
    let Some(fields) = differences(stored, facility, status) else { return Ok(stored.version) };
    update_row(conn, env, stored, facility, status).await?;
    let version = stored.version + 1;
    let done = Done { id: stored.id, org_path: &stored.org_path, version, action, fields };
    record(conn, env, actor, done).await?;
    Ok(version)
}

/// Something was done to a facility or to what hangs on it.
pub struct Done<'a> {
    /// The facility.
    pub id: FacilityId,
    /// Its organisation's place in the tree.
    pub org_path: &'a str,
    /// Its version afterwards.
    pub version: i64,
    /// What was done, as the audit names it.
    pub action: &'static str,
    /// Names of the fields that changed.
    pub fields: Vec<&'static str>,
}

/// Writes history, feed, outbox and audit of what was done.
pub async fn record(
    conn: &impl ConnectionTrait,
    env: &Env,
    actor: Actor,
    done: Done<'_>,
) -> Result<(), DbErr> {
    let Done { id, org_path, version, action, fields } = done;
    change::Entity::insert(change_row(env, actor, id, version, action, &fields))
        .exec_without_returning(conn)
        .await?;
    feed::touch(conn, &[id]).await?;
    outbox::emit(conn, env, &[Event::FacilityChanged(id)]).await?;
    let entry = audit::Entry {
        actor,
        action,
        subject_kind: "facility",
        subject_id: Some(id.0),
        org_path: org_path.to_owned(),
        detail: json!({ "version": version, "fields": fields }),
    };
    audit::record(conn, env, entry).await
}

/// Names of what differs, or `None` when nothing does.
pub(super) fn differences(
    stored: &Stored,
    facility: &Facility,
    status: FacilityStatus,
) -> Option<Vec<&'static str>> {
    let mut fields = facility.changed_fields(&stored.facility);
    if stored.status != status {
        fields.push("status");
    }
    (!fields.is_empty()).then_some(fields)
}

pub(super) fn row(env: &Env, id: FacilityId, new: &New) -> facility::ActiveModel {
    let now = env.now();
    let New { organisation_id, org_path, source, external_id, facility, status } = new;
    let derived = derived(facility, *status);
    facility::ActiveModel {
        id: Set(id.0),
        organisation_id: Set(organisation_id.0),
        org_path: Set(org_path.clone()),
        source: Set(source.clone()),
        // Entered by hand it is known by its own id, so that every facility has a reference.
        external_id: Set(Some(external_id.clone().unwrap_or_else(|| id.to_string()))),
        version: Set(1),
        // Its place in the feed is given by `feed::touch`, in the same transaction.
        revision: Set(0),
        created_at: Set(now),
        updated_at: Set(now),
        ..derived
    }
}

/// The columns that are written from the profile.
fn derived(facility: &Facility, status: FacilityStatus) -> facility::ActiveModel {
    let data = facility.data();
    let point = data.location.map(|location| location.point);
    facility::ActiveModel {
        name: Set(data.name.clone()),
        status: Set(status.as_str().to_owned()),
        division: Set(data.division.clone()),
        lat: Set(point.map(|point| point.lat())),
        lng: Set(point.map(|point| point.lng())),
        profile: Set(Profile(data.clone())),
        licence_expires_on: Set(facility.licence_expires_on()),
        version: NotSet,
        ..Default::default()
    }
}

pub(super) async fn update_row(
    conn: &impl ConnectionTrait,
    env: &Env,
    stored: &Stored,
    facility: &Facility,
    status: FacilityStatus,
) -> Result<(), Error> {
    let mut columns = derived(facility, status);
    columns.updated_at = Set(env.now());
    let updated = facility::Entity::update_many()
        .set(columns)
        .col_expr(facility::Column::Version, Expr::col(facility::Column::Version).add(1))
        .filter(facility::Column::Id.eq(stored.id.0))
        .filter(facility::Column::Version.eq(stored.version))
        .exec(conn)
        .await?;
    if updated.rows_affected == 0 {
        // It was there a moment ago, in this transaction: somebody else's edit came first.
        return Err(Code::PreconditionFailed.into());
    }
    if facility.data().categories != stored.facility.data().categories {
        category::Entity::delete_many()
            .filter(category::Column::FacilityId.eq(stored.id.0))
            .exec(conn)
            .await?;
        insert_categories(conn, &[(stored.id, facility)]).await?;
    }
    Ok(())
}

pub(super) async fn insert_categories(
    conn: &impl ConnectionTrait,
    facilities: &[(FacilityId, &Facility)],
) -> Result<(), DbErr> {
    let rows = facilities.iter().flat_map(|(id, facility)| {
        facility.data().categories.iter().map(|category| category::ActiveModel {
            facility_id: Set(id.0),
            category: Set(category.as_str().to_owned()),
        })
    });
    category::Entity::insert_many(rows).exec_without_returning(conn).await?;
    Ok(())
}

pub(super) fn change_row(
    env: &Env,
    actor: Actor,
    id: FacilityId,
    version: i64,
    action: &str,
    fields: &[&'static str],
) -> change::ActiveModel {
    change::ActiveModel {
        id: Set(env.id()),
        facility_id: Set(id.0),
        version: Set(version),
        at: Set(env.now()),
        actor_kind: Set(actor.kind().to_owned()),
        actor_id: Set(actor.id()),
        action: Set(action.to_owned()),
        fields: Set(json!(fields)),
    }
}
