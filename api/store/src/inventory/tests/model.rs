//! Random operations against a reference so small that it is plainly right.

use std::collections::HashMap;

use linli_store::testing::database::Fresh;
use proptest::prelude::*;

use super::*;

const TAG: &str = "day";
const CAPACITIES: [i32; 3] = [1, 2, 3];

#[derive(Clone, Debug)]
enum Op {
    /// Claim units of the stocks chosen by the mask, under this key.
    Claim { key: u8, mask: u8, units: u32 },
    /// Give back what this key claimed, under a key of its own.
    Release { key: u8 },
    /// The worker tells the gate what SQL has.
    Work,
    /// The gate loses everything.
    Flush,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0u8..24, 1u8..8, 1u32..3).prop_map(|(key, mask, units)| Op::Claim { key, mask, units }),
        3 => (0u8..24).prop_map(|key| Op::Release { key }),
        1 => Just(Op::Work),
        1 => Just(Op::Flush),
    ];
    prop::collection::vec(op, 1..40)
}

/// What ought to be: who claimed what, and whether they still have it.
#[derive(Default)]
struct Reference {
    claims: HashMap<u8, (u8, u32, ClaimId, bool)>,
}

impl Reference {
    fn used(&self, stock: usize) -> u32 {
        let lives = self.claims.values().filter(|(mask, _, _, live)| *live && mask >> stock & 1 == 1);
        lives.map(|(_, units, _, _)| units).sum()
    }

    fn admits(&self, mask: u8, units: u32) -> bool {
        (0..3)
            .filter(|stock| mask >> stock & 1 == 1)
            .all(|stock| self.used(stock) + units <= u32::try_from(CAPACITIES[stock]).unwrap())
    }
}

async fn check(bench: Bench, redis: Option<&PrivateRedis>, ops: Vec<Op>) {
    let ids = bench.stocks(TAG, &CAPACITIES).await;
    let mut reference = Reference::default();
    for op in ops {
        match op {
            Op::Claim { key, mask, units } => claim(&bench, &mut reference, &ids, key, mask, units).await,
            Op::Release { key } => {
                if let Some((_, _, id, live)) = reference.claims.get_mut(&key) {
                    let answered = bench.release(&format!("release-{key}"), *id).await.unwrap();
                    assert_eq!(answered.replayed, !*live);
                    *live = false;
                }
            }
            Op::Work => bench.work().await.unwrap(),
            Op::Flush => redis.into_iter().for_each(PrivateRedis::flush),
        }
        for (stock, id) in ids.iter().enumerate() {
            assert_eq!(bench.used(*id).await, i32::try_from(reference.used(stock)).unwrap());
        }
        assert!(!bench.oversold().await);
    }
}

async fn claim(bench: &Bench, reference: &mut Reference, ids: &[StockId], key: u8, mask: u8, units: u32) {
    // A retry sends what was sent before.
    let (mask, units) = reference.claims.get(&key).map_or((mask, units), |claim| (claim.0, claim.1));
    let needs: Vec<_> =
        (0..3).filter(|stock| mask >> stock & 1 == 1).map(|stock| (ids[stock], units)).collect();
    let result = bench.claim(&format!("claim-{key}"), TAG, &needs).await;
    match (reference.claims.get(&key), result) {
        // The same key again: the stored answer, or a refusal where nothing of it lives any more.
        (Some((_, _, id, _)), Ok(answered)) => {
            assert!(answered.replayed);
            assert_eq!(claim_id(&answered), *id);
        }
        (Some((_, _, _, live)), Err(error)) => assert!(!live, "a retry was refused its own claim: {error:?}"),
        (None, Ok(answered)) => {
            assert!(reference.admits(mask, units) && !answered.replayed);
            reference.claims.insert(key, (mask, units, claim_id(&answered), true));
        }
        (None, Err(error)) => {
            assert_eq!(error.refusal().map(|refusal| refusal.code), Some(Code::SoldOut));
            // The cache may repeat a refusal for 200 ms; afterwards the answer must be right.
            if reference.admits(mask, units) {
                tokio::time::sleep(Duration::from_millis(210)).await;
                let answered = bench.claim(&format!("claim-{key}"), TAG, &needs).await.unwrap();
                reference.claims.insert(key, (mask, units, claim_id(&answered), true));
            }
        }
    }
}

fn run(cases: u32, test: impl AsyncFn(Vec<Op>)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    proptest!(config, |(ops in ops())| runtime.block_on(test(ops)));
}

#[test]
fn sqlite_behind_an_open_gate_follows_the_reference() {
    run(24, async |ops| {
        let fresh = Fresh::sqlite().await;
        let db = fresh.connect().await;
        check(Bench::open(&db), None, ops).await;
        db.close().await.unwrap();
        fresh.remove().await;
    });
}

#[test]
fn sqlite_behind_redis_follows_the_reference() {
    let redis = PrivateRedis::spawn();
    run(24, async |ops| {
        let fresh = Fresh::sqlite().await;
        redis.flush();
        let db = fresh.connect().await;
        check(Bench::redis(&db, &redis).await, Some(&redis), ops).await;
        db.close().await.unwrap();
        fresh.remove().await;
    });
}

#[test]
fn postgres_behind_an_open_gate_follows_the_reference() {
    run(8, async |ops| {
        let fresh = Fresh::postgres().await;
        let db = fresh.connect().await;
        check(Bench::open(&db), None, ops).await;
        db.close().await.unwrap();
        fresh.remove().await;
    });
}

#[test]
fn postgres_behind_redis_follows_the_reference() {
    let redis = PrivateRedis::spawn();
    run(8, async |ops| {
        let fresh = Fresh::postgres().await;
        redis.flush();
        let db = fresh.connect().await;
        check(Bench::redis(&db, &redis).await, Some(&redis), ops).await;
        db.close().await.unwrap();
        fresh.remove().await;
    });
}
