//! Staff accounts, their roles, and the audit trail.

use chrono::{DateTime, FixedOffset};
use linli_domain::{
    Refusal,
    access::{Role, perm},
    ids::{AssignmentId, OrganisationId, StaffId},
    person::{PersonName, Phone},
    time::local,
};
use linli_store::{
    audit,
    storage::staff::{account, assignment},
    vault::Place,
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::staff::{accounts, audit_trail, roles},
    http::{
        Problem,
        auth::Staff,
        etag::{IfMatch, etag},
        paging,
        v1::auth::Done,
    },
};

/// Operations on staff accounts.
pub struct Accounts;

/// A staff account.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Account {
    /// Id.
    id: String,
    /// Sign-in name.
    username: String,
    /// Name.
    name: String,
    /// Telephone number, masked.
    phone_masked: Option<String>,
    /// The organisation that keeps the account.
    organisation_id: String,
    /// Whether it may not sign in.
    disabled: bool,
    /// Whether the password was set by someone else.
    must_change_password: bool,
    /// Version, for `If-Match`.
    version: i64,
}

/// A new account.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewAccount {
    /// Sign-in name: 3 to 32 lower-case letters, digits, dots or dashes.
    #[oai(validator(max_length = 64))]
    username: String,
    /// Name of the person.
    #[oai(validator(max_length = 200))]
    name: String,
    /// Telephone number.
    #[oai(validator(max_length = 40))]
    phone: Option<String>,
    /// The organisation that keeps the account.
    organisation_id: Uuid,
}

/// A change; what is left out stays.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct AccountPatch {
    /// Name.
    #[oai(validator(max_length = 200))]
    name: Option<String>,
    /// Telephone number; the empty text takes it away.
    #[oai(validator(max_length = 40))]
    phone: Option<String>,
    /// Whether it may not sign in.
    disabled: Option<bool>,
}

/// A first password.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct FirstPassword {
    /// The account, when it is new.
    account: Option<Account>,
    /// Shown this once, to be changed at the first sign-in.
    first_password: String,
}

/// An account was made.
#[derive(ApiResponse)]
pub enum AccountCreated {
    /// The account.
    #[oai(status = 201)]
    Created(Json<FirstPassword>),
}

/// An account with its version.
#[derive(ApiResponse)]
pub enum AccountAnswer {
    /// The account.
    #[oai(status = 200)]
    Ok(
        Json<Account>,
        /// Version.
        #[oai(header = "ETag")]
        String,
    ),
}

/// A page of accounts.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AccountPage {
    /// Accounts.
    items: Vec<Account>,
    /// Where the next page begins.
    next_cursor: Option<String>,
}

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

/// A line of the audit trail.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditLine {
    /// Id.
    id: String,
    /// When.
    at: DateTime<FixedOffset>,
    /// `resident`, `staff` or `system`.
    actor_kind: String,
    /// Who.
    actor_id: Option<String>,
    /// What was done.
    action: String,
    /// To what kind of thing.
    subject_kind: String,
    /// To which one.
    subject_id: Option<String>,
    /// Where it belongs.
    org_path: String,
    /// Impersonal facts.
    detail: serde_json::Value,
    /// The seal that covers it, within the chain of its organisation; absent until sealed.
    seal_seq: Option<i64>,
}

/// A page of the audit trail.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditPage {
    /// The latest first.
    items: Vec<AuditLine>,
    /// Where the next page begins.
    next_cursor: Option<String>,
}

#[OpenApi]
impl Accounts {
    /// Lists staff accounts in scope
    #[oai(path = "/accounts", method = "get", operation_id = "staffListAccounts", tag = "Tag::Accounts")]
    async fn list(
        &self,
        app: Data<&App>,
        staff: Staff<perm::StaffRead>,
        cursor: Query<Option<String>>,
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<u32>,
    ) -> Result<Json<AccountPage>, Problem> {
        let filters = ("accounts", staff.id);
        let after: Option<Uuid> = cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let rows = accounts::list(&app, &staff, after, limit.0).await?;
        let (rows, next) = paging::cut(rows, limit.0, |row| row.id);
        let items = rows.iter().map(|row| render(&app, row)).collect::<Result<_, _>>()?;
        Ok(Json(AccountPage { items, next_cursor: next.map(|at| paging::seal(&app, &filters, at)) }))
    }

