//! The first organisation and the first accounts: made on the command line, by whoever holds the
//! configuration, because nobody is there yet who could appoint anyone.

use linli_domain::{
    Code,
    access::{OrganisationKind, Role},
    ids::{OrganisationId, StaffId},
    person::PersonName,
};
use linli_store::{
    Error, Tx,
    audit::{self, Actor},
    storage::{
        sessions::{self, Owner},
        staff::{account, organisation},
    },
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    accounts::{self, NewAccount},
    organisations::{self, NewOrganisation},
    roles,
};
use crate::{App, app::sessions::mint};

/// The city of this database; made under `name` when there is none.
pub async fn ensure_city(app: &App, name: &str) -> Result<organisation::Model, Error> {
    app.db
        .in_tx("organisations.bootstrap", |tx| async move {
            if let Some(city) = city(&tx).await? {
                return tx.commit(city).await;
            }
            let command = NewOrganisation {
                // Has no meaning for a root.
                parent_id: OrganisationId(uuid::Uuid::nil()),
                kind: OrganisationKind::City,
                name: name.to_owned(),
                code: None,
            };
            let row = organisations::new_row(app, &command, None)?;
            organisation::Entity::insert(organisation::ActiveModel::from(row.clone()).reset_all())
                .exec_without_returning(tx.conn())
                .await?;
            tx.commit(row).await
        })
        .await
}

/// Makes an account with a role at an organisation (the city when none is named), or gives an
/// existing account the role. Answers the first password of a new account.
pub async fn ensure_account(
    app: &App,
    username: &str,
    role: Role,
    place: Option<OrganisationId>,
) -> Result<(StaffId, Option<Zeroizing<String>>), Error> {
    let username = &accounts::username(username)?;
    let password = accounts::first_password(app);
    let hash = &app.passwords.hash(&app.env, password.clone()).await?;
    let (id, is_new) = app
        .db
        .in_tx("staff.bootstrap", |tx| async move {
            let place = match place {
                Some(id) => organisations::any_by_id(tx.conn(), id.0).await?,
                None => city(&tx).await?,
            };
            let place = place.ok_or(Code::NotFound)?;
            if !OrganisationKind::parse(&place.kind).is_some_and(|kind| role.held_at().contains(&kind)) {
                return Err(Code::OrganisationMisplaced.into());
            }
            let existing = account::Entity::find()
                .filter(account::Column::Username.eq(username.as_str()))
                .one(tx.conn())
                .await?;
            let (id, is_new) = match existing {
                Some(account) => (StaffId(account.id), false),
                None => (make(app, &tx, username, hash, &place).await?, true),
            };
            roles::any_give(app, &tx, id, role, (place.id.into(), &place.path)).await?;
            let line = audit::Entry {
                actor: Actor::System,
                action: "staff.bootstrap",
                subject_kind: "staff",
                subject_id: Some(id.0),
                org_path: place.path,
                detail: json!({ "role": role.as_str() }),
            };
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit((id, is_new)).await
        })
        .await?;
    Ok((id, is_new.then_some(password)))
}

/// An access token for a staff account, good for `ttl_s`: for scripts and tests.
pub async fn token(app: &App, username: &str, ttl_s: u64) -> Result<String, Error> {
    let account = account::Entity::find()
        .filter(account::Column::Username.eq(username.trim().to_lowercase()))
        .filter(account::Column::DisabledAt.is_null())
        .one(app.db.read())
        .await?
        .ok_or(Code::NotFound)?;
    let owner = Owner::Staff(account.id.into());
    let org_path = &account.org_path;
    let opened = app
        .db
        .in_tx("staff.token", |tx| async move {
            // The command line stands for whoever knows the password.
            let known = account::ActiveModel {
                id: sea_orm::Set(account.id),
                must_change_password: sea_orm::Set(false),
                ..Default::default()
            };
            account::Entity::update(known).exec(tx.conn()).await?;
            let opened = sessions::open_for(tx.conn(), &app.env, owner, "command line", ttl_s).await?;
            let line = audit::Entry {
                actor: Actor::System,
                action: "staff.token",
                subject_kind: "staff",
                subject_id: Some(account.id),
                org_path: org_path.clone(),
                detail: json!({}),
            };
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(opened).await
        })
        .await?;
    mint(app, opened.id, owner, ttl_s)
}

async fn city(tx: &Tx) -> Result<Option<organisation::Model>, Error> {
    let roots = organisation::Entity::find().filter(organisation::Column::ParentId.is_null());
    Ok(roots.order_by_asc(organisation::Column::Id).one(tx.conn()).await?)
}

async fn make(
    app: &App,
    tx: &Tx,
    username: &str,
    hash: &str,
    place: &organisation::Model,
) -> Result<StaffId, Error> {
    let name = PersonName::parse("管理员").map_err(|invalid| invalid.at("name"))?;
    let command =
        NewAccount { username: username.to_owned(), name, phone: None, organisation_id: place.id.into() };
    let row = accounts::new_row(app, &command, username, hash, place)?;
    let id = StaffId(row.id);
    accounts::insert(tx, row).await?;
    Ok(id)
}
