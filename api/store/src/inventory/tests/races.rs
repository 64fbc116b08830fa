//! Races and faults.

use linli_store::testing::on_both;
use sea_orm::DbBackend;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use super::*;

/// `n` different people want the same.
pub(super) fn all_want(benches: &[Bench], n: usize, needs: &[(StockId, u32)]) -> Vec<Ask> {
    (0..n).map(|i| (benches[i % benches.len()].clone(), format!("key-{i}"), needs.to_vec())).collect()
}

pub(super) async fn one_of_two_hundred(benches: &[Bench]) {
    let slot = benches[0].stocks("day", &[1]).await[0];
    let tally = crowd("day", all_want(benches, 200, &[(slot, 1)])).await;
    assert_eq!(tally, Tally { claimed: 1, sold_out: 199, ..Tally::default() });
    assert!(!benches[0].oversold().await);
}

on_both!(two_hundred_at_once_are_one_success_behind_an_open_gate, async |db: &Db| {
    one_of_two_hundred(&[Bench::open(db), Bench::open(db)]).await;
});

on_both!(two_hundred_at_once_are_one_success_behind_redis, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    one_of_two_hundred(&[Bench::redis(db, &redis).await, Bench::redis(db, &redis).await]).await;
});

on_both!(without_guard_and_check_the_same_race_oversells, async |db: &Db| {
    match db.backend() {
        DbBackend::Postgres => {
            Bench::open(db).run("ALTER TABLE stock DROP CONSTRAINT stock_used_check").await;
        }
        _ => Bench::open(db).run("PRAGMA ignore_check_constraints = ON").await,
    }
    let inventory = Inventory::new(Arc::new(OpenGate), InventoryOptions { at_once: 8 }).unguarded();
    let bench = Bench { inventory: Arc::new(inventory), ..Bench::open(db) };
    let slot = bench.stocks("day", &[1]).await[0];
    let tally = crowd("day", all_want(std::slice::from_ref(&bench), 50, &[(slot, 1)])).await;
    assert!(tally.claimed > 1 && bench.oversold().await, "the race test cannot see an oversell: {tally:?}");
});

on_both!(the_check_alone_also_holds, async |db: &Db| {
    let inventory = Inventory::new(Arc::new(OpenGate), InventoryOptions { at_once: 8 }).unguarded();
    let bench = Bench { inventory: Arc::new(inventory), ..Bench::open(db) };
    let slot = bench.stocks("day", &[1]).await[0];
    let tally = crowd("day", all_want(std::slice::from_ref(&bench), 20, &[(slot, 1)])).await;
    assert_eq!((tally.claimed, tally.other.len()), (1, 19), "refused as a failure, but refused");
    assert!(!bench.oversold().await);
});

pub(super) async fn one_key_twenty_times(benches: &[Bench]) {
    let slot = benches[0].stocks("day", &[5]).await[0];
    let key = slot.to_string();
    let asks = (0..20).map(|i| (benches[i % benches.len()].clone(), key.clone(), vec![(slot, 1)])).collect();
    let tally = crowd("day", asks).await;
    assert_eq!(tally, Tally { claimed: 1, replayed: 19, ..Tally::default() });
    assert_eq!(benches[0].used(slot).await, 1);
    // No hold of the nineteen is left behind: the other four units are there.
    let asks = (0..4).map(|i| (benches[0].clone(), format!("{key}-{i}"), vec![(slot, 1)])).collect();
    let tally = crowd("day", asks).await;
    assert_eq!(tally.claimed, 4, "{tally:?}");
}

on_both!(one_key_twenty_times_is_one_claim, async |db: &Db| {
    one_key_twenty_times(&[Bench::open(db)]).await;
    let redis = PrivateRedis::spawn();
    one_key_twenty_times(&[Bench::redis(db, &redis).await, Bench::redis(db, &redis).await]).await;
});

on_both!(whatever_overlaps_shares_a_cell_and_is_never_sold_twice, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    for bench in [Bench::open(db), Bench::redis(db, &redis).await] {
        // 09-10, 09:30-10:30 and 10-11 on a grid of 30 minutes.
        let cells = bench.stocks("day", &[1; 4]).await;
        let slots: Vec<Vec<_>> = (0..3).map(|i| vec![(cells[i], 1), (cells[i + 1], 1)]).collect();
        let asks =
            (0..120).map(|i| (bench.clone(), format!("{}-{i}", cells[0]), slots[i % 3].clone())).collect();
        let tally = crowd("day", asks).await;
        assert!((1..=2).contains(&tally.claimed) && tally.other.is_empty(), "{tally:?}");
        assert!(!bench.oversold().await);
    }
});

