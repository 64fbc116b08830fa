//! What the vault promises, against a real database.

use chrono::Duration;
use linli_migrations::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Statement};

use super::*;
use crate::{
    DbOptions,
    env::{Clock, SystemClock, TestClock},
};

struct Fixture {
    db: Db,
    env: Env,
    clock: Arc<TestClock>,
    _folder: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::connect(&DbOptions::new(format!("sqlite:{}", folder.path().join("v.db").display())))
        .await
        .unwrap();
    Migrator::up(db.any_write(), None).await.unwrap();
    let clock = TestClock::at(SystemClock.now());
    Fixture { db, env: Env::with_clock(clock.clone()), clock, _folder: folder }
}

fn master(text: &[(u32, u8)]) -> MasterKeys {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let lines: Vec<_> =
        text.iter().map(|(version, byte)| format!("{version}:{}", STANDARD.encode([*byte; 32]))).collect();
    MasterKeys::parse(&lines.join(",")).unwrap()
}

fn place(row: u128) -> Place {
    Place::new("resident", "phone_sealed", Uuid::from_u128(row))
}

#[tokio::test]
async fn a_value_opens_in_its_place_and_nowhere_else() {
    let Fixture { db, env, .. } = &fixture().await;
    let vault = Vault::load(db, env, master(&[(1, 1)])).await.unwrap();
    let sealed = vault.seal(env, place(1), "13812345678").unwrap();
    assert_eq!(*vault.open(place(1), &sealed).unwrap(), "13812345678");
    for elsewhere in [
        place(2),
        Place::new("resident", "name_sealed", Uuid::from_u128(1)),
        Place::new("staff", "phone_sealed", Uuid::from_u128(1)),
        // The same letters, cut elsewhere.
        Place::new("residentp", "hone_sealed", Uuid::from_u128(1)),
    ] {
        assert_eq!(vault.open(elsewhere, &sealed), Err(VaultError::DoesNotOpen));
    }
    assert_ne!(sealed, vault.seal(env, place(1), "13812345678").unwrap(), "a fresh nonce each time");
}

#[tokio::test]
async fn no_altered_byte_opens() {
    let Fixture { db, env, .. } = &fixture().await;
    let vault = Vault::load(db, env, master(&[(1, 1)])).await.unwrap();
    let sealed = vault.seal(env, place(1), "张三").unwrap();
    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert!(vault.open(place(1), &altered).is_err(), "byte {at}");
    }
    for length in 0..sealed.len() {
        assert!(vault.open(place(1), &sealed[..length]).is_err(), "cut to {length}");
    }
}

#[tokio::test]
async fn a_new_data_key_becomes_active_later_and_old_values_stay_readable() {
    let Fixture { db, env, clock, .. } = &fixture().await;
    let vault = Vault::load(db, env, master(&[(1, 1)])).await.unwrap();
    let other = Vault::load(db, env, master(&[(1, 1)])).await.unwrap();
    let old = vault.seal(env, place(1), "old").unwrap();
    assert_eq!(vault.rotate(db, env).await.unwrap(), 2);
    assert!(!vault.is_stale(env, &vault.seal(env, place(1), "still").unwrap()));
    assert_eq!(vault.seal(env, place(1), "still").unwrap()[2..HEADER], 1u32.to_be_bytes());

    clock.advance(Duration::minutes(11));
    let new = vault.seal(env, place(1), "new").unwrap();
    assert_eq!(new[2..HEADER], 2u32.to_be_bytes());
    assert_eq!(*vault.open(place(1), &old).unwrap(), "old");
    assert!(vault.is_stale(env, &old) && !vault.is_stale(env, &new));

    assert_eq!(other.open(place(1), &new), Err(VaultError::UnknownKey(2)));
    other.reload(db).await.unwrap();
    assert_eq!(*other.open(place(1), &new).unwrap(), "new");
    assert_eq!(
        vault.index(env.now(), "resident.phone", "x"),
        other.index(env.now(), "resident.phone", "x"),
        "indexes survive rotation"
    );
}

#[tokio::test]
async fn a_master_key_can_be_replaced() {
    let Fixture { db, env, .. } = &fixture().await;
    let sealed = Vault::load(db, env, master(&[(1, 1)])).await.unwrap().seal(env, place(1), "kept").unwrap();
    assert!(Vault::load(db, env, master(&[(1, 9)])).await.is_err(), "a wrong master key is noticed at start");
    assert!(Vault::load(db, env, master(&[(2, 2)])).await.is_err());

    let both = Vault::load(db, env, master(&[(1, 1), (2, 2)])).await.unwrap();
    assert_eq!(both.rewrap(db, env).await.unwrap(), 2);
    assert_eq!(both.rewrap(db, env).await.unwrap(), 0);
    let only_new = Vault::load(db, env, master(&[(2, 2)])).await.unwrap();
    assert_eq!(*only_new.open(place(1), &sealed).unwrap(), "kept");
}

#[tokio::test]
async fn the_blind_index_is_equal_for_equals_and_separate_per_column() {
    let Fixture { db, env, .. } = &fixture().await;
    let vault = Vault::load(db, env, master(&[(1, 1)])).await.unwrap();
    let phone = vault.index(env.now(), "resident.phone", "13812345678");
    assert_eq!(phone.len(), 32);
    assert_eq!(phone, vault.index(env.now(), "resident.phone", "13812345678"));
    assert_ne!(phone, vault.index(env.now(), "staff.phone", "13812345678"));
    assert_ne!(phone, vault.index(env.now(), "resident.phone", "13812345679"));
}

