//! Staff accounts.

use linli_domain::{
    Refusal,
    access::perm,
    ids::{OrganisationId, StaffId},
    person::{PersonName, Phone},
};
use linli_store::{storage::staff::account, vault::Place};
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
    app::staff::{
        accounts,
        sight::{Thing, judge},
    },
    http::{
        Problem,
        auth::Staff,
        etag::{IfMatch, etag},
        paging,
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

#[OpenApi(tag = "Tag::Accounts")]
impl Accounts {
    /// Lists staff accounts in scope
    #[oai(path = "/accounts", method = "get", operation_id = "staffListAccounts")]
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
    #[oai(path = "/accounts", method = "post", operation_id = "staffCreateAccount")]
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
        let done = accounts::create(&app, &staff, command).await;
        let (row, password) = judge(&app, &staff, (Thing::Organisation, body.organisation_id), done).await?;
        let account = Some(render(&app, &row)?);
        Ok(AccountCreated::Created(Json(FirstPassword { account, first_password: password.to_string() })))
    }

    /// Shows a staff account
    #[oai(path = "/accounts/:account_id", method = "get", operation_id = "staffGetAccount")]
    async fn get(
        &self,
        app: Data<&App>,
        staff: Staff<perm::StaffRead>,
        account_id: Path<Uuid>,
    ) -> Result<AccountAnswer, Problem> {
        answer(&app, &accounts::get(&app, &staff, StaffId(account_id.0)).await?)
    }

    /// Changes a staff account
    #[oai(path = "/accounts/:account_id", method = "patch", operation_id = "staffUpdateAccount")]
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
        let done = accounts::update(&app, &staff, StaffId(account_id.0), if_match.0.0, change).await;
        let row = judge(&app, &staff, (Thing::Account, account_id.0), done).await?;
        answer(&app, &row)
    }

    /// Gives an account a new first password
    ///
    /// Its sessions end.
    #[oai(path = "/accounts/:account_id/password", method = "post", operation_id = "staffResetPassword")]
    async fn reset_password(
        &self,
        app: Data<&App>,
        staff: Staff<perm::StaffEdit>,
        account_id: Path<Uuid>,
    ) -> Result<Json<FirstPassword>, Problem> {
        let done = accounts::reset_password(&app, &staff, StaffId(account_id.0)).await;
        let password = judge(&app, &staff, (Thing::Account, account_id.0), done).await?;
        Ok(Json(FirstPassword { account: None, first_password: password.to_string() }))
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