on_both!(pairs_named_in_either_order_do_not_deadlock, async |db: &Db| {
    let bench = Bench::open(db);
    let ids = bench.stocks("day", &[30, 30]).await;
    let (a, b) = ((ids[0], 1), (ids[1], 1));
    let asks = (0..100)
        .map(|i| (bench.clone(), format!("key-{i}"), if i % 2 == 0 { vec![a, b] } else { vec![b, a] }))
        .collect();
    let tally = crowd("day", asks).await;
    assert_eq!((tally.claimed, tally.other.len()), (30, 0), "{tally:?}");
    assert_eq!((bench.used(ids[0]).await, bench.used(ids[1]).await), (30, 30));
});

on_both!(a_released_unit_is_bookable_on_another_server_within_a_second, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    let (one, other) = (Bench::redis(db, &redis).await, Bench::redis(db, &redis).await);
    let slot = one.stocks("day", &[1]).await[0];
    let first = one.claim("first", "day", &[(slot, 1)]).await.unwrap();
    assert!(other.claim("second", "day", &[(slot, 1)]).await.is_err());
    one.release("cancel", claim_id(&first)).await.unwrap();
    assert!(one.release("cancel", claim_id(&first)).await.unwrap().replayed);
    let released = Instant::now();
    while other.claim("second", "day", &[(slot, 1)]).await.is_err() {
        assert!(released.elapsed() < Duration::from_secs(1));
        sleep(Duration::from_millis(20)).await;
    }
    // The settle of a release can be lost; the worker's sync then tells it.
    let second = other.claim("second", "day", &[(slot, 1)]).await.unwrap();
    assert!(second.replayed);
    Bench::open(db).release("cancel-2", claim_id(&second)).await.unwrap();
    one.work().await.unwrap();
    sleep(Duration::from_millis(250)).await;
    assert!(!one.claim("third", "day", &[(slot, 1)]).await.unwrap().replayed);
    assert!(!one.oversold().await);
});

on_both!(a_dropped_reply_is_replayed_in_a_rush_on_another_server, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    let (one, other) = (Bench::redis(db, &redis).await, Bench::redis(db, &redis).await);
    let slot = one.stocks("day", &[1]).await[0];
    let rush = tokio::spawn(crowd("day", all_want(&[other.clone(), one.clone()], 150, &[(slot, 1)])));
    let mine = loop {
        // The rush may be faster; then nothing of ours is stored and the test has no subject.
        if let Ok(answered) = one.claim("mine", "day", &[(slot, 1)]).await {
            break Some(answered);
        }
        if one.used(slot).await == 1 {
            break None;
        }
    };
    if let Some(mine) = mine {
        for (wait_ms, bench) in [(0, &one), (1, &other), (10, &one), (300, &other)] {
            sleep(Duration::from_millis(wait_ms)).await;
            let again = bench.claim("mine", "day", &[(slot, 1)]).await.expect("a retry wins over a refusal");
            assert_eq!((again.replayed, claim_id(&again)), (true, claim_id(&mine)));
        }
    }
    rush.await.unwrap();
    assert!(!one.oversold().await);
});

on_both!(a_retry_wins_although_another_server_has_just_repeated_a_refusal, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    let (one, other) = (Bench::redis(db, &redis).await, Bench::redis(db, &redis).await);
    let slot = one.stocks("day", &[1]).await[0];
    for round in 0..5 {
        let theirs = one.claim(&format!("theirs-{round}"), "day", &[(slot, 1)]).await.unwrap();
        assert!(other.claim(&format!("late-{round}"), "day", &[(slot, 1)]).await.is_err());
        one.release(&format!("cancel-{round}"), claim_id(&theirs)).await.unwrap();
        let mine = format!("mine-{round}");
        let until = Instant::now() + Duration::from_secs(5);
        while one.claim(&mine, "day", &[(slot, 1)]).await.is_err() {
            assert!(Instant::now() < until);
            sleep(Duration::from_millis(1)).await;
        }
        let again = other.claim(&mine, "day", &[(slot, 1)]).await.expect("a retry wins over a refusal");
        assert!(again.replayed);
        one.release(&format!("end-{round}"), claim_id(&again)).await.unwrap();
        sleep(Duration::from_millis(250)).await;
    }
});

