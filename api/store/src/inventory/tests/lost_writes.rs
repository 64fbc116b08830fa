//! A Redis that holds what once was true: of an old snapshot, or promoted when writes were lost.

use linli_store::testing::{on_both, redis::Switch};
use tokio::time::{Instant, sleep};

use super::{
    races::{all_want, succeeds_soon},
    *,
};

/// What becomes of Redis.
enum Redis {
    /// From here on nothing it is told will be known afterwards.
    Remembers,
    /// Another process answers, which knows what it was told until then.
    Forgets,
}

async fn oversells_nothing_and_is_forgotten(db: &Db, benches: [Bench; 2], mut redis: impl FnMut(Redis)) {
    let [one, other] = benches;
    let ids = one.stocks("day", &[2, 1]).await;
    let (free_then, taken_then) = (ids[0], ids[1]);
    let first = one.claim("first", "day", &[(taken_then, 1)]).await.unwrap();
    redis(Redis::Remembers);
    // Afterwards one is booked up and the other comes free.
    assert_eq!(crowd("day", all_want(std::slice::from_ref(&one), 20, &[(free_then, 1)])).await.claimed, 2);
    one.release("cancel", claim_id(&first)).await.unwrap();
    redis(Redis::Forgets);
    let late = (0..40).map(|i| ([&one, &other][i % 2].clone(), format!("late-{i}"), vec![(free_then, 1)]));
    let tally = crowd("day", late.collect()).await;
    assert_eq!((tally.claimed, tally.sold_out), (0, 40), "{tally:?}");
    succeeds_soon(&other, "second", taken_then).await;
    assert!(!one.oversold().await);
    let until = Instant::now() + Duration::from_secs(5);
    let tag = Tag::from("day".to_owned());
    loop {
        // On a busy machine the gate may not answer at once.
        match other.inventory.differing(db, &other.env, &tag).await {
            Ok(differing) => break assert_eq!(differing, []),
            Err(error) => assert!(Instant::now() < until, "{error:?}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

on_both!(an_old_snapshot_oversells_nothing_and_is_forgotten, async |db: &Db| {
    let mut redis = PrivateRedis::spawn();
    let benches = [Bench::redis(db, &redis).await, Bench::redis(db, &redis).await];
    oversells_nothing_and_is_forgotten(db, benches, |step| match step {
        Redis::Remembers => redis.snapshot(),
        Redis::Forgets => {
            redis.kill();
            redis.restart();
        }
    })
    .await;
});

on_both!(a_promoted_replica_that_lost_writes_oversells_nothing_and_is_forgotten, async |db: &Db| {
    let mut primary = PrivateRedis::spawn();
    let replica = PrivateRedis::replica_of(&primary);
    let address = Switch::leading_to(&primary);
    let options = || RedisGateOptions::new([address.url()]);
    let benches = [Bench::behind(db, options()).await, Bench::behind(db, options()).await];
    oversells_nothing_and_is_forgotten(db, benches, |step| match step {
        Redis::Remembers => {
            assert_eq!(primary.ask("WAIT 1 1500").as_deref(), Some(":1"), "it has everything so far");
            assert_eq!(replica.ask("REPLICAOF NO ONE").as_deref(), Some("+OK"));
        }
        Redis::Forgets => {
            primary.kill();
            address.lead_to(&replica);
        }
    })
    .await;
});
