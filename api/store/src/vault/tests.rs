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
        vault.index("resident.phone", "x"),
        other.index("resident.phone", "x"),
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
    let phone = vault.index("resident.phone", "13812345678");
    assert_eq!(phone.len(), 32);
    assert_eq!(phone, vault.index("resident.phone", "13812345678"));
    assert_ne!(phone, vault.index("staff.phone", "13812345678"));
    assert_ne!(phone, vault.index("resident.phone", "13812345679"));
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
