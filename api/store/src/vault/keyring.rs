//! Data keys: made here, wrapped by a master key, kept in the table `data_key`.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use chrono::{DateTime, Duration, Utc};
use sea_orm::{ConnectionTrait, Set, entity::prelude::*, sea_query::OnConflict};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    MasterKeys, Place, VaultError,
    cipher::{Aes256GcmSiv, CipherProvider, DataKey},
};
use crate::{Db, Env, Error};

/// A new data key becomes active this long after it was made; every process reloads more often.
pub(super) const NOTICE: Duration = Duration::minutes(10);

const DATA: &str = "data";
const INDEX: &str = "index";
const NONCE: usize = 12;

/// The data key table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "data_key")]
pub struct Model {
    /// `data` seals, `index` makes blind indexes.
    #[sea_orm(primary_key, auto_increment = false)]
    pub purpose: String,
    /// Version, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    /// The master key that wraps it.
    pub master_version: i32,
    /// Nonce and wrapped key.
    pub wrapped: Vec<u8>,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// From when on it seals.
    pub active_from: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The unwrapped keys of a process.
pub(super) struct Keyring {
    data: BTreeMap<u32, (DateTime<Utc>, DataKey)>,
    index: hmac::Key,
}

impl Keyring {
    /// The newest key that is active at `now`; the first is active from the start.
    pub(super) fn active(&self, now: DateTime<Utc>) -> (u32, &DataKey) {
        let active = self.data.iter().rev().find(|(_, (from, _))| *from <= now);
        let (version, (_, key)) =
            active.or_else(|| self.data.iter().next()).expect("a keyring has a data key");
        (*version, key)
    }

    pub(super) fn data(&self, version: u32) -> Option<&DataKey> {
        self.data.get(&version).map(|(_, key)| key)
    }

    pub(super) fn index(&self) -> &hmac::Key {
        &self.index
    }
}

/// Reads and unwraps every key.
pub(super) async fn load(conn: &impl ConnectionTrait, master: &MasterKeys) -> Result<Keyring, Error> {
    from_rows(&Entity::find().all(conn).await?, master)
}

/// Reads the keys; a database without any gets its first ones.
pub(super) async fn load_or_create(db: &Db, env: &Env, master: &MasterKeys) -> Result<Keyring, Error> {
    let exists = Entity::find().one(db.read()).await?.is_some();
    if !exists {
        // Two processes may start at once: the first row of each purpose wins, both read it back.
        let rows = [DATA, INDEX].map(|purpose| fresh(env, master, purpose, 1, env.now()));
        let rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
        let rows = &rows;
        db.in_tx("vault.create_keys", |tx| async move {
            Entity::insert_many(rows.clone())
                .on_conflict(OnConflict::columns([Column::Purpose, Column::Version]).do_nothing().to_owned())
                .exec_without_returning(tx.conn())
                .await?;
            tx.commit(()).await
        })
        .await?;
    }
    load(db.any_write(), master).await
}

/// Adds a data key, active after [`NOTICE`]; returns its version.
pub(super) async fn rotate(db: &Db, env: &Env, master: &MasterKeys) -> Result<u32, Error> {
    db.in_tx("vault.rotate", |tx| async move {
        let rows = Entity::find().filter(Column::Purpose.eq(DATA)).all(tx.conn()).await?;
        let version = rows.iter().map(|row| row.version).max().unwrap_or(0) + 1;
        let row = fresh(env, master, DATA, version, env.now() + NOTICE)?;
        Entity::insert(row).exec_without_returning(tx.conn()).await?;
        tx.commit(version.unsigned_abs()).await
    })
    .await
}

/// Wraps every key with the newest master key; returns how many changed.
pub(super) async fn rewrap(db: &Db, env: &Env, master: &MasterKeys) -> Result<usize, Error> {
    let newest = to_i32(master.newest().0);
    db.in_tx("vault.rewrap", |tx| async move {
        let rows = Entity::find().filter(Column::MasterVersion.ne(newest)).all(tx.conn()).await?;
        for row in &rows {
            let key = unwrap(row, master)?;
            let (master_version, wrapped) = wrap(env, master, &row.purpose, row.version, &key)?;
            let changed = ActiveModel {
                purpose: Set(row.purpose.clone()),
                version: Set(row.version),
                master_version: Set(master_version),
                wrapped: Set(wrapped),
                ..Default::default()
            };
            Entity::update(changed).exec(tx.conn()).await?;
        }
        tx.commit(rows.len()).await
    })
    .await
}

fn from_rows(rows: &[Model], master: &MasterKeys) -> Result<Keyring, Error> {
    let mut data = BTreeMap::new();
    let mut index = None;
    for row in rows {
        let key = unwrap(row, master)?;
        if row.purpose == DATA {
            data.insert(row.version.unsigned_abs(), (row.active_from, key));
        } else {
            index = Some(hmac::Key::new(hmac::HMAC_SHA256, &key[..]));
        }
    }
    match index {
        Some(index) if !data.is_empty() => Ok(Keyring { data, index }),
        _ => Err(VaultError::UnknownKey(1).into()),
    }
}

fn fresh(
    env: &Env,
    master: &MasterKeys,
    purpose: &str,
    version: i32,
    active_from: DateTime<Utc>,
) -> Result<ActiveModel, Error> {
    let key: DataKey = Zeroizing::new(env.random());
    let (master_version, wrapped) = wrap(env, master, purpose, version, &key)?;
    Ok(ActiveModel {
        purpose: Set(purpose.to_owned()),
        version: Set(version),
        master_version: Set(master_version),
        wrapped: Set(wrapped),
        created_at: Set(env.now()),
        active_from: Set(active_from),
    })
}

/// A wrapped key is bound to its purpose, its version and the version of its master key.
fn place(purpose: &str, version: i32, master_version: i32) -> Vec<u8> {
    let place = Place::new("data_key", "wrapped", Uuid::nil());
    place.aad(format!("{purpose}/{version}/{master_version}").as_bytes())
}

fn wrap(
    env: &Env,
    master: &MasterKeys,
    purpose: &str,
    version: i32,
    key: &DataKey,
) -> Result<(i32, Vec<u8>), Error> {
    let (master_version, master_key) = master.newest();
    let master_version = to_i32(master_version);
    let nonce = env.random::<NONCE>();
    let sealed = Aes256GcmSiv
        .seal(master_key, &nonce, &place(purpose, version, master_version), &key[..])
        .map_err(|_| VaultError::TooLarge)?;
    Ok((master_version, [&nonce[..], &sealed].concat()))
}

fn unwrap(row: &Model, master: &MasterKeys) -> Result<DataKey, Error> {
    let refused =
        || Error::internal("unwrapping a data key: is its master key configured?", VaultError::DoesNotOpen);
    let master_key = master.get(row.master_version.unsigned_abs()).ok_or_else(refused)?;
    let (nonce, sealed) = row.wrapped.split_first_chunk::<NONCE>().ok_or_else(refused)?;
    let key = Aes256GcmSiv
        .open(master_key, nonce, &place(&row.purpose, row.version, row.master_version), sealed)
        .map_err(|_| refused())?;
    Ok(Zeroizing::new(key.as_slice().try_into().map_err(|_| refused())?))
}

/// Versions are small numbers that people write; a silly one stays comparable.
fn to_i32(version: u32) -> i32 {
    i32::try_from(version).unwrap_or(i32::MAX)
}
