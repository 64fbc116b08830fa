//! Random operations against a reference so small that it is plainly right.

use std::collections::HashMap;

use chrono::{DateTime, Duration as Span, Utc};
use linli_domain::inventory::QuotaNeed;
use linli_store::{env::TestClock, testing::database::Fresh};
use proptest::prelude::*;

use super::{holds::with_a_clock, *};

const TAG: &str = "day";
const CAPACITIES: [u32; 3] = [1, 2, 3];
/// How many claims all of them together may be.
const QUOTA: u32 = 4;
const HELD: Span = Span::minutes(5);

/// What is wanted: so many units of each stock that the mask names.
#[derive(Clone, Copy, Debug)]
struct Wish {
    mask: u8,
    units: u32,
}

impl Wish {
    fn of(self, stock: usize) -> u32 {
        u32::from(self.mask >> stock & 1) * self.units
    }
}

#[derive(Clone, Debug)]
enum Op {
    /// Claim under this key, as a hold that lapses or for good.
    Claim { key: u8, wish: Wish, holds: bool },
    /// Have something else instead of what this key claimed.
    Move { key: u8, wish: Wish },
    /// Make what this key holds permanent.
    Confirm { key: u8 },
    /// Give back what this key claimed.
    Release { key: u8 },
    /// Every hold lapses.
    Later,
    /// The sweeper ends what has lapsed.
    Sweep,
    /// The worker tells the gate what SQL has.
    Work,
    /// The gate loses everything.
    Flush,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let key = || 0u8..16;
    let wish = || (1u8..8, 1u32..3).prop_map(|(mask, units)| Wish { mask, units });
    let op = prop_oneof![
        8 => (key(), wish(), any::<bool>()).prop_map(|(key, wish, holds)| Op::Claim { key, wish, holds }),
        3 => (key(), wish()).prop_map(|(key, wish)| Op::Move { key, wish }),
        2 => key().prop_map(|key| Op::Confirm { key }),
        3 => key().prop_map(|key| Op::Release { key }),
        1 => Just(Op::Later),
        1 => Just(Op::Sweep),
        1 => Just(Op::Work),
        1 => Just(Op::Flush),
    ];
    prop::collection::vec(op, 1..40)
}

/// A claim as it ought to be.
struct Entry {
    id: ClaimId,
    first: Wish,
    now: Wish,
    until: Option<DateTime<Utc>>,
    ended: bool,
}

impl Entry {
    fn lives(&self, now: DateTime<Utc>) -> bool {
        !self.ended && self.until.is_none_or(|until| until > now)
    }
}

/// What ought to be, and the bench that must agree with it.
struct Model {
    bench: Bench,
    clock: Arc<TestClock>,
    ids: Vec<StockId>,
    claims: HashMap<u8, Entry>,
    asked: u32,
}

impl Model {
    fn now(&self) -> DateTime<Utc> {
        self.bench.env.now()
    }

    fn used(&self, stock: usize, counts: impl Fn(u8, &Entry) -> bool) -> u32 {
        self.claims.iter().filter(|(key, claim)| counts(**key, claim)).map(|(_, c)| c.now.of(stock)).sum()
    }

    /// Whether there is room for `wish` beside what the others have.
    fn admits(&self, wish: Wish, moved: Option<u8>) -> bool {
        let other = |key: u8, claim: &Entry| Some(key) != moved && claim.lives(self.now());
        let others = self.claims.iter().filter(|(key, claim)| other(**key, claim)).count();
        (0..3).all(|stock| self.used(stock, other) + wish.of(stock) <= CAPACITIES[stock])
            && others < QUOTA as usize
    }

    /// A request key that nobody used before.
    fn fresh(&mut self) -> String {
        self.asked += 1;
        format!("request-{}", self.asked)
    }

    fn ask(&self, key: &str, wish: Wish) -> Claim {
        let needs: Vec<_> =
            (0..3).filter(|stock| wish.of(*stock) > 0).map(|stock| (self.ids[stock], wish.units)).collect();
        let all = QuotaNeed { key: "all".to_owned(), window: "w".to_owned(), units: 1, limit: QUOTA };
        self.bench.claim_of(key, TAG, &needs).with_quotas([all]).unwrap()
    }

