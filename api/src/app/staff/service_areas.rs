//! Service areas 片区: organisations served together, across the borders of the tree.

use std::collections::BTreeSet;

use linli_domain::{
    Code, Refusal,
    ids::{OrganisationId, ServiceAreaId},
};
use linli_store::{
    Error, ScopeCondition, Tx, audit,
    storage::staff::{service_area, service_area_member},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use super::{entry, organisations::open_in_scope};
use crate::{App, http::auth::StaffActor};

/// Organisations in one service area at the most.
const MAX_MEMBERS: usize = 200;

/// A service area with the organisations it is made of.
pub type WithMembers = (service_area::Model, Vec<OrganisationId>);

/// One service area in scope.
pub async fn get(app: &App, actor: &StaffActor, id: ServiceAreaId) -> Result<WithMembers, Error> {
    let row = in_scope(app.db.read(), actor, id).await?;
    let members = members(app.db.read(), id).await?;
    Ok((row, members))
}

/// The service areas in scope after `after`, by id; one more than `limit`.
pub async fn list(
    app: &App,
    actor: &StaffActor,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<service_area::Model>, Error> {
    let mut query = service_area::Entity::find()
        .filter(actor.scope.condition(service_area::Column::OrgPath))
        .order_by_asc(service_area::Column::Id)
        .limit(u64::from(limit) + 1);
    if let Some(after) = after {
        query = query.filter(service_area::Column::Id.gt(after));
    }
    Ok(query.all(app.db.read()).await?)
}

/// Draws a service area.
pub async fn create(
    app: &App,
    actor: &StaffActor,
    name: &str,
    organisation: OrganisationId,
    members: &BTreeSet<OrganisationId>,
) -> Result<WithMembers, Error> {
    let name = &checked(name, members)?;
    app.db
        .in_tx("service_areas.create", |tx| async move {
            let owner = open_in_scope(tx.conn(), &actor.scope, organisation).await?;
            let now = app.env.now();
            let row = service_area::Model {
                id: app.env.id::<ServiceAreaId>().0,
                name: name.clone(),
                organisation_id: owner.id,
                org_path: owner.path,
                version: 1,
                created_at: now,
                updated_at: now,
            };
            service_area::Entity::insert(service_area::ActiveModel::from(row.clone()).reset_all())
                .exec_without_returning(tx.conn())
                .await?;
            write_members(&tx, actor, row.id, members).await?;
            let detail = json!({ "members": members.len() });
            let line = entry(actor, "service_area.create", ("service_area", row.id), &row.org_path, detail);
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit((row, members.iter().copied().collect())).await
        })
        .await
}

/// Redraws a service area: name and members as given.
pub async fn update(
    app: &App,
    actor: &StaffActor,
    id: ServiceAreaId,
    version: i64,
    name: &str,
    members: &BTreeSet<OrganisationId>,
) -> Result<WithMembers, Error> {
    let name = &checked(name, members)?;
    app.db
        .in_tx("service_areas.update", |tx| async move {
            let mut row = in_scope(tx.conn(), actor, id).await?;
            row.name.clone_from(name);
            row.version += 1;
            row.updated_at = app.env.now();
            let written = service_area::Entity::update_many()
                .set(service_area::ActiveModel::from(row.clone()).reset_all())
                .filter(service_area::Column::Id.eq(id.0))
                .filter(service_area::Column::Version.eq(version))
                .exec(tx.conn())
                .await?;
            if written.rows_affected == 0 {
                return Err(Code::PreconditionFailed.into());
            }
            drop_members(&tx, id.0).await?;
            write_members(&tx, actor, id.0, members).await?;
            let detail = json!({ "members": members.len() });
            let line = entry(actor, "service_area.update", ("service_area", id.0), &row.org_path, detail);
            audit::record(tx.conn(), &app.env, line).await?;
            row.version = version + 1;
            tx.commit((row, members.iter().copied().collect())).await
        })
        .await
}

/// Removes a service area.
pub async fn delete(app: &App, actor: &StaffActor, id: ServiceAreaId, version: i64) -> Result<(), Error> {
    app.db
        .in_tx("service_areas.delete", |tx| async move {
            let row = in_scope(tx.conn(), actor, id).await?;
            drop_members(&tx, id.0).await?;
            let gone = service_area::Entity::delete_many()
                .filter(service_area::Column::Id.eq(id.0))
                .filter(service_area::Column::Version.eq(version))
                .exec(tx.conn())
                .await?;
            if gone.rows_affected == 0 {
                return Err(Code::PreconditionFailed.into());
            }
            let line = entry(actor, "service_area.delete", ("service_area", id.0), &row.org_path, json!({}));
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(()).await
        })
        .await
}

async fn in_scope(
    conn: &impl ConnectionTrait,
    actor: &StaffActor,
    id: ServiceAreaId,
) -> Result<service_area::Model, Error> {
    let found = service_area::Entity::find_by_id(id.0)
        .filter(actor.scope.condition(service_area::Column::OrgPath))
        .one(conn)
        .await?;
    found.ok_or(Code::NotFound.into())
}

async fn members(conn: &impl ConnectionTrait, id: ServiceAreaId) -> Result<Vec<OrganisationId>, Error> {
    let rows = service_area_member::Entity::find()
        .filter(service_area_member::Column::ServiceAreaId.eq(id.0))
        .order_by_asc(service_area_member::Column::OrganisationId)
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| row.organisation_id.into()).collect())
}

async fn drop_members(tx: &Tx, id: Uuid) -> Result<(), Error> {
    service_area_member::Entity::delete_many()
        .filter(service_area_member::Column::ServiceAreaId.eq(id))
        .exec(tx.conn())
        .await?;
    Ok(())
}

async fn write_members(
    tx: &Tx,
    actor: &StaffActor,
    id: Uuid,
    members: &BTreeSet<OrganisationId>,
) -> Result<(), Error> {
    for member in members {
        open_in_scope(tx.conn(), &actor.scope, *member).await?;
    }
    let rows = members.iter().map(|member| service_area_member::ActiveModel {
        service_area_id: Set(id),
        organisation_id: Set(member.0),
    });
    service_area_member::Entity::insert_many(rows).exec_without_returning(tx.conn()).await?;
    Ok(())
}

fn checked(name: &str, members: &BTreeSet<OrganisationId>) -> Result<String, Refusal> {
    let name = name.trim();
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Refusal::field(
            "name",
            "name_invalid",
            "名称须为1至100个字符",
            "A name has 1 to 100 characters.",
        ));
    }
    if !(1..=MAX_MEMBERS).contains(&members.len()) {
        return Err(Refusal::field(
            "member_ids",
            "members_count",
            "片区须包含1至200个机构",
            "A service area is made of 1 to 200 organisations.",
        ));
    }
    Ok(name.to_owned())
}
