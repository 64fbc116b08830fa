//! The tree of organisations, and moving parts of it.

use linli_domain::{
    Code, Refusal,
    access::{OrgPath, OrganisationKind, Scope},
    ids::OrganisationId,
};
use linli_store::{
    Error, OnConstraint, ScopeCondition, Tx, audit,
    storage::staff::{organisation, tree},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use super::entry;
use crate::{App, http::auth::StaffActor};

/// A new organisation.
pub struct NewOrganisation {
    /// Where it stands.
    pub parent_id: OrganisationId,
    /// What it is.
    pub kind: OrganisationKind,
    /// Official name.
    pub name: String,
    /// Code of the administrative division, where it is one.
    pub code: Option<String>,
}

/// A change; what is `None` stays.
#[derive(Default)]
pub struct OrganisationChange {
    /// Official name.
    pub name: Option<String>,
    /// Code; `Some(None)` takes it away.
    pub code: Option<Option<String>>,
    /// Whether it is closed.
    pub closed: Option<bool>,
}

/// One organisation in scope.
pub async fn get(app: &App, actor: &StaffActor, id: OrganisationId) -> Result<organisation::Model, Error> {
    in_scope(app.db.read(), &actor.scope, id).await
}

/// The organisations in scope after `after`, by path, so that parents come before children; one
/// more than `limit`.
pub async fn list(
    app: &App,
    actor: &StaffActor,
    kind: Option<OrganisationKind>,
    after: Option<String>,
    limit: u32,
) -> Result<Vec<organisation::Model>, Error> {
    let mut query = organisation::Entity::find()
        .filter(actor.scope.condition(organisation::Column::Path))
        .order_by_asc(organisation::Column::Path)
        .limit(u64::from(limit) + 1);
    if let Some(kind) = kind {
        query = query.filter(organisation::Column::Kind.eq(kind.as_str()));
    }
    if let Some(after) = after {
        query = query.filter(organisation::Column::Path.gt(after));
    }
    Ok(query.all(app.db.read()).await?)
}

/// Makes an organisation below one in scope.
pub async fn create(
    app: &App,
    actor: &StaffActor,
    command: NewOrganisation,
) -> Result<organisation::Model, Error> {
    let command = &command;
    app.db
        .in_tx("organisations.create", |tx| async move {
            tree::lock(tx.conn()).await?;
            let parent = open_in_scope(tx.conn(), &actor.scope, command.parent_id).await?;
            check_place(command.kind, &parent)?;
            let row = new_row(app, command, Some(&parent))?;
            organisation::Entity::insert(organisation::ActiveModel::from(row.clone()).reset_all())
                .exec_without_returning(tx.conn())
                .await
                .on_constraint("organisation_code_key", || Code::OrganisationCodeTaken.into())?;
            let subject = ("organisation", row.id);
            let line = entry(actor, "organisation.create", subject, &row.path, json!({ "kind": row.kind }));
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(row).await
        })
        .await
}

/// Changes an organisation.
pub async fn update(
    app: &App,
    actor: &StaffActor,
    id: OrganisationId,
    version: i64,
    change: OrganisationChange,
) -> Result<organisation::Model, Error> {
    let change = &change;
    app.db
        .in_tx("organisations.update", |tx| async move {
            // The row is written whole, its path included.
            tree::lock(tx.conn()).await?;
            let mut row = in_scope(tx.conn(), &actor.scope, id).await?;
            if row.version != version {
                return Err(Code::PreconditionFailed.into());
            }
            let mut fields = Vec::new();
            if let Some(name) = &change.name {
                row.name = checked_name(name)?;
                fields.push("name");
            }
            if let Some(code) = &change.code {
                row.code.clone_from(code);
                fields.push("code");
            }
            if let Some(closed) = change.closed {
                row.closed_at = closed.then(|| row.closed_at.unwrap_or(app.env.now()));
                fields.push("closed");
            }
            write(app, &tx, &mut row).await?;
            let detail = json!({ "fields": fields });
            let line = entry(actor, "organisation.update", ("organisation", id.0), &row.path, detail);
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(row).await
        })
        .await
}

/// Moves an organisation, with everything below it, under another one: every stored path below
/// changes in the same transaction. Both places must be in scope. What the audit says of the old
/// place stays there.
pub async fn relocate(
    app: &App,
    actor: &StaffActor,
    id: OrganisationId,
    version: i64,
    new_parent: OrganisationId,
) -> Result<organisation::Model, Error> {
    app.db
        .in_tx("organisations.move", |tx| async move {
            tree::lock(tx.conn()).await?;
            let mut row = in_scope(tx.conn(), &actor.scope, id).await?;
            let parent = open_in_scope(tx.conn(), &actor.scope, new_parent).await?;
            if row.version != version {
                return Err(Code::PreconditionFailed.into());
            }
            let kind = OrganisationKind::parse(&row.kind).ok_or(Code::OrganisationMisplaced)?;
            check_place(kind, &parent)?;
            if parent.path.starts_with(&row.path) {
                return Err(Code::OrganisationMisplaced.into());
            }
            let old = std::mem::replace(&mut row.path, format!("{}{id}/", parent.path));
            row.parent_id = Some(parent.id);
            write(app, &tx, &mut row).await?;
            tree::rewrite_paths(tx.conn(), &old, &row.path).await?;
            let detail = json!({ "from": old, "to": row.path });
            let line = entry(actor, "organisation.move", ("organisation", id.0), &row.path, detail);
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(row).await
        })
        .await
}

/// An organisation in scope.
pub(crate) async fn in_scope(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    id: OrganisationId,
) -> Result<organisation::Model, Error> {
    let found = organisation::Entity::find_by_id(id.0)
        .filter(scope.condition(organisation::Column::Path))
        .one(conn)
        .await?;
    found.ok_or(Code::NotFound.into())
}

/// An organisation in scope that takes something new. It stays where it is until the transaction
/// ends, so that its path can be copied.
pub(crate) async fn open_in_scope(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    id: OrganisationId,
) -> Result<organisation::Model, Error> {
    tree::hold(conn).await?;
    let row = in_scope(conn, scope, id).await?;
    if row.closed_at.is_some() { Err(Code::OrganisationClosed.into()) } else { Ok(row) }
}

/// The row of a new organisation.
pub(super) fn new_row(
    app: &App,
    command: &NewOrganisation,
    parent: Option<&organisation::Model>,
) -> Result<organisation::Model, Error> {
    let id: OrganisationId = app.env.id();
    let above = parent.and_then(|parent| OrgPath::parse(&parent.path));
    let path = above.map_or_else(|| OrgPath::root(id), |above| above.child(id));
    let now = app.env.now();
    Ok(organisation::Model {
        id: id.0,
        parent_id: parent.map(|parent| parent.id),
        kind: command.kind.as_str().to_owned(),
        name: checked_name(&command.name)?,
        code: command.code.clone(),
        path: path.to_string(),
        version: 1,
        created_at: now,
        updated_at: now,
        closed_at: None,
    })
}

async fn write(app: &App, tx: &Tx, row: &mut organisation::Model) -> Result<(), Error> {
    let before = row.version;
    row.version += 1;
    row.updated_at = app.env.now();
    let written = organisation::Entity::update_many()
        .set(organisation::ActiveModel::from(row.clone()).reset_all())
        .filter(organisation::Column::Id.eq(row.id))
        .filter(organisation::Column::Version.eq(before))
        .exec(tx.conn())
        .await
        .on_constraint("organisation_code_key", || Code::OrganisationCodeTaken.into())?;
    if written.rows_affected == 0 { Err(Code::PreconditionFailed.into()) } else { Ok(()) }
}

fn check_place(kind: OrganisationKind, parent: &organisation::Model) -> Result<(), Code> {
    let above = OrganisationKind::parse(&parent.kind);
    if above.is_some() && kind.may_stand_below(above) { Ok(()) } else { Err(Code::OrganisationMisplaced) }
}

fn checked_name(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    if (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(Refusal::field("name", "name_invalid", "名称须为1至100个字符", "A name has 1 to 100 characters."))
}

/// The name of an organisation by id, for those who show it.
pub(crate) async fn any_by_id(
    conn: &impl ConnectionTrait,
    id: Uuid,
) -> Result<Option<organisation::Model>, Error> {
    Ok(organisation::Entity::find_by_id(id).one(conn).await?)
}
