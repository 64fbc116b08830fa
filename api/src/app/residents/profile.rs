//! A resident's own record.

use linli_domain::{
    Code, Refusal,
    access::OrganisationKind,
    ids::{OrganisationId, ResidentId},
    person::{IdCard, PersonName, Phone},
};
use linli_store::{
    Error, Tx, audit,
    storage::{
        residents::resident,
        sessions::{self, Opened, Owner},
        staff::{organisation, tree},
    },
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::LockType,
};

use super::{has_phone, own_entry, set_id_card, set_name, set_phone};
use crate::{App, app::sessions::mint};

/// A change of one's own record; what is `None` stays, `Some(None)` is taken away.
#[derive(Default)]
pub struct ProfileChange {
    /// Name.
    pub name: Option<Option<PersonName>>,
    /// Identity number.
    pub id_card: Option<Option<IdCard>>,
    /// The community one calls home.
    pub community_id: Option<Option<OrganisationId>>,
}

/// One's own record.
pub async fn get(app: &App, id: ResidentId) -> Result<resident::Model, Error> {
    own(app.db.read(), id).await
}

/// Changes one's own record.
pub async fn update(
    app: &App,
    id: ResidentId,
    version: i64,
    change: ProfileChange,
) -> Result<resident::Model, Error> {
    let change = &change;
    app.db
        .in_tx("residents.update", |tx| async move {
            let mut row = own(tx.conn(), id).await?;
            if row.version != version {
                return Err(Code::PreconditionFailed.into());
            }
            if let Some(name) = &change.name {
                set_name(app, &mut row, name.as_ref())?;
            }
            if let Some(card) = &change.id_card {
                set_id_card(app, &mut row, card.as_ref())?;
            }
            if let Some(community) = change.community_id {
                let community = match community {
                    Some(id) => Some(any_open_community(&tx, id).await?),
                    None => None,
                };
                row.org_path = community.as_ref().map(|community| community.path.clone());
                row.community_id = community.map(|community| community.id);
            }
            let row = write(app, &tx, row).await?;
            audit::record(tx.conn(), &app.env, own_entry(id, "resident.update", ("resident", id.0))).await?;
            tx.commit(row).await
        })
        .await
}

/// Writes a record at its next version.
pub(super) async fn write(app: &App, tx: &Tx, mut row: resident::Model) -> Result<resident::Model, Error> {
    let before = row.version;
    row.version += 1;
    row.updated_at = app.env.now();
    let written = resident::Entity::update_many()
        .set(resident::ActiveModel::from(row.clone()).reset_all())
        .filter(resident::Column::Id.eq(row.id))
        .filter(resident::Column::Version.eq(before))
        .exec(tx.conn())
        .await?;
    if written.rows_affected == 0 { Err(Code::PreconditionFailed.into()) } else { Ok(row) }
}

/// A record that is in use: neither erased nor merged away.
pub(super) async fn own(conn: &impl ConnectionTrait, id: ResidentId) -> Result<resident::Model, Error> {
    in_use(id).one(conn).await?.ok_or(Code::NotFound.into())
}

fn in_use(id: ResidentId) -> Select<resident::Entity> {
    resident::Entity::find_by_id(id.0)
        .filter(resident::Column::ErasedAt.is_null())
        .filter(resident::Column::MergedIntoId.is_null())
}

/// Locks the own record until the transaction ends: what one resident does at once is counted one
/// after the other. Other rows may still refer to it.
pub(crate) async fn hold(tx: &Tx, id: ResidentId) -> Result<(), Error> {
    let found = in_use(id).lock(LockType::NoKeyUpdate).one(tx.conn()).await?;
    found.map(|_| ()).ok_or(Code::NotFound.into())
}

/// A community anybody may call home; the tree of communities is public. It stays where it is until
/// the transaction ends.
async fn any_open_community(tx: &Tx, id: OrganisationId) -> Result<organisation::Model, Error> {
    tree::hold(tx.conn()).await?;
    let found = organisation::Entity::find_by_id(id.0)
        .filter(organisation::Column::Kind.eq(OrganisationKind::Community.as_str()))
        .filter(organisation::Column::ClosedAt.is_null())
        .one(tx.conn())
        .await?;
    found.ok_or_else(|| {
        Refusal::field("community_id", "community_unknown", "没有这个社区", "There is no such community.")
            .into()
    })
}