#[tokio::test]
async fn reencryption_carries_old_rows_over_and_reports_broken_ones() {
    let Fixture { db, env, clock, .. } = &fixture().await;
    let vault = Vault::load(db, env, master(&[(1, 1)])).await.unwrap();
    for row in 1..=3u128 {
        let id = Uuid::from_u128(row);
        let sealed = vault.seal(env, Place::new("resident", "name_sealed", id), "张三").unwrap();
        // The last one lies in a row it was not sealed for.
        let id = if row == 3 { Uuid::from_u128(9) } else { id };
        let values = [id.into(), sealed.into(), env.now().into()];
        let sql = "INSERT INTO resident (id, name_sealed, assurance, version, created_at, updated_at) \
                   VALUES ($1, $2, 'none', 1, $3, $3)";
        db.any_write().execute_raw(Statement::from_sql_and_values(db.backend(), sql, values)).await.unwrap();
    }
    vault.rotate(db, env).await.unwrap();
    clock.advance(Duration::minutes(11));
    let expected = Report { values: 3, stale: 2, broken: 1 };
    assert_eq!(verify(db, env, &vault).await.unwrap(), expected);
    assert_eq!(reencrypt(db, env, &vault).await.unwrap(), expected);
    assert_eq!(verify(db, env, &vault).await.unwrap(), Report { values: 3, stale: 0, broken: 1 });
}

#[tokio::test]
async fn an_index_key_is_announced_before_it_is_used_and_gone_when_nothing_lies_under_it() {
    let Fixture { db, env, clock, .. } = &fixture().await;
    let vault = Vault::load(db, env, master(&[(1, 1)])).await.unwrap();
    let index = || vault.index(env.now(), "resident.phone", "13812345678");
    let (old, then) = (index(), env.now());
    let row = Uuid::from_u128(1);
    let sealed = vault.seal(env, place(1), "13812345678").unwrap();
    let values = [row.into(), sealed.into(), old.clone().into(), env.now().into()];
    let sql = "INSERT INTO resident (id, phone_sealed, phone_index, assurance, version, created_at, updated_at) \
               VALUES ($1, $2, $3, 'none', 1, $4, $4)";
    db.any_write().execute_raw(Statement::from_sql_and_values(db.backend(), sql, values)).await.unwrap();
    let nothing = Report { values: 1, stale: 0, broken: 0 };
    assert_eq!(reindex(db, env, &vault, |_| {}).await.unwrap(), Reindexed::Done(nothing), "with one key");

    assert_eq!(vault.rotate_index(db, env).await.unwrap(), Some(2));
    assert_eq!(vault.rotate_index(db, env).await.unwrap(), None, "one change at a time");
    assert_eq!((index(), vault.indexes("resident.phone", "13812345678").len()), (old.clone(), 2));
    let early = reindex(db, env, &vault, |_| {}).await.unwrap();
    assert_eq!(early, Reindexed::TooEarly(Duration::minutes(11)));
    clock.advance(Duration::minutes(11));
    let new = index();
    assert_eq!(vault.indexes("resident.phone", "13812345678"), [new.clone(), old.clone()]);
    assert_eq!(vault.index(then, "resident.phone", "13812345678"), old, "what was made then");

    let one = Report { values: 1, stale: 1, broken: 0 };
    assert_eq!(check_indexes(db, env, &vault).await.unwrap(), one);
    assert_eq!(reindex(db, env, &vault, |_| {}).await.unwrap(), Reindexed::Done(one));
    assert_eq!(vault.indexes("resident.phone", "13812345678"), [new]);
    assert_eq!(check_indexes(db, env, &vault).await.unwrap(), nothing);
}

#[tokio::test]
async fn an_index_key_stays_while_a_value_cannot_be_carried_over() {
    let Fixture { db, env, clock, .. } = &fixture().await;
    let vault = Vault::load(db, env, master(&[(1, 1)])).await.unwrap();
    // Sealed for another row.
    let values =
        [Uuid::from_u128(1).into(), vault.seal(env, place(2), "1").unwrap().into(), env.now().into()];
    let sql = "INSERT INTO resident (id, phone_sealed, assurance, version, created_at, updated_at) \
               VALUES ($1, $2, 'none', 1, $3, $3)";
    db.any_write().execute_raw(Statement::from_sql_and_values(db.backend(), sql, values)).await.unwrap();
    vault.rotate_index(db, env).await.unwrap();
    clock.advance(Duration::minutes(11));
    let broken = Reindexed::Broken(Report { values: 1, stale: 0, broken: 1 });
    assert_eq!(reindex(db, env, &vault, |_| {}).await.unwrap(), broken);
    assert_eq!(vault.indexes("resident.phone", "1").len(), 2);
}

#[tokio::test]
async fn every_sealed_or_indexed_column_of_the_schema_is_in_its_table() {
    let Fixture { db, .. } = &fixture().await;
    let columns = crate::storage::schema::columns(db.read()).await.unwrap();
    let named = |end: &str| -> Vec<_> {
        let columns = columns.iter().filter(|column| column.name.ends_with(end));
        columns.map(|column| (column.table.as_str(), column.name.as_str())).collect()
    };
    let mut sealed = SEALED.to_vec();
    sealed.sort_unstable();
    assert_eq!(named("_sealed"), sealed);
    let mut indexed: Vec<_> = INDEXED.iter().map(|column| (column.table, column.index)).collect();
    assert!(INDEXED.iter().all(|column| SEALED.contains(&(column.table, column.sealed))));
    // Codes of invitations are nowhere else, so they cannot be made anew; they end with their key.
    indexed.push(("family_link", "code_index"));
    indexed.sort_unstable();
    assert_eq!(named("_index"), indexed);
}