on_both!(a_replay_leaves_the_gate_with_whose_unit_it_is, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    let bench = Bench::redis(db, &redis).await;
    let ids = bench.stocks("day", &[1, 1]).await;
    bench.claim("loads", "day", &[(ids[1], 1)]).await.unwrap();
    let asks = async |key: &str| {
        let asking = Asking::new(digest(key), &bench.env, Duration::ZERO);
        let need = Need { stock: ids[0], units: 1 };
        bench.inventory.gate.reserve(&Tag::from("day".to_owned()), &asking, &[need]).await
    };
    // A server that dies between its commit and telling the gate leaves this behind.
    assert_eq!(asks("mine").await, Verdict::Granted);
    Bench::open(db).claim("mine", "day", &[(ids[0], 1)]).await.unwrap();
    assert!(bench.claim("mine", "day", &[(ids[0], 1)]).await.unwrap().replayed);
    let Verdict::Refused(refused) = asks("another").await else { panic!("it is taken") };
    assert_eq!(refused.known, [digest("mine")]);
});

/// On PostgreSQL, whose writers overlap; on SQLite a retry waits until the first try is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_that_is_told_its_first_try_is_at_work_leaves_it_its_hold() {
    let fresh = linli_store::testing::database::Fresh::postgres().await;
    let (db, redis) = (&fresh.connect().await, PrivateRedis::spawn());
    let (one, other) = (Bench::holding(db, &redis).await, Bench::holding(db, &redis).await);
    let slot = one.stocks("day", &[1]).await[0];
    let (works, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (at_work, go_on) = (Arc::clone(&works), Arc::clone(&goes_on));
    let first = tokio::spawn(async move {
        let claim = one.claim_of("mine", "day", &[(slot, 1)]);
        let (request, answer) = (request("mine", "test.claim"), || Ok(answer(claim.id)));
        let (at_work, go_on) = (&at_work, &go_on);
        let rows = |tx| async move {
            at_work.notify_one();
            go_on.notified().await;
            Ok(tx)
        };
        let order = order(&claim, &request, &answer);
        one.inventory.claim(&one.db, &one.env, &order, rows).await
    });
    works.notified().await;
    let refused = async |key: &str| {
        let error = other.claim(key, "day", &[(slot, 1)]).await.unwrap_err();
        error.refusal().map(|refusal| refusal.code)
    };
    assert_eq!(refused("mine").await, Some(Code::IdempotencyInProgress));
    assert_eq!(refused("theirs").await, Some(Code::SoldOut), "the unit is kept for the first try");
    goes_on.notify_one();
    assert!(!first.await.unwrap().expect("nobody took its unit").replayed);
    assert!(other.claim("mine", "day", &[(slot, 1)]).await.unwrap().replayed);
    assert!(!other.oversold().await);
    db.close().await.unwrap();
    fresh.remove().await;
}

/// Drops a claim of `slot` while Redis is frozen: after its commit, or before it ends.
async fn dropped_half_way(bench: &Bench, redis: &Arc<PrivateRedis>, slot: StockId, commits: bool) {
    let (frozen, claimant) = (Arc::clone(redis), bench.clone());
    let claiming = tokio::spawn(async move {
        let key = if commits { "mine" } else { "nobody's" };
        let claim = claimant.claim_of(key, "day", &[(slot, 1)]);
        let (request, answer) = (request(key, "test.claim"), || Ok(answer(claim.id)));
        let frozen = &frozen;
        let rows = |tx| async move {
            frozen.freeze();
            if !commits {
                std::future::pending::<()>().await;
            }
            Ok(tx)
        };
        let order = order(&claim, &request, &answer);
        claimant.inventory.claim(&claimant.db, &claimant.env, &order, rows).await
    });
    let until = Instant::now() + Duration::from_secs(5);
    while commits && bench.used(slot).await == 0 {
        assert!(Instant::now() < until, "it did not commit");
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_millis(if commits { 0 } else { 300 })).await;
    claiming.abort();
    assert!(claiming.await.is_err(), "it was still writing, or telling the gate");
    redis.thaw();
}