    /// Makes a staff account
    #[oai(path = "/accounts", method = "post", operation_id = "staffCreateAccount", tag = "Tag::Accounts")]
    async fn create(
        &self,
        app: Data<&App>,
        staff: Staff<perm::StaffEdit>,
        body: Json<NewAccount>,
    ) -> Result<AccountCreated, Problem> {
        let command = accounts::NewAccount {
            username: body.username.clone(),
            name: PersonName::parse(&body.name).map_err(|invalid| invalid.at("name"))?,
            phone: body.phone.as_deref().map(phone).transpose()?,
            organisation_id: OrganisationId(body.organisation_id),
        };
        let (row, password) = accounts::create(&app, &staff, command).await?;
        let account = Some(render(&app, &row)?);
        Ok(AccountCreated::Created(Json(FirstPassword { account, first_password: password.to_string() })))
    }

    /// Shows a staff account
    #[oai(
        path = "/accounts/:account_id",
        method = "get",
        operation_id = "staffGetAccount",
        tag = "Tag::Accounts"
    )]
    async fn get(
        &self,
        app: Data<&App>,
        staff: Staff<perm::StaffRead>,
        account_id: Path<Uuid>,
    ) -> Result<AccountAnswer, Problem> {
        answer(&app, &accounts::get(&app, &staff, StaffId(account_id.0)).await?)
    }

    /// Changes a staff account
    #[oai(
        path = "/accounts/:account_id",
        method = "patch",
        operation_id = "staffUpdateAccount",
        tag = "Tag::Accounts"
    )]
    async fn update(
        &self,
        app: Data<&App>,
        staff: Staff<perm::StaffEdit>,
        account_id: Path<Uuid>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
        body: Json<AccountPatch>,
    ) -> Result<AccountAnswer, Problem> {
        let name = body.name.as_deref().map(PersonName::parse).transpose().map_err(|e| e.at("name"))?;
        let number = match body.phone.as_deref() {
            None => None,
            Some("") => Some(None),
            Some(text) => Some(Some(phone(text)?)),
        };
        let change = accounts::AccountChange { name, phone: number, disabled: body.disabled };
        let row = accounts::update(&app, &staff, StaffId(account_id.0), if_match.0.0, change).await?;
        answer(&app, &row)
    }

    /// Gives an account a new first password
    ///
    /// Its sessions end.
    #[oai(
        path = "/accounts/:account_id/password",
        method = "post",
        operation_id = "staffResetPassword",
        tag = "Tag::Accounts"
    )]
    async fn reset_password(
        &self,
        app: Data<&App>,
        staff: Staff<perm::StaffEdit>,
        account_id: Path<Uuid>,
    ) -> Result<Json<FirstPassword>, Problem> {
        let password = accounts::reset_password(&app, &staff, StaffId(account_id.0)).await?;
        Ok(Json(FirstPassword { account: None, first_password: password.to_string() }))
    }

    /// Lists the roles of an account
    #[oai(
        path = "/accounts/:account_id/roles",
        method = "get",
        operation_id = "staffListRoles",
        tag = "Tag::Accounts"
    )]
    async fn roles(
        &self,
        app: Data<&App>,
        staff: Staff<perm::StaffRead>,
        account_id: Path<Uuid>,
    ) -> Result<Json<AssignmentList>, Problem> {
        let rows = roles::list(&app, &staff, StaffId(account_id.0)).await?;
        Ok(Json(AssignmentList { items: rows.into_iter().map(assignment).collect() }))
    }

    /// Gives a role
    #[oai(
        path = "/accounts/:account_id/roles",
        method = "post",
        operation_id = "staffGiveRole",
        tag = "Tag::Accounts"
    )]
    async fn give_role(
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
        let row = roles::give(&app, &staff, StaffId(account_id.0), role, place).await?;
        Ok(AssignmentCreated::Created(Json(assignment(row))))
    }

    /// Takes a role back
    #[oai(
        path = "/accounts/:account_id/roles/:assignment_id",
        method = "delete",
        operation_id = "staffTakeRole",
        tag = "Tag::Accounts"
    )]
    async fn take_role(
        &self,
        app: Data<&App>,
        staff: Staff<perm::StaffEdit>,
        account_id: Path<Uuid>,
        assignment_id: Path<Uuid>,
    ) -> Result<Done, Problem> {
        roles::take(&app, &staff, StaffId(account_id.0), AssignmentId(assignment_id.0)).await?;
        Ok(Done::Done)
    }

    /// Reads the audit trail in scope
    ///
    /// The reading is itself a line of it.
    #[oai(path = "/audit", method = "get", operation_id = "staffReadAudit", tag = "Tag::Audit")]
    #[expect(clippy::too_many_arguments, reason = "each is a filter of the list")]
    async fn audit(
        &self,
        app: Data<&App>,
        staff: Staff<perm::AuditRead>,
        from: Query<Option<DateTime<FixedOffset>>>,
        to: Query<Option<DateTime<FixedOffset>>>,
        #[oai(validator(max_length = 64))] action: Query<Option<String>>,
        actor_id: Query<Option<Uuid>>,
        subject_id: Query<Option<Uuid>>,
        cursor: Query<Option<String>>,
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<u32>,
    ) -> Result<Json<AuditPage>, Problem> {
        let filter = audit_trail::Filter {
            from: from.0.map(|at| at.to_utc()),
            to: to.0.map(|at| at.to_utc()),
            action: action.0,
            actor_id: actor_id.0,
            subject_id: subject_id.0,
        };
        let filters = ("audit", staff.id, &filter);
        let before: Option<Uuid> =
            cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let rows = audit_trail::list(&app, &staff, &filter, before, limit.0).await?;
        let (rows, next) = paging::cut(rows, limit.0, |row| row.id);
        Ok(Json(AuditPage {
            items: rows.into_iter().map(line).collect(),
            next_cursor: next.map(|at| paging::seal(&app, &filters, at)),
        }))
    }
}

