//! Staff accounts: made, changed, disabled and given new passwords by who is above them.

use linli_domain::{
    Code, Refusal,
    ids::{OrganisationId, StaffId},
    person::{PersonName, Phone},
};
use linli_store::{
    Error, OnConstraint, ScopeCondition, Tx, audit,
    storage::{
        sessions::{self, Owner},
        staff::{account, organisation},
    },
    vault::{self, Place},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{entry, organisations::open_in_scope, roles::may_manage};
use crate::{App, http::auth::StaffActor};

/// A new account.
pub struct NewAccount {
    /// Sign-in name.
    pub username: String,
    /// Name of the person.
    pub name: PersonName,
    /// Their telephone number.
    pub phone: Option<Phone>,
    /// The organisation that keeps the account.
    pub organisation_id: OrganisationId,
}

/// A change; what is `None` stays.
#[derive(Default)]
pub struct AccountChange {
    /// Name.
    pub name: Option<PersonName>,
    /// Telephone number; `Some(None)` takes it away.
    pub phone: Option<Option<Phone>>,
    /// Whether the account may sign in.
    pub disabled: Option<bool>,
}

/// Makes an account; answers it with its first password, which is shown this once.
pub async fn create(
    app: &App,
    actor: &StaffActor,
    command: NewAccount,
) -> Result<(account::Model, Zeroizing<String>), Error> {
    let username = username(&command.username)?;
    let password = first_password(app);
    let hash = &app.passwords.hash(&app.env, password.clone()).await?;
    let (username, command) = (&username, &command);
    let row = app
        .db
        .in_tx("staff.create", |tx| async move {
            let home = open_in_scope(tx.conn(), &actor.scope, command.organisation_id).await?;
            let row = new_row(app, command, username, hash, &home)?;
            alone_with(app, &tx, row.id, command.phone.as_ref()).await?;
            insert(&tx, row.clone()).await?;
            let line = entry(actor, "staff.create", ("staff", row.id), &row.org_path, json!({}));
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(row).await
        })
        .await?;
    Ok((row, password))
}

/// One account in scope.
pub async fn get(app: &App, actor: &StaffActor, id: StaffId) -> Result<account::Model, Error> {
    let found = account::Entity::find_by_id(id.0)
        .filter(actor.scope.condition(account::Column::OrgPath))
        .one(app.db.read())
        .await?;
    found.ok_or(Code::NotFound.into())
}

/// The accounts in scope after `after`, by id; one more than `limit`.
pub async fn list(
    app: &App,
    actor: &StaffActor,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<account::Model>, Error> {
    let mut query = account::Entity::find()
        .filter(actor.scope.condition(account::Column::OrgPath))
        .order_by_asc(account::Column::Id)
        .limit(u64::from(limit) + 1);
    if let Some(after) = after {
        query = query.filter(account::Column::Id.gt(after));
    }
    Ok(query.all(app.db.read()).await?)
}

/// Changes an account; disabling ends its sessions.
pub async fn update(
    app: &App,
    actor: &StaffActor,
    id: StaffId,
    version: i64,
    change: AccountChange,
) -> Result<account::Model, Error> {
    let change = &change;
    app.db
        .in_tx("staff.update", |tx| async move {
            let row = managed(app, &tx, actor, id).await?;
            if row.version != version {
                return Err(Code::PreconditionFailed.into());
            }
            let fields = fields(change);
            let row = changed(app, row, change)?;
            alone_with(app, &tx, row.id, change.phone.as_ref().and_then(Option::as_ref)).await?;
            let written = account::Entity::update_many()
                .set(account::ActiveModel::from(row.clone()).reset_all())
                .filter(account::Column::Id.eq(id.0))
                .filter(account::Column::Version.eq(version))
                .exec(tx.conn())
                .await
                .on_constraint("staff_phone_key", || Code::PhoneTaken.into())?;
            if written.rows_affected == 0 {
                return Err(Code::PreconditionFailed.into());
            }
            if change.disabled == Some(true) {
                sessions::revoke_all(tx.conn(), &app.env, Owner::Staff(id), None, "disabled").await?;
            }
            let line =
                entry(actor, "staff.update", ("staff", id.0), &row.org_path, json!({ "fields": fields }));
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(row).await
        })
        .await
}

/// Gives an account a new first password and ends its sessions.
pub async fn reset_password(app: &App, actor: &StaffActor, id: StaffId) -> Result<Zeroizing<String>, Error> {
    let password = first_password(app);
    let hash = &app.passwords.hash(&app.env, password.clone()).await?;
    app.db
        .in_tx("staff.reset_password", |tx| async move {
            let row = managed(app, &tx, actor, id).await?;
            let changed = account::ActiveModel {
                id: Set(id.0),
                password_hash: Set(Some(hash.clone())),
                must_change_password: Set(true),
                version: Set(row.version + 1),
                updated_at: Set(app.env.now()),
                ..Default::default()
            };
            account::Entity::update(changed).exec(tx.conn()).await?;
            sessions::revoke_all(tx.conn(), &app.env, Owner::Staff(id), None, "password_reset").await?;
            let line = entry(actor, "staff.reset_password", ("staff", id.0), &row.org_path, json!({}));
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(()).await
        })
        .await?;
    Ok(password)
}

/// An account in scope that `actor` stands above: nobody takes over an account that may do more.
pub(super) async fn managed(
    app: &App,
    tx: &Tx,
    actor: &StaffActor,
    id: StaffId,
) -> Result<account::Model, Error> {
    let row = account::Entity::find_by_id(id.0)
        .filter(actor.scope.condition(account::Column::OrgPath))
        .one(tx.conn())
        .await?
        .ok_or(Code::NotFound)?;
    if id == actor.id || !may_manage(app, tx, actor, id).await? {
        return Err(Code::Forbidden.into());
    }
    Ok(row)
}

/// Writes a new account; taken names and numbers are refused by their constraint.
pub(super) async fn insert(tx: &Tx, row: account::Model) -> Result<(), Error> {
    let result = account::Entity::insert(account::ActiveModel::from(row).reset_all())
        .exec_without_returning(tx.conn())
        .await;
    match result {
        Ok(_) => Ok(()),
        Err(error) => match linli_store::error::violated_constraint(&error).as_deref() {
            Some("staff_username_key") => Err(Code::UsernameTaken.into()),
            Some("staff_phone_key") => Err(Code::PhoneTaken.into()),
            _ => Err(error.into()),
        },
    }
}

/// The row of a new account, names sealed.
pub(super) fn new_row(
    app: &App,
    command: &NewAccount,
    username: &str,
    password_hash: &str,
    home: &organisation::Model,
) -> Result<account::Model, Error> {
    let id: StaffId = app.env.id();
    let now = app.env.now();
    Ok(account::Model {
        id: id.0,
        username: username.to_owned(),
        organisation_id: home.id,
        org_path: home.path.clone(),
        name_sealed: seal(app, id, "name_sealed", command.name.expose())?,
        phone_sealed: command
            .phone
            .as_ref()
            .map(|phone| seal(app, id, "phone_sealed", phone.expose()))
            .transpose()?,
        phone_index: command.phone.as_ref().map(|phone| index_of_phone(app, phone)),
        password_hash: Some(password_hash.to_owned()),
        must_change_password: true,
        version: 1,
        created_at: now,
        updated_at: now,
        disabled_at: None,
    })
}

fn changed(app: &App, mut row: account::Model, change: &AccountChange) -> Result<account::Model, Error> {
    let id = StaffId(row.id);
    if let Some(name) = &change.name {
        row.name_sealed = seal(app, id, "name_sealed", name.expose())?;
    }
    if let Some(phone) = &change.phone {
        row.phone_sealed =
            phone.as_ref().map(|phone| seal(app, id, "phone_sealed", phone.expose())).transpose()?;
        row.phone_index = phone.as_ref().map(|phone| index_of_phone(app, phone));
    }
    if let Some(disabled) = change.disabled {
        row.disabled_at = disabled.then(|| row.disabled_at.unwrap_or(app.env.now()));
    }
    row.version += 1;
    row.updated_at = app.env.now();
    Ok(row)
}

fn fields(change: &AccountChange) -> Vec<&'static str> {
    let named = [
        ("name", change.name.is_some()),
        ("phone", change.phone.is_some()),
        ("disabled", change.disabled.is_some()),
    ];
    named.into_iter().filter_map(|(name, changed)| changed.then_some(name)).collect()
}

fn index_of_phone(app: &App, phone: &Phone) -> Vec<u8> {
    app.vault.index(app.env.now(), "staff.phone", phone.expose())
}

/// Refuses a number that another account has under another index key: while that changes, the
/// constraint does not see that the two are one.
async fn alone_with(app: &App, tx: &Tx, id: Uuid, phone: Option<&Phone>) -> Result<(), Error> {
    let Some(phone) = phone else { return Ok(()) };
    let indexes = app.vault.indexes("staff.phone", phone.expose());
    if indexes.len() == 1 {
        return Ok(());
    }
    vault::hold_index_keys(tx.conn()).await?;
    let other = account::Entity::find()
        .filter(account::Column::PhoneIndex.is_in(indexes))
        .filter(account::Column::Id.ne(id));
    if other.one(tx.conn()).await?.is_some() { Err(Code::PhoneTaken.into()) } else { Ok(()) }
}

fn seal(app: &App, id: StaffId, column: &'static str, plain: &str) -> Result<Vec<u8>, Error> {
    Ok(app.vault.seal(&app.env, Place::new("staff", column, id), plain)?)
}

/// Lower-case letters, digits, `.`, `_`, `-`, beginning with a letter: never mistaken for a number.
pub(super) fn username(text: &str) -> Result<String, Refusal> {
    let name = text.trim().to_lowercase();
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    if letters && (3..=32).contains(&name.len()) && name.as_bytes()[0].is_ascii_lowercase() {
        return Ok(name);
    }
    Err(Refusal::field(
        "username",
        "username_invalid",
        "用户名由3至32个小写字母、数字、点、横线组成，以字母开头",
        "A user name has 3 to 32 lower-case letters, digits, dots or dashes and begins with a letter.",
    ))
}

/// Twelve letters that are not mistaken for each other, about 59 bits.
pub(super) fn first_password(app: &App) -> Zeroizing<String> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789A";
    let random = Zeroizing::new(app.env.random::<12>());
    Zeroizing::new(random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}
