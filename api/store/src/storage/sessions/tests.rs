//! What refresh tokens promise.

use std::sync::Arc;

use linli_migrations::{Migrator, MigratorTrait};
use uuid::Uuid;

use super::*;
use crate::storage::residents::resident;
use crate::vault::MasterKeys;
use crate::{
    Db, DbOptions,
    env::{Clock, SystemClock, TestClock},
};

struct Fixture {
    db: Db,
    env: Env,
    clock: Arc<TestClock>,
    vault: Vault,
    owner: Owner,
    _folder: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::connect(&DbOptions::new(format!("sqlite:{}", folder.path().join("s.db").display())))
        .await
        .unwrap();
    Migrator::up(db.any_write(), None).await.unwrap();
    let clock = TestClock::at(SystemClock.now());
    let env = Env::with_clock(clock.clone());
    let vault =
        Vault::load(&db, &env, MasterKeys::parse(&MasterKeys::generate([1; 32])).unwrap()).await.unwrap();
    let id: Uuid = env.id();
    let row = resident::ActiveModel {
        id: Set(id),
        assurance: Set("none".into()),
        version: Set(1),
        created_at: Set(env.now()),
        updated_at: Set(env.now()),
        ..Default::default()
    };
    resident::Entity::insert(row).exec_without_returning(db.any_write()).await.unwrap();
    Fixture { db, env, clock, vault, owner: Owner::Resident(id.into()), _folder: folder }
}

impl Fixture {
    async fn open(&self) -> Opened {
        open(self.db.any_write(), &self.env, self.owner, "test").await.unwrap()
    }

    async fn renew(&self, refresh: &str) -> Renewal {
        renew(self.db.any_write(), &self.env, &self.vault, refresh).await.unwrap()
    }

    async fn renewed(&self, refresh: &str) -> Zeroizing<String> {
        match self.renew(refresh).await {
            Renewal::Renewed(opened) => opened.refresh,
            _ => panic!("the token was not renewed"),
        }
    }

    async fn is_live(&self, id: SessionId) -> bool {
        live(self.db.read(), self.env.now(), id).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn a_lost_reply_gets_the_same_token_again() {
    let f = fixture().await;
    let opened = f.open().await;
    let second = f.renewed(&opened.refresh).await;
    f.clock.advance(Duration::seconds(29));
    assert_eq!(f.renewed(&opened.refresh).await, second, "the family does not fork");
    let third = f.renewed(&second).await;
    assert_ne!(third, second);
    // The answer was not lost after all; nothing is given, and nothing is taken.
    assert!(matches!(f.renew(&opened.refresh).await, Renewal::Refused));
    assert!(f.is_live(opened.id).await);
}

#[tokio::test]
async fn a_used_token_that_comes_late_ends_the_whole_session() {
    let f = fixture().await;
    let opened = f.open().await;
    let second = f.renewed(&opened.refresh).await;
    f.clock.advance(Duration::seconds(31));
    assert!(matches!(f.renew(&opened.refresh).await, Renewal::Reused(id) if id == opened.id));
    assert!(!f.is_live(opened.id).await);
    assert!(matches!(f.renew(&second).await, Renewal::Refused), "the thief's token is dead too");
}

#[tokio::test]
async fn unknown_and_ended_and_expired_sessions_do_not_renew() {
    let f = fixture().await;
    assert!(matches!(f.renew("nonsense").await, Renewal::Refused));
    let ended = f.open().await;
    assert!(revoke_own(f.db.any_write(), &f.env, f.owner, ended.id, "logout").await.unwrap());
    assert!(!revoke_own(f.db.any_write(), &f.env, f.owner, ended.id, "logout").await.unwrap());
    assert!(matches!(f.renew(&ended.refresh).await, Renewal::Refused));
    let idle = f.open().await;
    f.clock.advance(Duration::days(181));
    assert!(matches!(f.renew(&idle.refresh).await, Renewal::Refused));
}

#[tokio::test]
async fn ending_all_spares_the_one_in_hand_and_strangers() {
    let f = fixture().await;
    let (here, there) = (f.open().await, f.open().await);
    let stranger = Owner::Resident(Uuid::nil().into());
    assert!(!revoke_own(f.db.any_write(), &f.env, stranger, here.id, "logout").await.unwrap());
    assert_eq!(revoke_all(f.db.any_write(), &f.env, f.owner, Some(here.id), "logout").await.unwrap(), 1);
    assert!(f.is_live(here.id).await && !f.is_live(there.id).await);
    assert_eq!(list(f.db.read(), f.env.now(), f.owner).await.unwrap().len(), 1);
}

#[tokio::test]
async fn parallel_guesses_are_all_counted() {
    use linli_domain::access::ONE_ACCOUNT;
    let f = fixture().await;
    let mut granted = 0;
    let tries = (0..20).map(|_| attempts::charge(&f.db, &f.env, vec![(vec![1], ONE_ACCOUNT)]));
    for outcome in futures_util::future::join_all(tries).await {
        match outcome {
            Ok(()) => granted += 1,
            Err(error) => assert!(error.refusal().unwrap().retry_after_s.unwrap() >= 1),
        }
    }
    assert_eq!(granted, 5, "four are free, the fifth starts the delay");
    attempts::charge(&f.db, &f.env, vec![(vec![2], ONE_ACCOUNT)]).await.unwrap();
    attempts::forgive(f.db.any_write(), &[1]).await.unwrap();
    attempts::charge(&f.db, &f.env, vec![(vec![1], ONE_ACCOUNT)]).await.unwrap();
}
