//! Holds that lapse, quotas, and claims that move.

use chrono::{DateTime, Duration as Span};
use linli_domain::{
    Event,
    inventory::{Period, QuotaNeed},
};
use linli_store::{env::TestClock, idempotency, outbox, testing::on_both};
use sea_orm::DbBackend;
use tokio::time::{Instant, sleep};

use super::{super::gate::MOST_PAST, *};

/// Both gates on `db`, each with a clock that the test moves.
async fn benches(db: &Db, redis: &PrivateRedis) -> [(Bench, Arc<TestClock>); 2] {
    [Bench::open(db), Bench::redis(db, redis).await].map(with_a_clock)
}

/// The same bench with a clock that the test moves.
pub(super) fn with_a_clock(bench: Bench) -> (Bench, Arc<TestClock>) {
    let clock = TestClock::at(DateTime::from_timestamp_secs(1_795_000_000).unwrap());
    (Bench { env: Env::with_clock(clock.clone()), ..bench }, clock)
}

fn code(result: Result<Answered, Error>) -> Result<bool, Code> {
    match result {
        Ok(answered) => Ok(answered.replayed),
        Err(Error::Refused(refusal)) => Err(refusal.code),
        Err(error) => panic!("{error:?}"),
    }
}

fn weekly(who: &str, window: &str) -> QuotaNeed {
    QuotaNeed { key: format!("weekly:{who}"), window: window.to_owned(), units: 1, limit: 2 }
}

/// Waits for an event: older transactions of others may hold the outbox back for a moment.
async fn appears(db: &Db, event: Event) {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let all = outbox::read_after(db.read(), outbox::Cursor::default(), 10_000).await.unwrap();
        if all.into_iter().any(|entry| entry.event == Some(event)) {
            return;
        }
        assert!(Instant::now() < until, "{event:?} is not in the outbox");
        sleep(Duration::from_millis(20)).await;
    }
}

on_both!(a_lapsed_hold_refuses_nobody_without_a_sweeper, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    for (bench, clock) in benches(db, &redis).await {
        let slot = bench.stocks("day", &[1]).await[0];
        let name = |key: &str| format!("{key}-{slot}");
        let until = bench.env.now() + Span::minutes(10);
        let held = bench.claim_of(&name("held"), "day", &[(slot, 1)]).expiring(until);
        assert_eq!(code(bench.make(&name("held"), &held).await), Ok(false));
        bench.work().await.unwrap();
        assert_eq!(code(bench.claim(&name("second"), "day", &[(slot, 1)]).await), Err(Code::SoldOut));
        clock.set(until);
        assert_eq!(code(bench.claim(&name("second"), "day", &[(slot, 1)]).await), Ok(false));
        appears(db, Event::ClaimLapsed(held.id)).await;
        assert_eq!(code(bench.confirm(&name("late"), held.id).await), Err(Code::HoldLapsed));
        assert_eq!(code(bench.release(&name("late-2"), held.id).await), Err(Code::HoldLapsed));
        assert_eq!(code(bench.make(&name("held"), &held).await), Ok(true), "a retry wins");
        assert_eq!(bench.used(slot).await, 1);
        assert!(!bench.oversold().await);
    }
});

on_both!(a_retry_finds_its_answer_after_its_claim_ended_and_the_unit_went_to_another, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    for (bench, clock) in benches(db, &redis).await {
        let slot = bench.stocks("day", &[1]).await[0];
        let name = |key: &str| format!("{key}-{slot}");
        let mine = bench.claim_of(&name("mine"), "day", &[(slot, 1)]);
        bench.make(&name("mine"), &mine).await.unwrap();
        bench.release(&name("cancel"), mine.id).await.unwrap();
        bench.claim(&name("theirs"), "day", &[(slot, 1)]).await.unwrap();
        // By settle, by the cache of refusals, by a sync, and by a load under another epoch.
        for told in ["settle", "cache", "sync", "load"] {
            match told {
                "cache" => {
                    let newcomer = bench.claim(&name("newcomer"), "day", &[(slot, 1)]).await;
                    assert_eq!(code(newcomer), Err(Code::SoldOut));
                }
                "sync" => bench.work().await.unwrap(),
                "load" => redis.flush(),
                _ => {}
            }
            assert_eq!(code(bench.make(&name("mine"), &mine).await), Ok(true), "{told}");
        }
        // As long as answers are kept, and no longer: then the key is as good as new.
        clock.set(bench.env.now() + idempotency::KEPT);
        redis.flush();
        assert_eq!(code(bench.claim(&name("mine"), "day", &[(slot, 1)]).await), Err(Code::SoldOut));
    }
});

