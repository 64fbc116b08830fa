//! Staff find a resident by something the resident tells them: exact, audited, masked.
//!
//! A resident who named no community yet belongs to no part of the tree. Whoever tells a telephone
//! or identity number at a counter is found there; a name alone finds only the own people.

use linli_domain::{
    Code,
    ids::ResidentId,
    person::{IdCard, PersonName, Phone},
};
use linli_store::{
    Error, ScopeCondition, audit,
    storage::residents::{household_member, resident},
};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::{ID_CARD, NAME, has_phone};
use crate::{App, http::auth::StaffActor};

/// Records shown at once; a name that has more needs another key.
const MOST: u64 = 20;

/// What the resident tells.
pub enum Key {
    /// Telephone number.
    Phone(Phone),
    /// Name.
    Name(PersonName),
    /// Identity number.
    IdCard(IdCard),
}

/// The records with exactly this key that `actor` may see.
pub async fn find(app: &App, actor: &StaffActor, key: &Key) -> Result<Vec<resident::Model>, Error> {
    use resident::Column;
    let scoped = actor.scope.condition(Column::OrgPath);
    let (by, matches, visible) = match key {
        Key::Phone(phone) => ("phone", has_phone(app, phone), or_unattached(scoped)),
        Key::IdCard(card) => {
            let indexes = app.vault.indexes(ID_CARD, card.expose());
            ("id_card", Column::IdCardIndex.is_in(indexes), or_unattached(scoped))
        }
        Key::Name(name) => ("name", Column::NameIndex.is_in(app.vault.indexes(NAME, name.expose())), scoped),
    };
    let rows = resident::Entity::find()
        .filter(matches)
        .filter(visible)
        .filter(in_use())
        .order_by_asc(Column::Id)
        .limit(MOST)
        .all(app.db.read())
        .await?;
    let found = rows.len();
    let org_path = actor.scope.paths().first().map(ToString::to_string).unwrap_or_default();
    let org_path = &org_path;
    let ids: &Vec<_> = &rows.iter().map(|row| row.id).collect();
    app.db
        .in_tx("residents.lookup", |tx| async move {
            let line = audit::Entry {
                actor: actor.actor(),
                action: "resident.lookup",
                subject_kind: "resident",
                subject_id: if found == 1 { ids.first().copied() } else { None },
                org_path: org_path.clone(),
                detail: json!({ "by": by, "found": found }),
            };
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(()).await
        })
        .await?;
    Ok(rows)
}

/// One record in scope, for those who work on it. One that names no community is in everybody's.
pub async fn in_scope(
    conn: &impl ConnectionTrait,
    actor: &StaffActor,
    id: ResidentId,
) -> Result<resident::Model, Error> {
    let found = resident::Entity::find_by_id(id.0)
        .filter(or_unattached(actor.scope.condition(resident::Column::OrgPath)))
        .filter(in_use())
        .one(conn)
        .await?;
    found.ok_or(Code::NotFound.into())
}

/// The household of a resident, if staff have verified one.
pub async fn household_of(
    conn: &impl ConnectionTrait,
    id: ResidentId,
) -> Result<Option<household_member::Model>, Error> {
    Ok(household_member::Entity::find_by_id(id.0).one(conn).await?)
}

/// One record, shown to staff; the look is a line in the audit.
pub async fn show(app: &App, actor: &StaffActor, id: ResidentId) -> Result<resident::Model, Error> {
    app.db
        .in_tx("residents.show", |tx| async move {
            let row = in_scope(tx.conn(), actor, id).await?;
            let org_path = row.org_path.clone().unwrap_or_default();
            let line =
                crate::app::staff::entry(actor, "resident.show", ("resident", id.0), &org_path, json!({}));
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(row).await
        })
        .await
}

fn or_unattached(scoped: Condition) -> Condition {
    Condition::any().add(scoped).add(resident::Column::OrgPath.is_null())
}

fn in_use() -> Condition {
    Condition::all().add(resident::Column::ErasedAt.is_null()).add(resident::Column::MergedIntoId.is_null())
}
