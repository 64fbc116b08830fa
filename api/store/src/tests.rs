//! What the ground promises to every context, on both databases.

use linli_domain::{Code, Event};
use linli_store::{
    Db, Env, Error,
    idempotency::{self, Begun, Request, Stored},
    lease, outbox,
    testing::{on_both, redis::PrivateRedis},
};
use serde_json::json;
use uuid::Uuid;

fn request(key: &str, digest: &str) -> Request {
    Request {
        principal: "resident:1".into(),
        key: key.into(),
        operation: "bookings.create",
        digest: digest.into(),
    }
}

async fn begin(db: &Db, env: &Env, request: &Request, answer: i32) -> Result<Begun, Error> {
    let answer = &Stored { status: 201, answer: json!({ "id": answer }) };
    db.in_tx("test.begin", |tx| async move {
        let begun = idempotency::begin(&tx, env, request, answer).await?;
        tx.commit(begun).await
    })
    .await
}

fn refused(result: Result<Begun, Error>) -> Code {
    result.unwrap_err().refusal().expect("a refusal").code
}

on_both!(a_key_has_one_effect_and_then_its_stored_answer, async |db: &Db| {
    let env = Env::system();
    assert!(matches!(begin(db, &env, &request("k", "a"), 1).await.unwrap(), Begun::Fresh));
    match begin(db, &env, &request("k", "a"), 2).await.unwrap() {
        Begun::Replay(stored) => assert_eq!((stored.status, stored.answer), (201, json!({ "id": 1 }))),
        Begun::Fresh => panic!("the same key had a second effect"),
    }
    assert_eq!(refused(begin(db, &env, &request("k", "b"), 3).await), Code::IdempotencyKeyReused);
});

on_both!(twenty_at_once_with_one_key_are_one_effect, async |db: &Db| {
    let env = Env::system();
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (db, env) = (db.clone(), env.clone());
            tokio::spawn(async move { begin(&db, &env, &request("k", "a"), n).await })
        })
        .collect();
    let mut fresh = 0;
    for task in tasks {
        fresh += i32::from(matches!(task.await.unwrap().unwrap(), Begun::Fresh));
    }
    assert_eq!(fresh, 1);
});

on_both!(a_refused_request_leaves_no_record, async |db: &Db| {
    let env = &Env::system();
    let request = &request("k", "a");
    let answer = &Stored { status: 201, answer: json!({}) };
    let refused = db
        .in_tx("test.refuse", |tx| async move {
            idempotency::begin(&tx, env, request, answer).await?;
            Err::<linli_store::Committed<()>, _>(Error::from(Code::Conflict))
        })
        .await;
    assert!(refused.is_err());
    assert!(idempotency::find(db.read(), request).await.unwrap().is_none());
});

on_both!(a_lease_has_one_holder_until_it_is_given_back, async |db: &Db| {
    let env = Env::system();
    let (one, other) = (env.id::<Uuid>(), env.id::<Uuid>());
    let term = chrono::Duration::seconds(30);
    let take = async |who| lease::acquire(db.any_write(), &env, "job", who, term).await.unwrap();
    assert!(take(one).await && take(one).await);
    assert!(!take(other).await);
    lease::release(db.any_write(), "job", one).await.unwrap();
    assert!(take(other).await);
});

/// The reason for the order by transaction: a row that commits late must not be passed over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_commits_late_is_not_lost() {
    let fresh = linli_store::testing::database::Fresh::postgres().await;
    let (db, elsewhere, env) = (&fresh.connect().await, &fresh.connect().await, &Env::system());
    let (slow, fast) = (Event::FacilityChanged(env.id()), Event::FacilityChanged(env.id()));
    let (wrote, waits) = tokio::sync::oneshot::channel();
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let hooks = &std::sync::Mutex::new(Some((wrote, gone)));

    let late = db.in_tx("test.late", |tx| async move {
        outbox::emit(tx.conn(), env, &[slow]).await?;
        let (wrote, gone) = hooks.lock().unwrap().take().expect("runs once");
        wrote.send(()).unwrap();
        gone.await.unwrap();
        tx.commit(()).await
    });
    let observer = async {
        waits.await.unwrap();
        elsewhere
            .in_tx("test.fast", |tx| async move {
                outbox::emit(tx.conn(), env, &[fast]).await?;
                tx.commit(()).await
            })
            .await
            .unwrap();
        let early = outbox::read_after(elsewhere.read(), outbox::Cursor::default(), 10).await.unwrap();
        assert!(early.is_empty(), "a reader passed a transaction that still runs");
        go.send(()).unwrap();
    };
    let (late, ()) = tokio::join!(late, observer);
    late.unwrap();
    // The horizon is the server's: a transaction of another database on it may hold both back for a moment.
    let mut all = Vec::new();
    for _ in 0..200 {
        all = outbox::read_after(db.read(), outbox::Cursor::default(), 10).await.unwrap();
        if all.len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(all.iter().filter_map(|entry| entry.event).collect::<Vec<_>>(), [slow, fast]);
    fresh.remove().await;
}

/// The instrument itself: a Redis that dies, freezes and forgets on command.
#[test]
fn a_private_redis_dies_freezes_and_forgets_on_command() {
    let mut redis = PrivateRedis::spawn();
    assert_eq!(redis.ask("SET k v").as_deref(), Some("+OK"));
    redis.flush();
    assert_eq!(redis.ask("GET k").as_deref(), Some("$-1"));
    redis.freeze();
    assert_eq!(redis.ask("PING"), None);
    redis.thaw();
    assert_eq!(redis.ask("PING").as_deref(), Some("+PONG"));
    redis.kill();
    assert_eq!(redis.ask("PING"), None);
    redis.restart();
    assert_eq!(redis.ask("PING").as_deref(), Some("+PONG"));
    assert!(redis.url().starts_with("redis://127.0.0.1:"));
}
