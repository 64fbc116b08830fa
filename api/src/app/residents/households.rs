//! Households: residents joined by a link that staff verified, one each.

use std::collections::BTreeSet;

use linli_domain::{
    Code, Refusal,
    ids::{HouseholdId, OrganisationId, ResidentId},
};
use linli_store::{
    Error, OnConstraint, ScopeCondition, Tx, audit,
    storage::residents::{household, household_member},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, ExprTrait},
};
use serde_json::json;

use super::lookup;
use crate::{
    App,
    app::staff::{entry, organisations::open_in_scope},
    http::auth::StaffActor,
};

/// Members of one household at the most.
const MAX_MEMBERS: u64 = 20;

/// A household with its members.
pub type WithMembers = (household::Model, Vec<household_member::Model>);

/// One household in scope.
pub async fn get(app: &App, actor: &StaffActor, id: HouseholdId) -> Result<WithMembers, Error> {
    let row = in_scope(app.db.read(), actor, id).await?;
    let members = members(app.db.read(), id).await?;
    Ok((row, members))
}

/// Verifies a new household of these residents at a community.
pub async fn create(
    app: &App,
    actor: &StaffActor,
    organisation: OrganisationId,
    residents: &BTreeSet<ResidentId>,
) -> Result<WithMembers, Error> {
    if residents.is_empty() || residents.len() as u64 > MAX_MEMBERS {
        return Err(Refusal::field(
            "resident_ids",
            "members_count",
            "家庭须有1至20名成员",
            "A household has 1 to 20 members.",
        )
        .into());
    }
    app.db
        .in_tx("households.create", |tx| async move {
            let place = open_in_scope(tx.conn(), &actor.scope, organisation).await?;
            let now = app.env.now();
            let row = household::Model {
                id: app.env.id::<HouseholdId>().0,
                organisation_id: place.id,
                org_path: place.path,
                version: 1,
                created_at: now,
                updated_at: now,
            };
            household::Entity::insert(household::ActiveModel::from(row.clone()).reset_all())
                .exec_without_returning(tx.conn())
                .await?;
            for resident in residents {
                join(app, &tx, actor, row.id.into(), *resident).await?;
            }
            let detail = json!({ "members": residents.len() });
            let line = entry(actor, "household.create", ("household", row.id), &row.org_path, detail);
            audit::record(tx.conn(), &app.env, line).await?;
            let members = members(tx.conn(), row.id.into()).await?;
            tx.commit((row, members)).await
        })
        .await
}

/// Verifies that a resident belongs to a household.
pub async fn add(
    app: &App,
    actor: &StaffActor,
    id: HouseholdId,
    resident: ResidentId,
) -> Result<WithMembers, Error> {
    app.db
        .in_tx("households.add", |tx| async move {
            // The version is taken first: it locks the household, so two cannot overfill it.
            let row = touched(app, &tx, actor, id).await?;
            let count = household_member::Entity::find()
                .filter(household_member::Column::HouseholdId.eq(id.0))
                .count(tx.conn())
                .await?;
            if count >= MAX_MEMBERS {
                return Err(Code::HouseholdFull.into());
            }
            join(app, &tx, actor, id, resident).await?;
            let detail = json!({ "resident_id": resident });
            let line = entry(actor, "household.add", ("household", id.0), &row.org_path, detail);
            audit::record(tx.conn(), &app.env, line).await?;
            let members = members(tx.conn(), id).await?;
            tx.commit((row, members)).await
        })
        .await
}

/// Ends a resident's membership.
pub async fn remove(
    app: &App,
    actor: &StaffActor,
    id: HouseholdId,
    resident: ResidentId,
) -> Result<(), Error> {
    app.db
        .in_tx("households.remove", |tx| async move {
            let row = touched(app, &tx, actor, id).await?;
            let gone = household_member::Entity::delete_many()
                .filter(household_member::Column::HouseholdId.eq(id.0))
                .filter(household_member::Column::ResidentId.eq(resident.0))
                .exec(tx.conn())
                .await?;
            if gone.rows_affected == 0 {
                return Err(Code::NotFound.into());
            }
            let detail = json!({ "resident_id": resident });
            let line = entry(actor, "household.remove", ("household", id.0), &row.org_path, detail);
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(()).await
        })
        .await
}

async fn join(
    app: &App,
    tx: &Tx,
    actor: &StaffActor,
    id: HouseholdId,
    resident: ResidentId,
) -> Result<(), Error> {
    lookup::in_scope(tx.conn(), actor, resident).await?;
    let member = household_member::ActiveModel {
        resident_id: Set(resident.0),
        household_id: Set(id.0),
        verified_by: Set(actor.id.0),
        verified_at: Set(app.env.now()),
    };
    household_member::Entity::insert(member)
        .exec_without_returning(tx.conn())
        .await
        .on_constraint("household_member_pkey", || Code::HouseholdTaken.into())?;
    Ok(())
}

async fn touched(app: &App, tx: &Tx, actor: &StaffActor, id: HouseholdId) -> Result<household::Model, Error> {
    use household::Column;
    household::Entity::update_many()
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdatedAt, Expr::value(app.env.now()))
        .filter(Column::Id.eq(id.0))
        .filter(actor.scope.condition(Column::OrgPath))
        .exec(tx.conn())
        .await?;
    in_scope(tx.conn(), actor, id).await
}

async fn in_scope(
    conn: &impl ConnectionTrait,
    actor: &StaffActor,
    id: HouseholdId,
) -> Result<household::Model, Error> {
    let found = household::Entity::find_by_id(id.0)
        .filter(actor.scope.condition(household::Column::OrgPath))
        .one(conn)
        .await?;
    found.ok_or(Code::NotFound.into())
}

async fn members(
    conn: &impl ConnectionTrait,
    id: HouseholdId,
) -> Result<Vec<household_member::Model>, Error> {
    let rows = household_member::Entity::find()
        .filter(household_member::Column::HouseholdId.eq(id.0))
        .order_by_asc(household_member::Column::VerifiedAt)
        .all(conn)
        .await?;
    Ok(rows)
}
