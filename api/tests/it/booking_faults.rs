//! Bookings when a client hangs up, a server is killed, Redis forgets, or staff close the room meanwhile.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use linli::config::GateKind;
use linli_domain::bookings::Policy;
use linli_store::{Env, inventory::divergence_of_claims, lease, storage::rooms::Room};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    booking_closures::{close, concerned},
    booking_doors::{Counter, counter},
    booking_life::{booked, booked_soon, change, id, policy},
    bookings::{all, book, cancel, count, nothing_is_oversold, room, slot_ids, slots, tomorrow, wish},
    faults,
    private_redis::PrivateRedis,
    process::ServerProcess,
    rig::{Rig, Server, both, patient, send},
};

/// Asks as a client does that hangs up when the server waits at this fail point.
async fn asks_and_hangs_up(server: &ServerProcess, token: &str, body: &Value, at: &str) {
    let body = body.to_string();
    let head = format!(
        "POST /v1/bookings HTTP/1.1\r\nHost: linli\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: key\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all((head + &body).as_bytes()).await.unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while !server.log().contains(&format!("waiting at the fail point {at}")) {
        assert!(Instant::now() < until, "{at} is not reached: {}", server.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Half way to SQL, and half way through it.
const SLOW: &str = "claim.reserved=sleep(1000);claim.before_commit=sleep(1000)";

async fn is_finished_only_if_sql_was_asked(rig: &Rig, gate: &str) {
    let room = room(rig, &[("09:00", "10:00"), ("10:00", "11:00")]).await;
    let ids = slot_ids(rig, &room).await;
    let slow = ServerProcess::start(rig.database_url(), &[("LINLI_FAILPOINTS", SLOW), ("LINLI_GATE", gate)]);
    let free = async |slot: usize| slots(rig, &room).await[slot]["free"] == 1;
    let (early, late) = (rig.resident_token().await, rig.resident_token().await);
    let (first, second) = (wish(&room, &[&ids[0]]), wish(&room, &[&ids[1]]));
    asks_and_hangs_up(&slow, &early, &first, "claim.reserved").await;
    asks_and_hangs_up(&slow, &late, &second, "claim.before_commit").await;
    let until = Instant::now() + Duration::from_secs(10);
    while free(1).await {
        assert!(Instant::now() < until, "{gate}: what SQL was asked for is not finished");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let again = send(book(rig, &late, "key", &second)).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"), "{gate}: {}", again.text);
    // The other had as much time, and nobody waited for it.
    assert!(free(0).await, "{gate}: what nobody waits for is claimed");
    let theirs = booked_soon(rig, &rig.resident_token().await, "theirs", &first).await;
    send(book(rig, &early, "key", &first)).await.is_problem(409, "slot_taken");
    assert_eq!(theirs["state"], "confirmed");
}

both!(what_nobody_waits_for_is_not_claimed_and_what_sql_was_asked_is_finished, async |rig: &Rig| {
    rig.clock.set(Env::system().now());
    tokio::join!(
        is_finished_only_if_sql_was_asked(rig, "redis"),
        is_finished_only_if_sql_was_asked(rig, "open")
    );
    nothing_is_oversold(rig).await;
});

both!(a_cancel_whose_server_is_killed_before_it_tells_is_bookable_again_at_once, idle, async |rig: &Rig| {
    rig.clock.set(Env::system().now());
    let room = room(rig, &[("09:00", "10:00")]).await;
    let body = wish(&room, &[&slot_ids(rig, &room).await[0]]);
    let mut dying =
        ServerProcess::start(rig.database_url(), &[("LINLI_FAILPOINTS", "release.after_commit=abort")]);
    // It is its turn to tell the gate what that missed, and it will not.
    let until = Instant::now() + Duration::from_secs(10);
    let turn = || lease::Entity::find_by_id("gate.sync".to_owned()).one(rig.app.db.read());
    while turn().await.unwrap().is_none() {
        assert!(Instant::now() < until, "nobody tells the gate");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let other = ServerProcess::start(rig.database_url(), &[]);
    let (mine, theirs) = (rig.resident_token().await, rig.resident_token().await);
    let booking = send(faults::book(&dying.base, &mine, "a", &body)).await.ok();
    send(faults::book(&other.base, &theirs, "b", &body)).await.is_problem(409, "slot_taken");
    let path = format!("{}/v1/bookings/{}/cancel", dying.base, id(&booking));
    let cancel = faults::client().post(path).bearer_auth(&mine).header("Idempotency-Key", "c");
    assert!(cancel.json(&json!({})).send().await.is_err(), "the process lives on");
    let began = Instant::now();
    assert!(!dying.wait(Duration::from_secs(10)).success());
    loop {
        let asked = began.elapsed();
        let answer = send(faults::book(&other.base, &theirs, "b", &body)).await;
        if answer.status == 201 {
            eprintln!("bookable again after {asked:?}");
            break;
        }
        answer.is_problem(409, "slot_taken");
        // A second is promised; a busy machine is given more, and less than a lease that runs out.
        assert!(asked < Duration::from_secs(5), "free and not to be had");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    nothing_is_oversold(rig).await;
});

/// Books and gives back the same few slots on both servers, until it is told to stop.
async fn churn(servers: [(String, String); 2], room: String, ids: Vec<String>, stop: Arc<AtomicBool>) {
    for n in 0_usize.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let (base, token) = &servers[n % 2];
        let body = json!({ "room_id": room, "slot_ids": [ids[n % ids.len()]], "party_size": 1 });
        let key = format!("churn-{n}");
        let answer = send(faults::book(base, token, &key, &body)).await;
        match answer.status {
            201 => {
                let path = format!("{base}/v1/bookings/{}/cancel", id(&answer.json));
                let cancel =
                    faults::client().post(path).bearer_auth(token).header("Idempotency-Key", key + "-c");
                send(cancel.json(&json!({}))).await.ok();
            }
            _ => answer.is_problem(409, "slot_taken"),
        }
        // Other tests want the machine as well.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What both lists and a booking of each say of two slots, one taken and one free, asked until all is
/// right or two seconds are over.
async fn agrees_with_sql(
    rig: &Rig,
    servers: &[&Server],
    room: &Room,
    (taken, free): (&str, &str),
    fault: &str,
) {
    let began = Instant::now();
    for (n, server) in servers.iter().enumerate() {
        loop {
            let asked = began.elapsed();
            let listed = slots(server, room).await;
            let shown = |slot: &str| listed.iter().find(|row| row["id"] == slot).unwrap()["free"].clone();
            let right = (shown(taken), shown(free)) == (json!(0), json!(1));
            let token = rig.resident_token().await;
            send(book(server, &token, "x", &wish(room, &[&taken.to_owned()])))
                .await
                .is_problem(409, "slot_taken");
            let had = send(book(server, &token, "y", &wish(room, &[&free.to_owned()]))).await;
            if had.status == 201 {
                send(cancel(server, &token, "z", id(&had.json))).await.ok();
                if right {
                    break;
                }
            } else {
                had.is_problem(409, "slot_taken");
            }
            assert!(asked < Duration::from_secs(2), "after {fault} server {n} says {listed:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

both!(two_seconds_after_redis_lost_it_in_a_rush_all_say_what_the_tables_say, idle, async |rig: &Rig| {
    let mut redis = PrivateRedis::spawn();
    let behind = |config: &mut linli::Config| config.redis.url = redis.url();
    let servers = [rig.another(behind).await, rig.another(behind).await];
    let [one, two] = &servers;
    let hours: Vec<_> = (18..28).map(|half| [half_hour(half), half_hour(half + 1)]).collect();
    let times: Vec<_> = hours.iter().map(|[from, to]| (from.as_str(), to.as_str())).collect();
    let room = room(rig, &times).await;
    let ids = slot_ids(rig, &room).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut rush = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let ends =
            [(one.base.clone(), rig.resident_token().await), (two.base.clone(), rig.resident_token().await)];
        rush.spawn(churn(ends, room.id.to_string(), ids[..4].to_vec(), Arc::clone(&stop)));
    }
    for (round, fault) in ["flush", "restart", "freeze"].into_iter().enumerate() {
        let (taken, free) = (&ids[4 + 2 * round], &ids[5 + 2 * round]);
        let token = rig.resident_token().await;
        booked(one, &token, "taken", &wish(&room, &[taken])).await;
        let back = booked(two, &token, "back", &wish(&room, &[free])).await;
        send(cancel(one, &token, "c", id(&back))).await.ok();
        match fault {
            "flush" => redis.flush(),
            "restart" => {
                redis.kill();
                redis.restart();
            }
            _ => {
                redis.freeze();
                tokio::time::sleep(Duration::from_millis(300)).await;
                redis.thaw();
            }
        }
        agrees_with_sql(rig, &[one, two], &room, (taken, free), fault).await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = rush.join_next().await {
        ended.unwrap();
    }
    nothing_is_oversold(rig).await;
    for server in servers {
        server.stop().await;
    }
});

both!(a_hold_whose_time_is_over_is_free_for_all_without_a_sweeper, idle, async |rig: &Rig| {
    let open = rig.another_idle(|config| config.gate = GateKind::Open).await;
    let Counter { room, clerk, .. } = counter(rig, &[("09:00", "10:00"), ("10:00", "11:00")]).await;
    policy(rig, &room, Policy { price_fen: 2_000, ..Policy::default() }).await;
    let (ids, token) = (slot_ids(rig, &room).await, rig.resident_token().await);
    let servers = [&**rig, &open];
    let mut held = Vec::new();
    for (server, slot) in servers.into_iter().zip(&ids) {
        held.push(booked(server, &token, slot, &wish(&room, &[slot])).await);
        send(book(server, &rig.resident_token().await, "b", &wish(&room, &[slot])))
            .await
            .is_problem(409, "slot_taken");
    }
    rig.clock.advance(chrono::Duration::minutes(31));
    let pay = async |server: &Server, key: &str, booking: &Value| {
        let path = format!("/staff/v1/bookings/{}/payments", id(booking));
        let cash = json!({ "method": "cash", "amount_fen": 2_000 });
        send(change(server, &clerk, key, &path, &cash)).await
    };
    for (n, (server, late)) in servers.into_iter().zip(&held).enumerate() {
        let shown = slots(server, &room).await[n].clone();
        assert_eq!((&shown["free"], &shown["bookable"]), (&json!(1), &json!(true)), "{shown}");
        let next = booked(server, &rig.resident_token().await, "n", &wish(&room, &[&ids[n]])).await;
        assert_eq!(next["state"], "pending_payment");
        pay(server, &format!("late-{n}"), late).await.is_problem(409, "booking_expired");
        let late = send(server.get(&format!("/v1/bookings/{}", id(late))).bearer_auth(&token)).await.ok();
        assert_eq!(late["state"], "expired");
        assert_eq!(pay(server, &format!("paid-{n}"), &next).await.ok()["state"], "confirmed");
    }
    nothing_is_oversold(rig).await;
    open.stop().await;
});

both!(nobody_books_a_time_that_staff_have_closed_meanwhile, async |rig: &Rig| {
    let hours: Vec<_> = (18..38).map(|half| [half_hour(half), half_hour(half + 1)]).collect();
    let times: Vec<_> = hours.iter().map(|[from, to]| (from.as_str(), to.as_str())).collect();
    let Counter { room, manager, .. } = counter(rig, &times).await;
    let gated = rig.another(patient).await;
    let open = rig
        .another(|config| {
            patient(config);
            config.gate = GateKind::Open;
        })
        .await;
    let (ids, key) = (slot_ids(rig, &room).await, room.id.to_string());
    let mut wishes = Vec::new();
    for n in 0..100 {
        let server = if n % 2 == 0 { &gated } else { &open };
        wishes.push(book(server, &rig.resident_token().await, "a", &wish(&room, &[&ids[n * 7 % 20]])));
    }
    let late = wishes.split_off(80);
    let rush = tokio::spawn(all(wishes));
    while slots(&gated, &room).await.iter().all(|slot| slot["free"] == 1) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // All day but for the last hour.
    let closed = close(rig, &manager, "c", &key, tomorrow(rig), ["09:00", "18:00"]).await.ok();
    let at_once: BTreeSet<_> = ids_of(concerned(rig, &manager, &closed).await);
    let answers = rush.await.unwrap();
    let after = all(late).await;
    assert_eq!(ids_of(concerned(rig, &manager, &closed).await), at_once, "booked after it was closed");
    let inside = |answer: &crate::rig::Answer| {
        answer.status == 201 && ids[..18].iter().any(|slot| answer.json["slot_ids"][0] == *slot)
    };
    let told = answers.iter().filter(|answer| inside(answer)).map(|answer| answer.json["id"].clone());
    assert_eq!(ids_of(told), at_once, "who was told so has it, and nobody else");
    assert!(!after.iter().any(inside));
    for answer in answers.iter().chain(&after).filter(|answer| answer.status != 201) {
        let code = answer.json["code"].as_str().unwrap();
        assert!(code == "slot_taken" || code == "slot_closed", "{}", answer.text);
    }
    assert_eq!(count(&answers, 201) + count(&answers, 409), 80);
    nothing_is_oversold(rig).await;
    assert_eq!(divergence_of_claims(rig.app.db.read()).await.unwrap(), []);
    gated.stop().await;
    open.stop().await;
});

/// The time of day after so many half hours.
fn half_hour(n: u32) -> String {
    format!("{:02}:{:02}", n / 2, n % 2 * 30)
}

fn ids_of(bookings: impl IntoIterator<Item = Value>) -> BTreeSet<String> {
    bookings.into_iter().map(|id| id.to_string()).collect()
}
