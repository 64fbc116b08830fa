//! Data keys: made here, wrapped by a master key, kept in the table `data_key`.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use chrono::{DateTime, Duration, Utc};
use sea_orm::{ConnectionTrait, QueryOrder, QuerySelect, Set, entity::prelude::*, sea_query::OnConflict};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    MasterKeys, Place, VaultError,
    cipher::{Aes256GcmSiv, CipherProvider, DataKey},
};
use crate::{Db, Env, Error, Tx};

/// A new key becomes active this long after it was made; every process reloads more often.
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
    data: Versions<DataKey>,
    index: Versions<hmac::Key>,
}

/// The keys of one purpose, each with the moment from when on it is used to write.
type Versions<K> = BTreeMap<u32, (DateTime<Utc>, K)>;

/// The newest key that is active at `at`; the first is active from the start.
fn active<K>(keys: &Versions<K>, at: DateTime<Utc>) -> (u32, &K) {
    let active = keys.iter().rev().find(|(_, (from, _))| *from <= at);
    let (version, (_, key)) =
        active.or_else(|| keys.iter().next()).expect("a keyring has keys of each purpose");
    (*version, key)
}

impl Keyring {
    /// The data key that seals at `now`.
    pub(super) fn active(&self, now: DateTime<Utc>) -> (u32, &DataKey) {
        active(&self.data, now)
    }

    pub(super) fn data(&self, version: u32) -> Option<&DataKey> {
        self.data.get(&version).map(|(_, key)| key)
    }

    /// The key that makes blind indexes at `at`.
    pub(super) fn index(&self, at: DateTime<Utc>) -> &hmac::Key {
        active(&self.index, at).1
    }

    /// Every key under which a blind index may lie, the newest first.
    pub(super) fn indexes(&self) -> impl Iterator<Item = &hmac::Key> {
        self.index.values().rev().map(|(_, key)| key)
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
        let version = add(&tx, env, master, DATA).await?;
        tx.commit(version).await
    })
    .await
}

/// Adds an index key, active after [`NOTICE`], unless two are in use already; returns its version.
pub(super) async fn rotate_index(db: &Db, env: &Env, master: &MasterKeys) -> Result<Option<u32>, Error> {
    db.in_tx("vault.rotate_index", |tx| async move {
        let is_alone = hold_index_keys(tx.conn()).await?.len() == 1;
        let version = if is_alone { Some(add(&tx, env, master, INDEX).await?) } else { None };
        tx.commit(version).await
    })
    .await
}

async fn add(tx: &Tx, env: &Env, master: &MasterKeys, purpose: &str) -> Result<u32, Error> {
    let rows = Entity::find().filter(Column::Purpose.eq(purpose)).all(tx.conn()).await?;
    let version = rows.iter().map(|row| row.version).max().unwrap_or(0) + 1;
    let row = fresh(env, master, purpose, version, env.now() + NOTICE)?;
    Entity::insert(row).exec_without_returning(tx.conn()).await?;
    Ok(version.unsigned_abs())
}

/// The index keys, the oldest first; they stay as they are until the transaction ends.
pub(super) async fn hold_index_keys(tx: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    let keys = Entity::find().filter(Column::Purpose.eq(INDEX)).order_by_asc(Column::Version);
    keys.lock_exclusive().all(tx).await
}

/// The index key that is, or will be, the active one.
pub(super) async fn newest_index_key(conn: &impl ConnectionTrait) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Purpose.eq(INDEX)).order_by_desc(Column::Version).one(conn).await
}

/// Takes away every index key before `version`.
pub(super) async fn forget_index_keys(tx: &impl ConnectionTrait, version: i32) -> Result<(), DbErr> {
    let old = Entity::delete_many().filter(Column::Purpose.eq(INDEX)).filter(Column::Version.lt(version));
    old.exec(tx).await.map(|_| ())
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
    let mut index = BTreeMap::new();
    for row in rows {
        let key = unwrap(row, master)?;
        let version = row.version.unsigned_abs();
        if row.purpose == DATA {
            data.insert(version, (row.active_from, key));
        } else {
            index.insert(version, (row.active_from, hmac::Key::new(hmac::HMAC_SHA256, &key[..])));
        }
    }
    if data.is_empty() || index.is_empty() {
        return Err(VaultError::UnknownKey(1).into());
    }
    Ok(Keyring { data, index })
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
