//! Staff sign in with a user name or telephone number and a password.
//!
//! Guessing is answered by growing delays per account and address; the attempt is charged before
//! the password is looked at, and a wrong account costs as much time as a wrong password.

use std::net::IpAddr;

use linli_domain::{
    Code,
    access::{ONE_ACCOUNT, ONE_ADDRESS},
    ids::StaffId,
    person::Phone,
};
use linli_store::{
    Error,
    audit::{self, Actor, Entry},
    storage::{
        sessions::{self, Owner, attempts},
        staff::{account, organisation},
    },
    vault::Place,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    App,
    app::{
        passwords::{self, Verdict},
        sessions::{Tokens, tokens},
        staff::entry,
    },
    http::auth::StaffActor,
};

/// What a staff member types.
pub struct SignIn {
    /// User name or telephone number.
    pub login: String,
    /// Password.
    pub password: Zeroizing<String>,
    /// What kind of client, in its own short words.
    pub client: String,
}

/// Signs in.
pub async fn sign_in(app: &App, address: Option<IpAddr>, command: SignIn) -> Result<Tokens, Error> {
    let login = normalised(&command.login);
    let address = address.map(|address| address.to_string()).unwrap_or_default();
    let account_key = app.vault.index(app.env.now(), "attempt.staff_sign_in", &format!("{login}\n{address}"));
    let address_key = app.vault.index(app.env.now(), "attempt.address", &address);
    let charges = vec![(account_key.clone(), ONE_ACCOUNT), (address_key, ONE_ADDRESS)];
    attempts::charge(&app.db, &app.env, charges).await?;

    let account = any_by_login(app, &login).await?.filter(|account| account.disabled_at.is_none());
    let stored = account.as_ref().and_then(|account| account.password_hash.clone());
    let verdict = app.passwords.verify(&app.env, command.password, stored).await?;
    let rehash = match verdict {
        Verdict::Wrong => {
            failed(app, account.as_ref()).await?;
            return Err(Code::SignInFailed.into());
        }
        Verdict::Right => None,
        Verdict::RightRehash(hash) => Some(hash),
    };
    // A right verdict needs a stored hash, which needs an account.
    let Some(account) = account else { return Err(Code::SignInFailed.into()) };
    let (account, account_key, rehash, client) = (&account, &account_key, &rehash, &command.client);
    let opened = app
        .db
        .in_tx("staff.sign_in", |tx| async move {
            attempts::forgive(tx.conn(), account_key).await?;
            if let Some(hash) = rehash {
                let changed = account::ActiveModel {
                    id: Set(account.id),
                    password_hash: Set(Some(hash.clone())),
                    ..Default::default()
                };
                account::Entity::update(changed).exec(tx.conn()).await?;
            }
            let owner = Owner::Staff(account.id.into());
            let opened = sessions::open(tx.conn(), &app.env, owner, client).await?;
            let line = own_entry(account.id.into(), "staff.sign_in", &account.org_path);
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(opened).await
        })
        .await?;
    tokens(app, &opened)
}

/// Changes one's own password; every other session of the account ends.
pub async fn change_password(
    app: &App,
    actor: &StaffActor,
    current: Zeroizing<String>,
    new: Zeroizing<String>,
) -> Result<(), Error> {
    let account =
        account::Entity::find_by_id(actor.id.0).one(app.db.read()).await?.ok_or(Code::Unauthenticated)?;
    passwords::acceptable(&new, &account.username)?;
    if *current == *new {
        return Err(linli_domain::Refusal::field(
            "new_password",
            "password_unchanged",
            "新密码不能与原密码相同",
            "The new password must differ from the old one.",
        )
        .into());
    }
    // Before the attempt is charged: who thinks of a better one has not guessed.
    app.passwords.judge(new.clone(), known_of(app, &account).await?).await?;
    let key = app.vault.index(app.env.now(), "attempt.change_password", &actor.id.to_string());
    attempts::charge(&app.db, &app.env, vec![(key.clone(), ONE_ACCOUNT)]).await?;
    if app.passwords.verify(&app.env, current, account.password_hash).await? == Verdict::Wrong {
        return Err(Code::SignInFailed.into());
    }
    let hash = &app.passwords.hash(&app.env, new).await?;
    let key = &key;
    app.db
        .in_tx("staff.change_password", |tx| async move {
            attempts::forgive(tx.conn(), key).await?;
            let changed = account::ActiveModel {
                id: Set(actor.id.0),
                password_hash: Set(Some(hash.clone())),
                must_change_password: Set(false),
                updated_at: Set(app.env.now()),
                ..Default::default()
            };
            account::Entity::update(changed).exec(tx.conn()).await?;
            let owner = Owner::Staff(actor.id);
            sessions::revoke_all(tx.conn(), &app.env, owner, Some(actor.session), "password_changed").await?;
            let line = entry(
                actor,
                "staff.change_password",
                ("staff", actor.id.0),
                &actor.member.org_path,
                json!({}),
            );
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(()).await
        })
        .await?;
    crate::app::sessions::forget(app, actor.session).await;
    Ok(())
}

/// What others know of a member of staff, and would try first.
async fn known_of(app: &App, account: &account::Model) -> Result<Vec<Zeroizing<String>>, Error> {
    let mut known = vec![account.username.clone().into()];
    known.extend(account.username.split(['.', '_', '-']).map(|part| Zeroizing::new(part.to_owned())));
    let place = |column| Place::new("staff", column, account.id);
    known.push(app.vault.open(place("name_sealed"), &account.name_sealed)?);
    if let Some(phone) = app.vault.open_some(place("phone_sealed"), account.phone_sealed.as_deref())? {
        known.push(Zeroizing::new(phone.chars().skip(phone.chars().count().saturating_sub(8)).collect()));
        known.push(phone);
    }
    let organisation = organisation::Entity::find_by_id(account.organisation_id).one(app.db.read()).await?;
    known.extend(organisation.map(|organisation| Zeroizing::new(organisation.name)));
    Ok(known)
}

/// A telephone number in normal form, or a user name in lower case.
fn normalised(login: &str) -> String {
    let short: String = login.trim().chars().take(64).collect();
    Phone::parse(&short).map_or_else(|_| short.to_lowercase(), |phone| phone.expose().to_owned())
}

async fn any_by_login(app: &App, login: &str) -> Result<Option<account::Model>, Error> {
    let by = match Phone::parse(login) {
        Ok(phone) => account::Column::PhoneIndex.is_in(app.vault.indexes("staff.phone", phone.expose())),
        Err(_) => account::Column::Username.eq(login),
    };
    Ok(account::Entity::find().filter(by).one(app.db.read()).await?)
}

/// Tells the audit. Also when there is no such account: whoever guesses names is seen by the city's
/// auditor, and the time tells nothing.
async fn failed(app: &App, account: Option<&account::Model>) -> Result<(), Error> {
    const ACTION: &str = "staff.sign_in_failed";
    app.db
        .in_tx("staff.sign_in_failed", |tx| async move {
            let line = match account {
                Some(account) => own_entry(account.id.into(), ACTION, &account.org_path),
                None => Entry {
                    actor: Actor::System,
                    action: ACTION,
                    subject_kind: "staff",
                    subject_id: None,
                    org_path: String::new(),
                    detail: json!({}),
                },
            };
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(()).await
        })
        .await
}

fn own_entry(id: StaffId, action: &'static str, org_path: &str) -> Entry {
    Entry {
        actor: Actor::Staff(id),
        action,
        subject_kind: "staff",
        subject_id: Some(id.0),
        org_path: org_path.to_owned(),
        detail: json!({}),
    }
}
