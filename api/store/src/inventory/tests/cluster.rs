//! Redis Cluster: what holds behind one Redis holds behind three masters, unchanged.

use linli_store::testing::{on_both, redis::PrivateCluster};
use tokio::time::sleep;

use super::{
    races::{one_key_twenty_times, one_of_two_hundred},
    *,
};

#[tokio::test]
async fn a_cluster_slower_to_reach_than_a_call_may_take_is_reached_all_the_same() {
    let cluster = PrivateCluster::spawn();
    let mut options = RedisGateOptions::new(cluster.slow_urls(Duration::from_millis(300)));
    options.background_timeout = Duration::from_millis(100);
    let gate = RedisGate::new(options).unwrap();
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while gate.ping().await.is_err() {
        assert!(tokio::time::Instant::now() < until, "each attempt was given up with the call that made it");
        sleep(Duration::from_millis(20)).await;
    }
}

on_both!(three_masters_are_a_gate_like_one_redis, async |db: &Db| {
    let cluster = PrivateCluster::spawn();
    let benches = [Bench::cluster(db, &cluster).await, Bench::cluster(db, &cluster).await];
    one_of_two_hundred(&benches).await;
    one_key_twenty_times(&benches).await;
    assert!(cluster.keys().iter().sum::<u32>() > 0, "the gate was asked, not only the tables");
});

on_both!(
    a_claim_over_tags_of_several_masters_is_all_or_nothing_and_its_reply_is_replayed,
    async |db: &Db| {
        let cluster = PrivateCluster::spawn();
        let benches = [Bench::cluster(db, &cluster).await, Bench::cluster(db, &cluster).await];
        let mut needs = Vec::new();
        for day in 0..12 {
            let tag = format!("day-{day}");
            let stock = benches[0].stocks(&tag, &[1]).await[0];
            needs.push((Tag::from(tag), Need { stock, units: 1 }));
        }
        let claim = |key: &str, needs: &[(Tag, Need)]| {
            let id = benches[0].env.id();
            Claim::new(id, "resident:1".to_owned(), digest(key), needs.to_vec()).unwrap()
        };
        let tasks = (0..60).map(|n| {
            let key = format!("key-{n}");
            // Everybody wants two days, and each day is wanted by ten.
            let days = [needs[n % 12].clone(), needs[(n + 5) % 12].clone()];
            let (bench, claim) = (benches[n % 2].clone(), claim(&key, &days));
            tokio::spawn(async move { (key.clone(), claim.clone(), bench.make(&key, &claim).await) })
        });
        let mut won = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            match task.await.unwrap() {
                (key, claim, Ok(_)) => won.push((key, claim)),
                (_, _, Err(error)) => {
                    assert_eq!(error.refusal().map(|refusal| refusal.code), Some(Code::SoldOut))
                }
            }
        }
        assert!((1..=6).contains(&won.len()), "{}", won.len());
        assert!(!benches[0].oversold().await);
        for wait_ms in [1, 10, 1_000] {
            sleep(Duration::from_millis(wait_ms)).await;
            for (key, claim) in &won {
                for bench in &benches {
                    let again = bench.make(key, claim).await.expect("a retry wins over a refusal");
                    assert!(again.replayed && claim_id(&again) == claim.id);
                }
            }
        }
        assert!(cluster.keys().iter().all(|keys| *keys > 0), "tags lie on all masters: {:?}", cluster.keys());
    }
);
