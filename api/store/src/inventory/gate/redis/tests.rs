//! The scripts against a real, private Redis.

use chrono::Duration as Span;
use uuid::Uuid;

use super::*;
use crate::testing::redis::PrivateRedis;

async fn gate_on(server: &PrivateRedis) -> RedisGate {
    let mut options = RedisGateOptions::new([server.url()]);
    options.hold = Duration::from_millis(400);
    // The machine of a test may be busy; the bound itself is tested apart.
    options.timeout = Duration::from_secs(2);
    options.background_timeout = Duration::from_secs(2);
    let gate = RedisGate::new(options).unwrap();
    gate.ping().await.unwrap();
    gate.set_epoch(1);
    gate
}

fn tag() -> Tag {
    Tag::from("f:2026-11-23".to_owned())
}

fn digest(n: u8) -> KeyDigest {
    KeyDigest([n; 16])
}

fn stock(n: u128, capacity: u32, used: u32, version: i64) -> Stock {
    Stock { id: Uuid::from_u128(n).into(), capacity, used, open: true, version }
}

fn settled(stock: Stock) -> Settled {
    Settled { stock, lapses: Lapses::AsBefore }
}

fn state(stock: Stock, live: &[u8]) -> StockState {
    StockState { stock, lapses_at: None, live: live.iter().map(|n| digest(*n)).collect(), past: vec![] }
}

fn need(n: u128, units: u32) -> Need {
    Need { stock: Uuid::from_u128(n).into(), units }
}

fn noon() -> DateTime<chrono::Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

async fn reserve(gate: &RedisGate, who: u8, needs: &[Need]) -> Verdict {
    // Redis counts milliseconds, and whoever came in that of a refusal may have come before it.
    tokio::time::sleep(Duration::from_millis(3)).await;
    reserve_since(gate, who, needs, Instant::now()).await
}

async fn reserve_since(gate: &RedisGate, who: u8, needs: &[Need], since: Instant) -> Verdict {
    let asking =
        Asking { digest: digest(who), now: noon(), since, arrived: noon(), repeated: Duration::ZERO };
    gate.reserve(&tag(), &asking, needs).await
}