on_both!(a_retry_finds_its_answer_where_more_ended_than_the_gate_keeps, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    let bench = Bench::redis(db, &redis).await;
    let slot = bench.stocks("day", &[1]).await[0];
    let claim = |n: usize| bench.claim_of(&format!("key-{n}"), "day", &[(slot, 1)]);
    let mine = claim(0);
    for n in 0..=MOST_PAST {
        let claim = if n == 0 { mine.clone() } else { claim(n) };
        bench.make(&format!("key-{n}"), &claim).await.unwrap();
        bench.release(&format!("cancel-{n}"), claim.id).await.unwrap();
    }
    bench.claim("theirs", "day", &[(slot, 1)]).await.unwrap();
    for told in ["settle", "sync", "load"] {
        match told {
            "sync" => bench.work().await.unwrap(),
            "load" => redis.flush(),
            _ => {}
        }
        assert_eq!(code(bench.claim("newcomer", "day", &[(slot, 1)]).await), Err(Code::SoldOut), "{told}");
        assert_eq!(code(bench.make("key-0", &mine).await), Ok(true), "{told}");
    }
});

on_both!(a_confirmed_hold_stays_and_the_sweeper_ends_the_others, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    for (bench, clock) in benches(db, &redis).await {
        let slots = bench.stocks("day", &[1, 1]).await;
        let until = bench.env.now() + Span::minutes(10);
        let holds: Vec<_> = slots
            .iter()
            .map(|slot| bench.claim_of(&slot.to_string(), "day", &[(*slot, 1)]).expiring(until))
            .collect();
        for hold in &holds {
            bench.make(&hold.id.to_string(), hold).await.unwrap();
        }
        let key = format!("confirm-{}", slots[0]);
        assert_eq!(code(bench.confirm(&key, holds[0].id).await), Ok(false));
        clock.set(until + Span::seconds(1));
        assert_eq!(code(bench.confirm(&key, holds[0].id).await), Ok(true));
        bench.inventory.lapse_some(db, &bench.env).await.unwrap();
        assert_eq!((bench.used(slots[0]).await, bench.used(slots[1]).await), (1, 0));
        assert!(!bench.oversold().await);
        let other = format!("other-{}", slots[1]);
        assert_eq!(code(bench.claim(&other, "day", &[(slots[1], 1)]).await), Ok(false));
    }
});

on_both!(twenty_at_once_on_twenty_rooms_are_as_many_as_the_quota_allows, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    for (bench, _) in benches(db, &redis).await {
        let rooms = bench.stocks("day", &[1; 20]).await;
        let who = rooms[0].to_string();
        let window = |date: &str| Period::IsoWeek.window(date.parse().unwrap());
        let (sunday, monday) = (window("2026-11-22"), window("2026-11-23"));
        let ask = |room: StockId, window: &str| {
            let claim = bench.claim_of(&room.to_string(), "day", &[(room, 1)]);
            claim.with_quotas([weekly(&who, window)]).unwrap()
        };
        let tasks: Vec<_> = rooms
            .iter()
            .map(|room| {
                let (bench, claim) = (bench.clone(), ask(*room, &sunday));
                tokio::spawn(async move { (bench.make(&claim.digest.to_string(), &claim).await, claim) })
            })
            .collect();
        let (mut won, mut refused) = (Vec::new(), Vec::new());
        for task in tasks {
            match task.await.unwrap() {
                (Ok(_), claim) => won.push(claim),
                (Err(error), claim) => {
                    let refusal = error.refusal().expect("a quota refuses, it does not fail").clone();
                    assert_eq!(refusal.code, Code::QuotaExhausted);
                    assert_eq!((&refusal.extra["used"], &refusal.extra["limit"]), (&json!(2), &json!(2)));
                    refused.push(claim);
                }
            }
        }
        assert_eq!(won.len(), 2);
        bench.release(&format!("back-{who}"), won[0].id).await.unwrap();
        let again = |n: usize| (bench.clone(), refused[n].clone());
        let (one, claim) = again(0);
        assert_eq!(code(one.make(&format!("again-0-{who}"), &claim).await), Ok(false), "one came back");
        let (one, claim) = again(1);
        assert_eq!(code(one.make(&format!("again-1-{who}"), &claim).await), Err(Code::QuotaExhausted));
        let next_week = bench.claim_of("next", "day", &[(refused[2].needs_by_stock()[0].stock, 1)]);
        let next_week = next_week.with_quotas([weekly(&who, &monday)]).unwrap();
        assert_eq!(code(bench.make(&format!("monday-{who}"), &next_week).await), Ok(false));
        assert!(!bench.oversold().await);
    }
});

