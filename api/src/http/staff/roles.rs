//! Roles of staff accounts.

use chrono::{DateTime, FixedOffset};
use linli_domain::{
    Refusal,
    access::{Role, perm},
    ids::{AssignmentId, OrganisationId, StaffId},
    time::local,
};
use linli_store::storage::staff::assignment;
use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::staff::{
        roles,
        sight::{Thing, judge},
    },
    http::{Problem, auth::Staff, v1::auth::Done},
};

/// Operations on the roles of an account.
pub struct Roles;

/// A role given to an account.
#[derive(Object)]
pub struct Assignment {
    /// Id.
    id: String,
    /// Role.
    role: String,
    /// Where.
    organisation_id: String,
    /// When.
    given_at: DateTime<FixedOffset>,
}

/// A role to give.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewAssignment {
    /// Role.
    #[oai(validator(max_length = 40))]
    role: String,
    /// Where.
    organisation_id: Uuid,
}

/// A role was given.
#[derive(ApiResponse)]
pub enum AssignmentCreated {
    /// The role.
    #[oai(status = 201)]
    Created(Json<Assignment>),
}

/// Roles of an account.
#[derive(Object)]
pub struct AssignmentList {
    /// The oldest first.
    items: Vec<Assignment>,
}

#[OpenApi(tag = "Tag::Accounts")]
impl Roles {
    /// Lists the roles of an account
    #[oai(path = "/accounts/:account_id/roles", method = "get", operation_id = "staffListRoles")]
    async fn list(
        &self,
        app: Data<&App>,
        staff: Staff<perm::StaffRead>,
        account_id: Path<Uuid>,
    ) -> Result<Json<AssignmentList>, Problem> {
        let rows = roles::list(&app, &staff, StaffId(account_id.0)).await?;
        Ok(Json(AssignmentList { items: rows.into_iter().map(assignment).collect() }))
    }

    /// Gives a role
    #[oai(path = "/accounts/:account_id/roles", method = "post", operation_id = "staffGiveRole")]
    async fn give(
        &self,
        app: Data<&App>,
        staff: Staff<perm::StaffEdit>,
        account_id: Path<Uuid>,
        body: Json<NewAssignment>,
    ) -> Result<AssignmentCreated, Problem> {
        let role = Role::parse(&body.role).ok_or_else(|| {
            Refusal::field("role", "role_unknown", "没有这个角色", "There is no such role.")
        })?;
        let place = OrganisationId(body.organisation_id);
        let done = roles::give(&app, &staff, StaffId(account_id.0), role, place).await;
        let row = judge(&app, &staff, (Thing::Account, account_id.0), done).await?;
        Ok(AssignmentCreated::Created(Json(assignment(row))))
    }

    /// Takes a role back
    #[oai(
        path = "/accounts/:account_id/roles/:assignment_id",
        method = "delete",
        operation_id = "staffTakeRole"
    )]
    async fn take(
        &self,
        app: Data<&App>,
        staff: Staff<perm::StaffEdit>,
        account_id: Path<Uuid>,
        assignment_id: Path<Uuid>,
    ) -> Result<Done, Problem> {
        let done = roles::take(&app, &staff, StaffId(account_id.0), AssignmentId(assignment_id.0)).await;
        judge(&app, &staff, (Thing::Account, account_id.0), done).await?;
        Ok(Done::Done)
    }
}

fn assignment(row: assignment::Model) -> Assignment {
    Assignment {
        id: row.id.to_string(),
        role: row.role,
        organisation_id: row.organisation_id.to_string(),
        given_at: local(row.given_at),
    }
}