/// The record of a telephone number that was proven, made if missing. Several may carry it until
/// staff merge them; the oldest is taken.
pub async fn ensure_by_phone(app: &App, phone: &Phone) -> Result<ResidentId, Error> {
    app.db
        .in_tx("residents.ensure", |tx| async move {
            let existing = resident::Entity::find()
                .filter(has_phone(app, phone))
                .filter(resident::Column::ErasedAt.is_null())
                .filter(resident::Column::MergedIntoId.is_null())
                .order_by_asc(resident::Column::Id)
                .one(tx.conn())
                .await?;
            let id = match existing {
                Some(row) => row.id.into(),
                None => make(app, &tx, phone).await?,
            };
            tx.commit(id).await
        })
        .await
}

async fn make(app: &App, tx: &Tx, phone: &Phone) -> Result<ResidentId, Error> {
    let id: ResidentId = app.env.id();
    let now = app.env.now();
    let mut row = resident::Model {
        id: id.0,
        name_sealed: None,
        name_index: None,
        phone_sealed: None,
        phone_index: None,
        id_card_sealed: None,
        id_card_index: None,
        assurance: "phone".to_owned(),
        community_id: None,
        org_path: None,
        merged_into_id: None,
        version: 1,
        created_at: now,
        updated_at: now,
        erase_after: None,
        erased_at: None,
    };
    set_phone(app, &mut row, Some(phone))?;
    resident::Entity::insert(resident::ActiveModel::from(row).reset_all())
        .exec_without_returning(tx.conn())
        .await?;
    audit::record(tx.conn(), &app.env, own_entry(id, "resident.create", ("resident", id.0))).await?;
    Ok(id)
}

/// Opens a session for a resident whose identity a channel has proven.
pub async fn open_session(app: &App, id: ResidentId, client: &str) -> Result<Opened, Error> {
    app.db
        .in_tx("residents.sign_in", |tx| async move {
            own(tx.conn(), id).await?;
            let opened = sessions::open(tx.conn(), &app.env, Owner::Resident(id), client).await?;
            tx.commit(opened).await
        })
        .await
}

/// An access token for the resident with this telephone number, good for `ttl_s`: for scripts and
/// tests, where the configuration holds the keys.
pub async fn token(app: &App, phone: &Phone, ttl_s: u64) -> Result<String, Error> {
    let id = ensure_by_phone(app, phone).await?;
    let owner = Owner::Resident(id);
    let opened = app
        .db
        .in_tx("residents.token", |tx| async move {
            let opened = sessions::open_for(tx.conn(), &app.env, owner, "command line", ttl_s).await?;
            tx.commit(opened).await
        })
        .await?;
    mint(app, opened.id, owner, ttl_s)
}

/// Asks for the record to be deleted when `after` has passed; every other session ends now.
pub async fn request_erasure(
    app: &App,
    id: ResidentId,
    here: linli_domain::ids::SessionId,
    after: chrono::Duration,
) -> Result<chrono::DateTime<chrono::Utc>, Error> {
    app.db
        .in_tx("residents.request_erasure", |tx| async move {
            let row = own(tx.conn(), id).await?;
            // Asking again does not postpone it.
            let when = row.erase_after.unwrap_or(app.env.now() + after);
            set_erasure(&tx, id, Some(when)).await?;
            sessions::revoke_all(tx.conn(), &app.env, Owner::Resident(id), Some(here), "erasure").await?;
            audit::record(tx.conn(), &app.env, own_entry(id, "resident.request_erasure", ("resident", id.0)))
                .await?;
            tx.commit(when).await
        })
        .await
}

/// Takes the wish to be deleted back.
pub async fn keep(app: &App, id: ResidentId) -> Result<resident::Model, Error> {
    app.db
        .in_tx("residents.keep", |tx| async move {
            own(tx.conn(), id).await?;
            set_erasure(&tx, id, None).await?;
            audit::record(tx.conn(), &app.env, own_entry(id, "resident.keep", ("resident", id.0))).await?;
            let row = own(tx.conn(), id).await?;
            tx.commit(row).await
        })
        .await
}

async fn set_erasure(
    tx: &Tx,
    id: ResidentId,
    when: Option<chrono::DateTime<chrono::Utc>>,
) -> Result<(), Error> {
    let changed = resident::ActiveModel { id: Set(id.0), erase_after: Set(when), ..Default::default() };
    resident::Entity::update(changed).exec(tx.conn()).await?;
    Ok(())
}