on_both!(without_guard_and_check_twenty_at_once_take_more_than_the_quota, async |db: &Db| {
    match db.backend() {
        DbBackend::Postgres => {
            Bench::open(db).run("ALTER TABLE quota DROP CONSTRAINT quota_used_check").await;
        }
        _ => Bench::open(db).run("PRAGMA ignore_check_constraints = ON").await,
    }
    let inventory = Inventory::new(Arc::new(OpenGate), InventoryOptions { at_once: 8 }).unguarded();
    let bench = Bench { inventory: Arc::new(inventory), ..Bench::open(db) };
    let rooms = bench.stocks("day", &[1; 20]).await;
    let tasks = rooms.into_iter().map(|room| {
        let claim = bench.claim_of(&room.to_string(), "day", &[(room, 1)]);
        let (bench, claim) = (bench.clone(), claim.with_quotas([weekly("one", "w")]).unwrap());
        tokio::spawn(async move { bench.make(&claim.digest.to_string(), &claim).await.is_ok() })
    });
    let mut won = 0;
    for task in tasks.collect::<Vec<_>>() {
        won += usize::from(task.await.unwrap());
    }
    assert!(won > 2, "the quota test cannot see that a quota is broken: {won}");
});

on_both!(a_quota_that_is_kept_stays_counted_and_a_lapsed_one_does_not, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    for (bench, clock) in benches(db, &redis).await {
        let slots = bench.stocks("day", &[1; 4]).await;
        let who = slots[0].to_string();
        let ask = |slot: StockId| {
            let claim = bench.claim_of(&slot.to_string(), "day", &[(slot, 1)]);
            claim.with_quotas([weekly(&who, "w")]).unwrap()
        };
        let late = ask(slots[0]);
        bench.make(&format!("a-{who}"), &late).await.unwrap();
        let until = bench.env.now() + Span::minutes(5);
        bench.make(&format!("b-{who}"), &ask(slots[1]).expiring(until)).await.unwrap();
        let order = Return {
            name: "test.release",
            claim: late.id,
            request: &request(&format!("late-{who}"), "test.release"),
            answer: &answer(late.id),
            events: &[],
            keeps_quota: &|key| key.starts_with("weekly:"),
            gone: Code::HoldLapsed,
        };
        bench.inventory.release(db, &bench.env, &order, |tx| async move { Ok(tx) }).await.unwrap();
        let third = ask(slots[2]);
        assert_eq!(code(bench.make(&format!("c-{who}"), &third).await), Err(Code::QuotaExhausted));
        clock.set(until);
        assert_eq!(code(bench.make(&format!("c-{who}"), &third).await), Ok(false), "the hold is over");
        assert_eq!(code(bench.make(&format!("d-{who}"), &ask(slots[3])).await), Err(Code::QuotaExhausted));
        assert!(!bench.oversold().await);
    }
});

on_both!(a_claim_moves_whole_or_stays_what_it_was, async |db: &Db| {
    let redis = PrivateRedis::spawn();
    for (bench, _) in benches(db, &redis).await {
        let cells = bench.stocks("day", &[1; 4]).await;
        let name = |key: &str| format!("{key}-{}", cells[0]);
        let quota = weekly(&cells[0].to_string(), "w");
        let first = bench.claim_of(&name("make"), "day", &[(cells[0], 1), (cells[1], 1)]);
        let first = first.with_quotas([quota.clone()]).unwrap();
        bench.make(&name("make"), &first).await.unwrap();
        bench.claim(&name("other"), "day", &[(cells[3], 1)]).await.unwrap();
        let to = |key: &str, wanted: &[usize]| {
            let needs: Vec<_> = wanted.iter().map(|cell| (cells[*cell], 1)).collect();
            let mut moved = bench.claim_of(&name(key), "day", &needs);
            moved.id = first.id;
            moved.with_quotas([quota.clone()]).unwrap()
        };
        let taken = bench.swap(&name("taken"), &to("taken", &[2, 3])).await;
        assert_eq!(code(taken), Err(Code::SoldOut));
        let used = async || {
            let mut used = Vec::new();
            for cell in &cells {
                used.push(bench.used(*cell).await);
            }
            used
        };
        assert_eq!(used().await, [1, 1, 0, 1]);
        // It may overlap with itself.
        assert_eq!(code(bench.swap(&name("move"), &to("move", &[1, 2])).await), Ok(false));
        assert_eq!(used().await, [0, 1, 1, 1]);
        assert_eq!(code(bench.swap(&name("move"), &to("move", &[1, 2])).await), Ok(true));
        assert_eq!(code(bench.claim(&name("free"), "day", &[(cells[0], 1)]).await), Ok(false));
        assert_eq!(code(bench.make(&name("make"), &first).await), Ok(true), "a retry wins over a move");
        bench.release(&name("end"), first.id).await.unwrap();
        assert_eq!(used().await, [1, 0, 0, 1]);
        assert!(!bench.oversold().await);
    }
});
