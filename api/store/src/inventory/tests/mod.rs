//! The engine under races and faults, on both databases and behind both gates.

mod cluster;
mod holds;
mod lost_writes;
mod model;
mod races;
mod rooms;

use std::{sync::Arc, time::Duration};

use linli_domain::{
    Code, Refusal,
    ids::{ClaimId, StockId},
    inventory::{Claim, KeyDigest, Need, Shortage, Tag},
};
use linli_store::{
    Db, Env, Error,
    idempotency::{Request, Stored},
    testing::redis::{PrivateCluster, PrivateRedis},
};
use sea_orm::{ConnectionTrait, EntityTrait, Set};
use serde_json::json;
use uuid::Uuid;

use super::{
    Answered, Confirm, Inventory, InventoryOptions, Order, Return, divergence_of_claims,
    divergence_of_quotas,
    gate::{Asking, Gate, OpenGate, RedisGate, RedisGateOptions, Verdict},
    stock,
};

/// A server as far as claims go: several of them may stand on one database and one gate.
#[derive(Clone)]
struct Bench {
    db: Db,
    env: Env,
    inventory: Arc<Inventory>,
}

impl Bench {
    fn new(db: &Db, gate: Arc<dyn Gate>) -> Self {
        let inventory = Inventory::new(gate, InventoryOptions { at_once: 8 });
        Self { db: db.clone(), env: Env::system(), inventory: Arc::new(inventory) }
    }

    fn open(db: &Db) -> Self {
        Self::new(db, Arc::new(OpenGate))
    }

    async fn redis(db: &Db, redis: &PrivateRedis) -> Self {
        Self::behind(db, RedisGateOptions::new([redis.url()])).await
    }

    /// On a machine busy with other tests a gate would be given up that is well.
    async fn cluster(db: &Db, cluster: &PrivateCluster) -> Self {
        let mut options = RedisGateOptions::new(cluster.urls());
        options.timeout = Duration::from_secs(2);
        Self::behind(db, options).await
    }

    /// The same, whose gate keeps a hold longer than any statement waits.
    async fn holding(db: &Db, redis: &PrivateRedis) -> Self {
        let options = RedisGateOptions::new([redis.url()]);
        let bench = Self::new(db, Arc::new(RedisGate::new(options).unwrap()));
        bench.inventory.keep_epoch(db, &bench.env).await.unwrap();
        bench
    }

