//! Roles: given and taken by who appoints them, at places within reach.

use linli_domain::{
    Code, Refusal,
    access::{Authority, OrgPath, OrganisationKind, Role},
    ids::{AssignmentId, OrganisationId, StaffId},
};
use linli_store::{
    Error, OnConstraint, ScopeCondition, Tx, audit,
    storage::staff::{account, assignment},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::OnConflict,
};
use serde_json::json;

use super::{entry, organisations::open_in_scope};
use crate::{App, http::auth::StaffActor};

/// The roles of an account in scope.
pub async fn list(app: &App, actor: &StaffActor, id: StaffId) -> Result<Vec<assignment::Model>, Error> {
    super::accounts::get(app, actor, id).await?;
    let rows = assignment::Entity::find().filter(assignment::Column::StaffId.eq(id.0));
    Ok(rows.order_by_asc(assignment::Column::Id).all(app.db.read()).await?)
}

/// Gives a role at an organisation.
pub async fn give(
    app: &App,
    actor: &StaffActor,
    id: StaffId,
    role: Role,
    organisation: OrganisationId,
) -> Result<assignment::Model, Error> {
    app.db
        .in_tx("staff.give_role", |tx| async move {
            account_in_scope(&tx, actor, id).await?;
            let place = open_in_scope(tx.conn(), &actor.scope, organisation).await?;
            if !OrganisationKind::parse(&place.kind).is_some_and(|kind| role.held_at().contains(&kind)) {
                return Err(Refusal::field(
                    "role",
                    "role_misplaced",
                    "该角色不能授予此类机构",
                    "This role is not given at an organisation of this kind.",
                )
                .into());
            }
            may_appoint(actor, id, role, &place.path)?;
            let row = assignment::Model {
                id: app.env.id::<AssignmentId>().0,
                staff_id: id.0,
                role: role.as_str().to_owned(),
                organisation_id: place.id,
                org_path: place.path,
                given_by: Some(actor.id.0),
                given_at: app.env.now(),
            };
            assignment::Entity::insert(assignment::ActiveModel::from(row.clone()).reset_all())
                .exec_without_returning(tx.conn())
                .await
                .on_constraint("staff_assignment_key", || Code::RoleAlreadyGiven.into())?;
            let detail = json!({ "role": role.as_str() });
            let line = entry(actor, "staff.give_role", ("staff", id.0), &row.org_path, detail);
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(row).await
        })
        .await
}

/// Takes a role back.
pub async fn take(app: &App, actor: &StaffActor, id: StaffId, assignment: AssignmentId) -> Result<(), Error> {
    app.db
        .in_tx("staff.take_role", |tx| async move {
            account_in_scope(&tx, actor, id).await?;
            let row = assignment::Entity::find_by_id(assignment.0)
                .filter(assignment::Column::StaffId.eq(id.0))
                .filter(actor.scope.condition(assignment::Column::OrgPath))
                .one(tx.conn())
                .await?
                .ok_or(Code::NotFound)?;
            // A role this version does not know can be taken by nobody but the command line.
            let role = Role::parse(&row.role).ok_or(Code::Forbidden)?;
            may_appoint(actor, id, role, &row.org_path)?;
            assignment::Entity::delete_by_id(assignment.0).exec(tx.conn()).await?;
            let detail = json!({ "role": role.as_str() });
            let line = entry(actor, "staff.take_role", ("staff", id.0), &row.org_path, detail);
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(()).await
        })
        .await
}

/// Whether every role of the account is one that `actor` could take from it.
pub(super) async fn may_manage(_app: &App, tx: &Tx, actor: &StaffActor, id: StaffId) -> Result<bool, Error> {
    let rows = assignment::Entity::find().filter(assignment::Column::StaffId.eq(id.0)).all(tx.conn()).await?;
    Ok(rows.iter().all(|row| appoints(&actor.member.authority, &row.role, &row.org_path)))
}

fn appoints(authority: &Authority, role: &str, org_path: &str) -> bool {
    match (Role::parse(role), OrgPath::parse(org_path)) {
        (Some(role), Some(path)) => authority.may_appoint(role, &path),
        _ => false,
    }
}

/// Nobody appoints themselves, nor anyone to what they do not appoint.
fn may_appoint(actor: &StaffActor, id: StaffId, role: Role, org_path: &str) -> Result<(), Code> {
    if id == actor.id || !appoints(&actor.member.authority, role.as_str(), org_path) {
        return Err(Code::Forbidden);
    }
    Ok(())
}

async fn account_in_scope(tx: &Tx, actor: &StaffActor, id: StaffId) -> Result<(), Error> {
    let found = account::Entity::find_by_id(id.0)
        .filter(actor.scope.condition(account::Column::OrgPath))
        .one(tx.conn())
        .await?;
    found.map(|_| ()).ok_or(Code::NotFound.into())
}

/// Gives a role without asking who appoints it: for the command line only.
pub(super) async fn any_give(
    app: &App,
    tx: &Tx,
    id: StaffId,
    role: Role,
    place: (OrganisationId, &str),
) -> Result<(), Error> {
    let row = assignment::ActiveModel {
        id: Set(app.env.id::<AssignmentId>().0),
        staff_id: Set(id.0),
        role: Set(role.as_str().to_owned()),
        organisation_id: Set(place.0.0),
        org_path: Set(place.1.to_owned()),
        given_by: Set(None),
        given_at: Set(app.env.now()),
    };
    // Whoever holds the role already keeps it. The shorthand of sea-orm would name the primary key
    // alone, and an assignment held already meets the other one.
    let held = [assignment::Column::StaffId, assignment::Column::Role, assignment::Column::OrganisationId];
    assignment::Entity::insert(row)
        .on_conflict(OnConflict::columns(held).do_nothing().to_owned())
        .exec_without_returning(tx.conn())
        .await?;
    Ok(())
}