    async fn claim(&mut self, key: u8, wish: Wish, holds: bool) {
        let name = format!("claim-{key}");
        if let Some(claim) = self.claims.get(&key) {
            // A retry sends what was sent before, and wins over every refusal.
            let again = self.bench.make(&name, &self.ask(&name, claim.first)).await;
            let again = again.expect("a retry wins over a refusal");
            assert!(again.replayed);
            assert_eq!(claim_id(&again), claim.id);
            return;
        }
        let until = holds.then(|| self.now() + HELD);
        let claim = until.map_or_else(|| self.ask(&name, wish), |at| self.ask(&name, wish).expiring(at));
        let admits = self.admits(wish, None);
        let mut answered = self.bench.make(&name, &claim).await;
        if admits && answered.is_err() {
            // A refusal may be repeated for a moment; afterwards the answer must be right.
            tokio::time::sleep(Duration::from_millis(260)).await;
            answered = self.bench.make(&name, &claim).await;
        }
        match answered {
            Ok(answered) => {
                assert!(admits && !answered.replayed, "there was no room for {wish:?}");
                let id = claim_id(&answered);
                self.claims.insert(key, Entry { id, first: wish, now: wish, until, ended: false });
            }
            Err(error) => assert!(!admits && is_short(&error), "{wish:?}: {error:?}"),
        }
    }

    async fn moves(&mut self, key: u8, wish: Wish) {
        let Some((id, lives)) = self.claims.get(&key).map(|claim| (claim.id, claim.lives(self.now()))) else {
            return;
        };
        let admits = self.admits(wish, Some(key));
        let mut name = self.fresh();
        let moved = |model: &Self, name: &str| {
            let mut moved = model.ask(name, wish);
            moved.id = id;
            moved
        };
        let mut answered = self.bench.swap(&name, &moved(self, &name)).await;
        if lives && admits && answered.is_err() {
            tokio::time::sleep(Duration::from_millis(260)).await;
            name = self.fresh();
            answered = self.bench.swap(&name, &moved(self, &name)).await;
        }
        match answered {
            Ok(_) => {
                assert!(lives && admits, "{wish:?}");
                let claim = self.claims.get_mut(&key).unwrap();
                (claim.now, claim.until) = (wish, None);
            }
            Err(error) => assert!(!lives || (!admits && is_short(&error)), "{wish:?}: {error:?}"),
        }
    }

    async fn apply(&mut self, op: Op, redis: Option<&PrivateRedis>) {
        match op {
            Op::Claim { key, wish, holds } => self.claim(key, wish, holds).await,
            Op::Move { key, wish } => self.moves(key, wish).await,
            Op::Confirm { key } => {
                let name = self.fresh();
                let now = self.now();
                let Some(claim) = self.claims.get_mut(&key) else { return };
                let confirmed = self.bench.confirm(&name, claim.id).await;
                assert_eq!(confirmed.is_ok(), claim.lives(now), "{confirmed:?}");
                if confirmed.is_ok() {
                    claim.until = None;
                }
            }
            Op::Release { key } => {
                let name = self.fresh();
                let now = self.now();
                let Some(claim) = self.claims.get_mut(&key) else { return };
                let released = self.bench.release(&name, claim.id).await;
                // Whether a hold that lapsed was ended meanwhile, only SQL knows.
                assert!(released.is_ok() || !claim.lives(now), "{released:?}");
                assert!(released.is_err() || !claim.ended, "it was given back twice");
                claim.ended = true;
            }
            Op::Later => self.clock.advance(HELD),
            Op::Sweep => {
                while self.bench.inventory.lapse_some(&self.bench.db, &self.bench.env).await.unwrap() {}
                let now = self.now();
                self.claims.values_mut().for_each(|claim| claim.ended |= !claim.lives(now));
            }
            Op::Work => self.bench.work().await.unwrap(),
            Op::Flush => redis.into_iter().for_each(PrivateRedis::flush),
        }
    }
}

fn is_short(error: &Error) -> bool {
    error.refusal().is_some_and(|refusal| matches!(refusal.code, Code::SoldOut | Code::QuotaExhausted))
}

async fn check(bench: Bench, redis: Option<&PrivateRedis>, ops: Vec<Op>) {
    let ids = bench.stocks(TAG, &CAPACITIES.map(|capacity| capacity.try_into().unwrap())).await;
    let (bench, clock) = with_a_clock(bench);
    let mut model = Model { bench, clock, ids, claims: HashMap::new(), asked: 0 };
    for op in ops {
        model.apply(op, redis).await;
        let now = model.now();
        for (stock, id) in model.ids.iter().enumerate() {
            let used = u32::try_from(model.bench.used(*id).await).unwrap();
            // A lapsed hold counts until whoever needs what it holds ends it, or the sweeper does.
            let least = model.used(stock, |_, claim| claim.lives(now));
            let most = model.used(stock, |_, claim| !claim.ended);
            assert!((least..=most).contains(&used), "{used} of stock {stock}, not {least} to {most}");
        }
        assert!(!model.bench.oversold().await);
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