    async fn behind(db: &Db, mut options: RedisGateOptions) -> Self {
        options.hold = Duration::from_secs(2);
        let gate = RedisGate::new(options).unwrap();
        let until = tokio::time::Instant::now() + Duration::from_secs(20);
        while gate.ping().await.is_err() {
            assert!(tokio::time::Instant::now() < until, "the gate does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let bench = Self::new(db, Arc::new(gate));
        bench.inventory.keep_epoch(db, &bench.env).await.unwrap();
        bench
    }

    /// Makes stocks under one tag, with ids in their order.
    async fn stocks(&self, tag: &str, capacities: &[i32]) -> Vec<StockId> {
        let ids: Vec<StockId> = capacities.iter().map(|_| self.env.id()).collect();
        let rows = ids.iter().zip(capacities).map(|(id, capacity)| stock::ActiveModel {
            id: Set(id.0),
            tag: Set(tag.to_owned()),
            subject: Set("test".to_owned()),
            capacity: Set(*capacity),
            used: Set(0),
            open: Set(true),
            version: Set(1),
            waiting: Set(0),
        });
        stock::Entity::insert_many(rows).exec_without_returning(self.db.any_write()).await.unwrap();
        ids
    }

    /// Claims `needs` under `key`; the answer names the claim.
    async fn claim(&self, key: &str, tag: &str, needs: &[(StockId, u32)]) -> Result<Answered, Error> {
        self.make(key, &self.claim_of(key, tag, needs)).await
    }

    fn claim_of(&self, key: &str, tag: &str, needs: &[(StockId, u32)]) -> Claim {
        let needs = needs.iter().map(|&(stock, units)| (Tag::from(tag.to_owned()), Need { stock, units }));
        Claim::new(self.env.id(), "resident:1".to_owned(), digest(key), needs).unwrap()
    }

    async fn make(&self, key: &str, claim: &Claim) -> Result<Answered, Error> {
        let (request, answer) = (request(key, "test.claim"), || Ok(answer(claim.id)));
        let order = order(claim, &request, &answer);
        self.inventory.claim(&self.db, &self.env, &order, |tx| async move { Ok(tx) }).await
    }

    /// Moves the claim that `moved` names to what `moved` asks for.
    async fn swap(&self, key: &str, moved: &Claim) -> Result<Answered, Error> {
        let (request, answer) = (request(key, "test.swap"), || Ok(answer(moved.id)));
        let order = order(moved, &request, &answer);
        self.inventory.swap(&self.db, &self.env, &order, |tx| async move { Ok(tx) }).await
    }

    async fn confirm(&self, key: &str, claim: ClaimId) -> Result<Answered, Error> {
        let order = Confirm {
            name: "test.confirm",
            claim,
            request: &request(key, "test.confirm"),
            answer: &answer(claim),
            events: &[],
            gone: Code::HoldLapsed,
        };
        self.inventory.confirm(&self.db, &self.env, &order, |tx| async move { Ok(tx) }).await
    }

    async fn release(&self, key: &str, claim: ClaimId) -> Result<Answered, Error> {
        let order = Return {
            name: "test.release",
            claim,
            request: &request(key, "test.release"),
            answer: &answer(claim),
            events: &[],
            keeps_quota: &|_| false,
            gone: Code::HoldLapsed,
        };
        self.inventory.release(&self.db, &self.env, &order, |tx| async move { Ok(tx) }).await
    }

    /// Does what the worker does with every `gate.sync` so far.
    async fn work(&self) -> Result<(), Error> {
        let all: Vec<_> = stock::Entity::find().all(self.db.read()).await?;
        let ids: Vec<StockId> = all.iter().map(|row| row.id.into()).collect();
        self.inventory.sync(&self.db, &self.env, &ids).await
    }

    async fn used(&self, stock: StockId) -> i32 {
        stock::Entity::find_by_id(stock.0).one(self.db.read()).await.unwrap().unwrap().used
    }

    /// Invariant 1: what is used is what live claims hold, and never more than there is.
    async fn oversold(&self) -> bool {
        let rows = stock::Entity::find().all(self.db.read()).await.unwrap();
        let beyond = rows.iter().any(|row| row.used < 0 || row.used > row.capacity);
        beyond
            || !divergence_of_claims(self.db.read()).await.unwrap().is_empty()
            || !divergence_of_quotas(self.db.read()).await.unwrap().is_empty()
    }

    async fn run(&self, sql: &str) {
        self.db.any_write().execute_unprepared(sql).await.unwrap();
    }
}

fn answer(claim: ClaimId) -> Stored {
    Stored { status: 200, answer: json!({ "id": claim }) }
}

fn order<'a>(
    claim: &'a Claim,
    request: &'a Request,
    answer: &'a (dyn Fn() -> Result<Stored, Error> + Sync),
) -> Order<'a> {
    Order { name: "test.claim", claim, request, answer, events: &[], refusal: &refusal }
}

fn refusal(shortage: &Shortage) -> Refusal {
    match shortage {
        Shortage::SoldOut => Code::SoldOut.into(),
        Shortage::Closed => Code::SlotClosed.into(),
        Shortage::Quota { used, limit, .. } => {
            Refusal::new(Code::QuotaExhausted).with_extra("used", *used).with_extra("limit", *limit)
        }
    }
}

fn digest(key: &str) -> KeyDigest {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes());
    KeyDigest(digest.as_ref()[..16].try_into().unwrap())
}

fn request(key: &str, operation: &'static str) -> Request {
    Request { principal: "resident:1".into(), key: key.into(), operation, digest: "same".into() }
}

fn claim_id(answered: &Answered) -> ClaimId {
    answered.stored.answer["id"].as_str().unwrap().parse::<Uuid>().unwrap().into()
}

/// What a crowd was answered.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    claimed: usize,
    replayed: usize,
    sold_out: usize,
    other: Vec<String>,
}

impl Tally {
    fn count(&mut self, result: &Result<Answered, Error>) {
        match result {
            Ok(answered) if answered.replayed => self.replayed += 1,
            Ok(_) => self.claimed += 1,
            Err(Error::Refused(refusal)) if refusal.code == Code::SoldOut => self.sold_out += 1,
            Err(error) => self.other.push(format!("{error:?}")),
        }
    }
}

/// Who asks where, under which key, for what.
type Ask = (Bench, String, Vec<(StockId, u32)>);

/// Everyone at once.
async fn crowd(tag: &'static str, asks: Vec<Ask>) -> Tally {
    let tasks: Vec<_> = asks
        .into_iter()
        .map(|(bench, key, needs)| tokio::spawn(async move { bench.claim(&key, tag, &needs).await }))
        .collect();
    let mut tally = Tally::default();
    for task in tasks {
        tally.count(&task.await.unwrap());
    }
    tally
}