fn refused(verdict: Verdict) -> Refused {
    match verdict {
        Verdict::Refused(refused) => refused,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn unknown_is_cold_and_a_hold_is_all_or_nothing() {
    let server = PrivateRedis::spawn();
    let gate = gate_on(&server).await;
    assert_eq!(reserve(&gate, 1, &[need(1, 1)]).await, Verdict::Cold);
    gate.sync(&tag(), &[state(stock(1, 1, 0, 1), &[])]).await.unwrap();
    assert_eq!(reserve(&gate, 1, &[need(1, 1)]).await, Verdict::Cold, "a sync does not load a tag");
    gate.load(&tag(), &[state(stock(1, 1, 0, 1), &[]), state(stock(2, 1, 0, 1), &[])]).await.unwrap();
    assert_eq!(reserve(&gate, 1, &[need(3, 1)]).await, Verdict::Cold, "a stock that is not there is unknown");

    assert_eq!(reserve(&gate, 1, &[need(2, 1)]).await, Verdict::Granted);
    let no = refused(reserve(&gate, 2, &[need(1, 1), need(2, 1)]).await);
    assert_eq!((no.stock, no.shortage, no.free), (need(2, 1).stock, Shortage::SoldOut, 0));
    assert_eq!(no.known, [digest(1)], "whoever holds it must not be refused by a cache");
    assert_eq!(reserve(&gate, 3, &[need(1, 1)]).await, Verdict::Granted, "the refused one took nothing");
    assert_eq!(reserve(&gate, 3, &[need(1, 1)]).await, Verdict::Granted, "one request, one hold");
    gate.settle(&tag(), digest(3), Outcome::Void, &[]).await;
    assert_eq!(reserve(&gate, 2, &[need(1, 1)]).await, Verdict::Granted);
}

#[tokio::test]
async fn settle_is_absolute_a_retry_is_known_and_an_older_version_loses() {
    let server = PrivateRedis::spawn();
    let gate = gate_on(&server).await;
    gate.load(&tag(), &[state(stock(1, 2, 0, 1), &[])]).await.unwrap();
    assert_eq!(reserve(&gate, 1, &[need(1, 2)]).await, Verdict::Granted);
    gate.settle(&tag(), digest(1), Outcome::Committed, &[settled(stock(1, 2, 2, 2))]).await;
    assert_eq!(reserve(&gate, 1, &[need(1, 2)]).await, Verdict::Known);
    assert_eq!(refused(reserve(&gate, 2, &[need(1, 1)]).await).known, [digest(1)]);

    // A late word of an older state changes nothing.
    gate.settle(&tag(), digest(9), Outcome::Void, &[settled(stock(1, 2, 0, 1))]).await;
    gate.sync(&tag(), &[state(stock(1, 2, 0, 1), &[])]).await.unwrap();
    assert_eq!(refused(reserve(&gate, 2, &[need(1, 1)]).await).free, 0);

    gate.settle(&tag(), digest(1), Outcome::Released, &[settled(stock(1, 2, 0, 3))]).await;
    assert_eq!(reserve(&gate, 2, &[need(1, 2)]).await, Verdict::Granted);
    assert_eq!(gate.dump(&tag()).await.unwrap().unwrap(), [stock(1, 2, 0, 3)]);
}

#[tokio::test]
async fn ends_told_in_another_order_than_they_came_refuse_nobody_what_is_left() {
    let server = PrivateRedis::spawn();
    let gate = gate_on(&server).await;
    gate.load(&tag(), &[state(stock(1, 3, 0, 1), &[])]).await.unwrap();
    assert_eq!(reserve(&gate, 1, &[need(1, 1)]).await, Verdict::Granted);
    assert_eq!(reserve(&gate, 2, &[need(1, 1)]).await, Verdict::Granted);
    // The second to commit is told first: one hold is in `used` already.
    gate.settle(&tag(), digest(2), Outcome::Committed, &[settled(stock(1, 3, 2, 3))]).await;
    assert_eq!(reserve(&gate, 3, &[need(1, 1)]).await, Verdict::Unsure, "one of three is left");
    assert_eq!(refused(reserve(&gate, 3, &[need(1, 2)]).await).free, 0, "but not two");
    gate.settle(&tag(), digest(1), Outcome::Committed, &[settled(stock(1, 3, 1, 2))]).await;
    assert_eq!(reserve(&gate, 3, &[need(1, 1)]).await, Verdict::Granted);
    // All is told, and what is held is held.
    assert_eq!(refused(reserve(&gate, 4, &[need(1, 1)]).await).known.len(), 3);
    // What nobody tells any more comes with the worker.
    gate.settle(&tag(), digest(3), Outcome::Committed, &[settled(stock(1, 4, 3, 5))]).await;
    assert_eq!(reserve(&gate, 4, &[need(1, 1)]).await, Verdict::Granted);
    assert_eq!(reserve(&gate, 5, &[need(1, 1)]).await, Verdict::Unsure);
    gate.sync(&tag(), &[state(stock(1, 4, 3, 5), &[1, 2, 3])]).await.unwrap();
    assert_eq!(refused(reserve(&gate, 5, &[need(1, 1)]).await).free, 0);
}

#[tokio::test]
async fn a_leaked_hold_returns_and_a_committed_one_is_not_counted_twice() {
    let server = PrivateRedis::spawn();
    let gate = gate_on(&server).await;
    gate.load(&tag(), &[state(stock(1, 2, 0, 1), &[])]).await.unwrap();
    assert_eq!(reserve(&gate, 1, &[need(1, 1)]).await, Verdict::Granted);
    // Its process died after the commit; the worker tells what SQL has.
    gate.sync(&tag(), &[state(stock(1, 2, 1, 2), &[1])]).await.unwrap();
    assert_eq!(reserve(&gate, 2, &[need(1, 1)]).await, Verdict::Granted, "one of two is left");
    // This one's process died before it.
    assert_eq!(refused(reserve(&gate, 3, &[need(1, 1)]).await).known, [digest(1), digest(2)]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(reserve(&gate, 3, &[need(1, 1)]).await, Verdict::Granted, "the hold lapsed");
}

#[tokio::test]
async fn closed_lapsed_and_another_epoch_are_told_apart() {
    let server = PrivateRedis::spawn();
    let gate = gate_on(&server).await;
    let closed = Stock { open: false, ..stock(1, 1, 0, 1) };
    let lapsing = StockState { lapses_at: Some(noon()), ..state(stock(2, 1, 1, 1), &[7]) };
    let later = StockState { lapses_at: Some(noon() + Span::seconds(1)), ..state(stock(3, 1, 1, 1), &[7]) };
    gate.load(&tag(), &[state(closed, &[]), lapsing, later]).await.unwrap();
    assert_eq!(refused(reserve(&gate, 1, &[need(1, 1)]).await).shortage, Shortage::Closed);
    assert_eq!(reserve(&gate, 1, &[need(2, 1)]).await, Verdict::Unsure);
    let no = refused(reserve(&gate, 1, &[need(3, 1)]).await);
    assert_eq!(no.lapses_at, Some(noon() + Span::seconds(1)));
    assert_eq!(refused(reserve(&gate, 1, &[need(2, 1), need(3, 1)]).await).stock, need(3, 1).stock);

    gate.set_epoch(2);
    assert_eq!(reserve(&gate, 1, &[need(3, 1)]).await, Verdict::Cold);
    gate.load(&tag(), &[state(stock(3, 1, 0, 0), &[])]).await.unwrap();
    assert_eq!(reserve(&gate, 1, &[need(3, 1)]).await, Verdict::Granted, "what another epoch held is gone");
    gate.forget(&tag()).await;
    let no = refused(reserve(&gate, 2, &[need(3, 1)]).await);
    assert_eq!((no.free, no.known), (0, vec![digest(1)]), "not forgotten so soon after its load");
    tokio::time::sleep(FORGET_EVERY + Duration::from_millis(20)).await;
    gate.forget(&tag()).await;
    assert_eq!(reserve(&gate, 2, &[need(3, 1)]).await, Verdict::Cold);
}

#[tokio::test]
async fn a_run_id_names_the_process_and_a_stopped_redis_is_unavailable_within_the_bound() {
    let server = PrivateRedis::spawn();
    let gate = gate_on(&server).await;
    let runs = gate.runs().await.unwrap();
    assert_eq!((runs.len(), runs[0].1.len()), (1, 40));
    assert_eq!(gate.health(), Health::Ready);

    let mut options = RedisGateOptions::new([server.url()]);
    options.timeout = Duration::from_millis(50);
    let gate = RedisGate::new(options).unwrap();
    gate.ping().await.unwrap();
    drop(server);
    let started = std::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(reserve(&gate, 1, &[need(1, 1)]).await, Verdict::Unavailable);
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(gate.health(), Health::Degraded);
}

#[tokio::test]
async fn who_came_before_a_refusal_gets_nothing_that_was_refused_since() {
    let server = PrivateRedis::spawn();
    let gate = gate_on(&server).await;
    gate.load(&tag(), &[state(stock(1, 2, 1, 1), &[9])]).await.unwrap();
    let before = Instant::now();
    assert_eq!(reserve(&gate, 1, &[need(1, 1)]).await, Verdict::Granted);
    assert_eq!(refused(reserve(&gate, 2, &[need(1, 1)]).await).free, 0);
    gate.settle(&tag(), digest(1), Outcome::Void, &[]).await;
    // One is free again. A retry of whoever waits since before may be the one that was refused.
    let no = refused(reserve_since(&gate, 3, &[need(1, 1)], before).await);
    assert!((no.shortage, no.free, no.known) == (Shortage::SoldOut, 0, vec![digest(9)]));
    assert_eq!(reserve(&gate, 3, &[need(1, 1)]).await, Verdict::Granted, "this one came after it");
}

#[tokio::test]
async fn while_caches_repeat_a_refusal_nobody_gets_more_than_it_says_is_left() {
    let server = PrivateRedis::spawn();
    let gate = gate_on(&server).await;
    gate.load(&tag(), &[state(stock(1, 3, 2, 1), &[9])]).await.unwrap();
    let ask = async |who: u8, units: u32, repeated: u64| {
        let repeated = Duration::from_millis(repeated);
        let asking =
            Asking { digest: digest(who), now: noon(), since: Instant::now(), arrived: noon(), repeated };
        gate.reserve(&tag(), &asking, &[need(1, units)]).await
    };
    let no = refused(ask(1, 2, 60_000).await);
    assert!(no.free == 1 && no.until > Instant::now() + Duration::from_secs(50));
    gate.sync(&tag(), &[state(stock(1, 3, 0, 2), &[])]).await.unwrap();
    let no = refused(ask(2, 2, 60_000).await);
    assert_eq!(no.free, 1, "all three are free, but a cache says one is");
    assert!(no.until <= Instant::now(), "and is not to say so any longer");
    assert_eq!(ask(3, 1, 0).await, Verdict::Granted, "this one nobody was refused");
    // What was told outlives that the tag is loaded anew.
    gate.set_epoch(2);
    gate.load(&tag(), &[state(stock(1, 3, 0, 2), &[])]).await.unwrap();
    assert_eq!(refused(ask(2, 2, 0).await).free, 1);
}

#[tokio::test]
async fn what_a_frozen_redis_reserves_when_it_wakes_is_given_back() {
    let server = PrivateRedis::spawn();
    let mut options = RedisGateOptions::new([server.url()]);
    options.hold = Duration::from_mins(1);
    let gate = RedisGate::new(options).unwrap();
    gate.set_epoch(1);
    gate.load(&tag(), &[state(stock(1, 1, 0, 1), &[])]).await.unwrap();
    server.freeze();
    assert_eq!(reserve(&gate, 1, &[need(1, 1)]).await, Verdict::Unavailable);
    server.thaw();
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        // What every server asks each second.
        let _ = gate.runs().await;
        if reserve(&gate, 2, &[need(1, 1)]).await == Verdict::Granted {
            break;
        }
        assert!(Instant::now() < until, "nobody wants it and nobody gets it");
    }
}