on_both!(a_claim_dropped_half_way_leaves_the_gate_with_what_became_of_it, async |db: &Db| {
    let redis = Arc::new(PrivateRedis::spawn());
    let mut options = RedisGateOptions::new([redis.url()]);
    options.hold = Duration::from_mins(1);
    options.timeout = Duration::from_secs(5);
    let bench = Bench::new(db, Arc::new(RedisGate::new(options).unwrap()));
    bench.inventory.keep_epoch(db, &bench.env).await.unwrap();
    let ids = bench.stocks("day", &[1, 1]).await;
    dropped_half_way(&bench, &redis, ids[0], true).await;
    dropped_half_way(&bench, &redis, ids[1], false).await;
    succeeds_soon(&bench, "other", ids[1]).await;
    // Long before the hold expires, and without a worker, the gate knows who has the first.
    let until = Instant::now() + Duration::from_secs(5);
    let tag = Tag::from("day".to_owned());
    while !bench.inventory.differing(db, &bench.env, &tag).await.unwrap().is_empty() {
        assert!(Instant::now() < until, "the gate was not told");
        sleep(Duration::from_millis(20)).await;
    }
    assert!(bench.claim("other", "day", &[(ids[0], 1)]).await.is_err());
    assert!(bench.claim("mine", "day", &[(ids[0], 1)]).await.unwrap().replayed);
});

on_both!(redis_killed_or_emptied_or_frozen_half_way_oversells_nothing, async |db: &Db| {
    let mut redis = PrivateRedis::spawn();
    let bench = Bench::redis(db, &redis).await;
    for fault in ["kill", "flush", "freeze", "restart"] {
        let tag = "day";
        let ids = bench.stocks(tag, &[3, 1]).await;
        let asks = (0..100)
            .map(|i| {
                (
                    bench.clone(),
                    format!("{fault}-{i}"),
                    if i % 2 == 0 { vec![(ids[0], 1)] } else { vec![(ids[0], 1), (ids[1], 1)] },
                )
            })
            .collect();
        let rush = tokio::spawn(crowd(tag, asks));
        sleep(Duration::from_millis(5)).await;
        match fault {
            "kill" => redis.kill(),
            "flush" => redis.flush(),
            "freeze" => redis.freeze(),
            _ => {
                redis.kill();
                redis.restart();
            }
        }
        let tally = rush.await.unwrap();
        assert!(!bench.oversold().await, "{fault}");
        assert_eq!(tally.claimed, 3, "{fault}: {tally:?}");
        assert!(tally.other.is_empty(), "{fault}: {tally:?}");
        match fault {
            "kill" => redis.restart(),
            "freeze" => redis.thaw(),
            _ => {}
        }
        // The worker tries until the gate answers again.
        let until = Instant::now() + Duration::from_secs(5);
        while bench.inventory.keep_epoch(db, &bench.env).await.is_err() || bench.work().await.is_err() {
            assert!(Instant::now() < until, "the gate did not come back after {fault}");
            sleep(Duration::from_millis(50)).await;
        }
        let differed = bench.inventory.reconcile(db, &bench.env, &Tag::from(tag.to_owned())).await.unwrap();
        assert_eq!(differed, 0, "after {fault} the gate agrees with SQL");
    }
});

/// Asks again and again, as a person would, until the gate has learned what SQL has.
pub(super) async fn succeeds_soon(bench: &Bench, key: &str, slot: StockId) {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        // What a server does every second, and its worker five times as often.
        let _ = bench.inventory.keep_epoch(&bench.db, &bench.env).await;
        match bench.claim(key, "day", &[(slot, 1)]).await {
            Ok(_) => return,
            Err(error) => assert!(Instant::now() < until, "{error:?}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

on_both!(a_closed_stock_is_refused_as_closed, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    for bench in [Bench::open(db), Bench::redis(db, &redis).await] {
        let slot = bench.stocks("day", &[1]).await[0];
        bench.run("UPDATE stock SET open = FALSE").await;
        for key in ["a", "b"] {
            let error = bench.claim(key, "day", &[(slot, 1)]).await.unwrap_err();
            assert_eq!(error.refusal().unwrap().code, Code::SlotClosed);
        }
    }
});