const fn default_limit() -> u32 {
    paging::DEFAULT_LIMIT
}

fn phone(text: &str) -> Result<Phone, Refusal> {
    Phone::parse(text).map_err(|invalid| invalid.at("phone"))
}

fn answer(app: &App, row: &account::Model) -> Result<AccountAnswer, Problem> {
    Ok(AccountAnswer::Ok(Json(render(app, row)?), etag(row.version)))
}

/// Colleagues see each other's names; numbers are masked.
fn render(app: &App, row: &account::Model) -> Result<Account, Problem> {
    let open = |column, sealed| app.vault.open(Place::new("staff", column, row.id), sealed);
    let name = open("name_sealed", &row.name_sealed).map_err(linli_store::Error::from)?;
    let phone = row.phone_sealed.as_ref().map(|sealed| open("phone_sealed", sealed)).transpose();
    let phone = phone.map_err(linli_store::Error::from)?;
    Ok(Account {
        id: row.id.to_string(),
        username: row.username.clone(),
        name: name.to_string(),
        phone_masked: phone.and_then(|text| Phone::parse(&text).ok()).map(|phone| phone.masked()),
        organisation_id: row.organisation_id.to_string(),
        disabled: row.disabled_at.is_some(),
        must_change_password: row.must_change_password,
        version: row.version,
    })
}

fn assignment(row: assignment::Model) -> Assignment {
    Assignment {
        id: row.id.to_string(),
        role: row.role,
        organisation_id: row.organisation_id.to_string(),
        given_at: local(row.given_at),
    }
}

fn line(row: audit::Model) -> AuditLine {
    AuditLine {
        id: row.id.to_string(),
        at: local(row.at),
        actor_kind: row.actor_kind,
        actor_id: row.actor_id.map(|id| id.to_string()),
        action: row.action,
        subject_kind: row.subject_kind,
        subject_id: row.subject_id.map(|id| id.to_string()),
        org_path: row.org_path,
        detail: row.detail,
        seal_seq: row.seal_seq,
    }
}
