//! The thin thread: a room, a published day, bookings; under races, retries and deaths.

use std::{collections::HashSet, time::Duration};

use chrono::{Days, NaiveDate};
use linli::{
    app::rooms::{self, NewRoom},
    config::GateKind,
};
use linli_domain::{
    rooms::{Grid, Span},
    time::local_date,
};
use linli_store::{
    Env,
    audit::{self, Actor},
    inventory::divergence_of_claims,
    storage::{
        bookings::booking,
        rooms::{Room, slot},
    },
};
use reqwest::RequestBuilder;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    private_redis::PrivateRedis,
    process::ServerProcess,
    rig::{Answer, Rig, Server, both, send},
};

/// Whose token is made again when the clock has moved.
const PHONE: &str = "13800000001";

/// The day after [`crate::rig::monday_morning`].
const TUESDAY: &str = "2026-03-03";

pub(crate) fn tomorrow(server: &Server) -> NaiveDate {
    local_date(server.app.env.now()) + Days::new(1)
}

/// A room with a published day.
pub(crate) async fn room(server: &Server, slots: &[(&str, &str)]) -> Room {
    let room = bare_room(server, format!("/{}/", server.app.env.id::<Uuid>())).await;
    publish(server, &room, slots).await;
    room
}

/// A room at a place of the organisation tree, with nothing published.
pub(crate) async fn bare_room(server: &Server, org_path: String) -> Room {
    let new = NewRoom {
        facility_id: server.app.env.id(),
        name: "多功能厅".to_owned(),
        description: None,
        grid_minutes: Grid::Half.minutes().into(),
        max_party_size: 30,
        lead_minutes: 30,
        horizon_days: 14,
        cancel_until_minutes: 60,
    };
    rooms::create_in(&server.app, Actor::System, org_path, new).await.unwrap()
}

pub(crate) async fn publish(server: &Server, room: &Room, slots: &[(&str, &str)]) -> usize {
    publish_on(server, room, tomorrow(server), slots).await
}

pub(crate) async fn publish_on(
    server: &Server,
    room: &Room,
    date: NaiveDate,
    slots: &[(&str, &str)],
) -> usize {
    let template: Vec<_> = slots.iter().map(|(starts, ends)| Span::parse(starts, ends).unwrap()).collect();
    rooms::publish_day(&server.app, Actor::System, room, date, &template).await.unwrap().created
}

pub(crate) async fn slots(server: &Server, room: &Room) -> Vec<Value> {
    slots_on(server, room, tomorrow(server)).await
}

pub(crate) async fn slots_on(server: &Server, room: &Room, date: NaiveDate) -> Vec<Value> {
    let path = format!("/v1/rooms/{}/slots?from={date}&to={date}", room.id);
    send(server.get(&path)).await.ok()["items"].as_array().unwrap().clone()
}

pub(crate) async fn slot_ids(server: &Server, room: &Room) -> Vec<String> {
    slots(server, room).await.iter().map(|slot| slot["id"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn wish(room: &Room, slots: &[&String]) -> Value {
    json!({ "room_id": room.id, "slot_ids": slots, "party_size": 4, "purpose": "合唱排练" })
}

pub(crate) fn book(server: &Server, token: &str, key: &str, body: &Value) -> RequestBuilder {
    server.post("/v1/bookings", body).bearer_auth(token).header("Idempotency-Key", key)
}

pub(crate) fn cancel(server: &Server, token: &str, key: &str, id: &str) -> RequestBuilder {
    let path = format!("/v1/bookings/{id}/cancel");
    server.post(&path, &json!({})).bearer_auth(token).header("Idempotency-Key", key)
}

/// Tokens of so many residents.
async fn crowd(server: &Server, n: usize) -> Vec<String> {
    let mut tokens = Vec::with_capacity(n);
    for _ in 0..n {
        tokens.push(server.resident_token().await);
    }
    tokens
}

/// Sends everything at once.
pub(crate) async fn all(requests: Vec<RequestBuilder>) -> Vec<Answer> {
    let tasks: Vec<_> = requests.into_iter().map(|request| tokio::spawn(send(request))).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

pub(crate) fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// Invariant 1, and that every live booking has its slots to itself.
pub(crate) async fn nothing_is_oversold(server: &Server) {
    assert_eq!(divergence_of_claims(server.app.db.read()).await.unwrap(), []);
    let live: Vec<_> = booking::Entity::find().all(server.app.db.read()).await.unwrap();
    let mut live: Vec<_> = live.into_iter().filter(|row| row.state == "confirmed").collect();
    let shared = slot::Entity::find().filter(slot::Column::Seats.is_not_null());
    let shared = shared.all(server.app.db.read()).await.unwrap();
    live.retain(|row| !shared.iter().any(|slot| slot.room_id == row.room_id));
    for (i, a) in live.iter().enumerate() {
        for b in &live[i + 1..] {
            let apart = a.room_id != b.room_id || a.ends_at <= b.starts_at || b.ends_at <= a.starts_at;
            assert!(apart, "two live bookings overlap");
        }
    }
}

both!(a_resident_books_sees_and_cancels_and_the_slot_is_free_again, async |rig: &Rig| {
    let room = room(rig, &[("09:00", "10:00"), ("10:00", "11:00")]).await;
    assert_eq!(publish(rig, &room, &[("09:00", "10:00"), ("10:00", "11:00")]).await, 0, "publishing again");
    let token = rig.resident_token().await;
    let ids = slot_ids(rig, &room).await;
    let booked = send(book(rig, &token, "k1", &wish(&room, &[&ids[0], &ids[1]]))).await;
    assert_eq!((booked.status, booked.header("idempotent-replayed")), (201, ""));
    let booking = booked.ok();
    assert_eq!(booking["starts_at"], format!("{TUESDAY}T09:00:00+08:00"));
    assert_eq!(booking["ends_at"], format!("{TUESDAY}T11:00:00+08:00"));
    assert_eq!((&booking["state"], &booking["slot_ids"]), (&json!("confirmed"), &json!(ids)));
    assert!(slots(rig, &room).await.iter().all(|slot| slot["free"] == 0 && slot["reason"] == "slot_taken"));

    let again = send(book(rig, &token, "k1", &wish(&room, &[&ids[0], &ids[1]]))).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert_eq!(again.ok(), booking);
    send(book(rig, &token, "k1", &wish(&room, &[&ids[0]]))).await.is_problem(422, "idempotency_key_reused");
    send(book(rig, &rig.resident_token().await, "k1", &wish(&room, &[&ids[1]])))
        .await
        .is_problem(409, "slot_taken");

    let id = booking["id"].as_str().unwrap();
    let path = format!("/v1/bookings/{id}");
    assert_eq!(send(rig.get(&path).bearer_auth(&token)).await.ok(), booking);
    send(rig.get(&path).bearer_auth(rig.resident_token().await)).await.is_problem(404, "not_found");
    send(cancel(rig, &rig.resident_token().await, "c0", id)).await.is_problem(404, "not_found");
    let cancelled = send(cancel(rig, &token, "c1", id)).await.ok();
    assert_eq!(
        (&cancelled["state"], &cancelled["cancelled"]["by"]),
        (&json!("cancelled"), &json!("resident"))
    );
    assert_eq!(send(cancel(rig, &token, "c1", id)).await.ok(), cancelled);
    send(cancel(rig, &token, "c2", id)).await.is_problem(409, "booking_already_cancelled");
    assert!(slots(rig, &room).await.iter().all(|slot| slot["bookable"] == true));
    assert_eq!(
        send(book(rig, &rig.resident_token().await, "k2", &wish(&room, &[&ids[0]]))).await.status,
        201
    );

    let audit = audit::Entity::find().all(rig.app.db.read()).await.unwrap();
    let actions: HashSet<_> = audit.iter().map(|row| row.action.as_str()).collect();
    for action in ["room.create", "room.publish", "booking.create", "booking.cancel"] {
        assert!(actions.contains(action), "{action}");
    }
    rig.drained().await;
    nothing_is_oversold(rig).await;
});

both!(rules_refuse_with_a_code_and_a_retry_wins_over_them, async |rig: &Rig| {
    let room = room(rig, &[("09:00", "10:00"), ("11:00", "12:00")]).await;
    let ids = slot_ids(rig, &room).await;
    let token = rig.resident_with(PHONE).await;
    let refused = async |key: &str, body: Value, status, code| {
        send(book(rig, &token, key, &body)).await.is_problem(status, code);
    };
    refused("a", wish(&room, &[&ids[0], &ids[1]]), 422, "slots_not_contiguous").await;
    refused("b", wish(&room, &[&rig.app.env.id::<Uuid>().to_string()]), 422, "invalid_input").await;
    refused(
        "c",
        json!({ "room_id": room.id, "slot_ids": [ids[0]], "party_size": 31 }),
        422,
        "party_too_large",
    )
    .await;
    refused("d", json!({ "room_id": room.id, "slot_ids": [ids[0]], "party_size": 0 }), 422, "invalid_input")
        .await;
    let body = wish(&room, &[&ids[0]]);
    send(rig.post("/v1/bookings", &body).bearer_auth(&token))
        .await
        .is_problem(400, "idempotency_key_required");
    send(rig.post("/v1/bookings", &body).header("Idempotency-Key", "e"))
        .await
        .is_problem(401, "unauthenticated");

    let booking = send(book(rig, &token, "k", &body)).await.ok();
    rig.clock.set(format!("{TUESDAY}T08:01:00+08:00").parse().unwrap());
    let token = rig.resident_with(PHONE).await;
    send(cancel(rig, &token, "late", booking["id"].as_str().unwrap()))
        .await
        .is_problem(409, "too_late_to_cancel");
    rig.clock.set(format!("{TUESDAY}T09:30:00+08:00").parse().unwrap());
    let token = rig.resident_with(PHONE).await;
    let again = send(book(rig, &token, "k", &body)).await;
    assert_eq!(again.header("idempotent-replayed"), "true", "the slot has begun, the booking stands");
    send(book(rig, &token, "f", &body)).await.is_problem(409, "slot_past");
    rig.clock.set(format!("{TUESDAY}T10:31:00+08:00").parse().unwrap());
    let token = rig.resident_token().await;
    send(book(rig, &token, "g", &wish(&room, &[&ids[1]]))).await.is_problem(409, "slot_too_soon");
});

/// 200 people, two servers, one slot.
async fn one_of_two_hundred(rig: &Rig, gate: GateKind) {
    let other = rig.another(|config| config.gate = gate).await;
    let room = room(rig, &[("09:00", "10:00")]).await;
    let body = wish(&room, &[&slot_ids(rig, &room).await[0]]);
    let tokens = crowd(rig, 200).await;
    let requests = (0..200).map(|i| {
        let server: &Server = if i % 2 == 0 { rig } else { &other };
        book(server, &tokens[i], &format!("key-{i}"), &body)
    });
    let answers = all(requests.collect()).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 199));
    answers
        .iter()
        .filter(|answer| answer.status == 409)
        .for_each(|answer| answer.is_problem(409, "slot_taken"));
    nothing_is_oversold(rig).await;
    other.stop().await;
}

both!(two_hundred_at_once_are_one_booking_behind_redis, async |rig: &Rig| {
    one_of_two_hundred(rig, GateKind::Redis).await;
});

both!(
    two_hundred_at_once_are_one_booking_behind_an_open_gate,
    |config| config.gate = GateKind::Open,
    async |rig: &Rig| one_of_two_hundred(rig, GateKind::Open).await
);

both!(one_key_twenty_times_is_one_booking, async |rig: &Rig| {
    let other = rig.another(|_| {}).await;
    let room = room(rig, &[("09:00", "10:00")]).await;
    let body = wish(&room, &[&slot_ids(rig, &room).await[0]]);
    let token = rig.resident_token().await;
    let requests = (0..20).map(|i| book(if i % 2 == 0 { rig } else { &other }, &token, "same", &body));
    let answers = all(requests.collect()).await;
    assert_eq!(count(&answers, 201), 20);
    let ids: HashSet<_> = answers.iter().map(|answer| answer.json["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1);
    let fresh = answers.iter().filter(|answer| answer.header("idempotent-replayed").is_empty()).count();
    assert_eq!(fresh, 1);
    other.stop().await;
});

both!(overlapping_slots_are_never_both_booked, async |rig: &Rig| {
    let room = room(rig, &[("09:00", "10:00"), ("09:30", "10:30"), ("10:00", "11:00")]).await;
    let ids = slot_ids(rig, &room).await;
    let tokens = crowd(rig, 120).await;
    let requests = (0..120).map(|i| book(rig, &tokens[i], &format!("key-{i}"), &wish(&room, &[&ids[i % 3]])));
    let answers = all(requests.collect()).await;
    assert!((1..=2).contains(&count(&answers, 201)));
    assert_eq!(count(&answers, 201) + count(&answers, 409), 120);
    nothing_is_oversold(rig).await;
});

/// A database whose first server died as told, and what its client had asked for.
async fn died(rig: &Rig, point: &str) -> (Room, Value, String) {
    // The other process has the clock on the wall.
    rig.clock.set(Env::system().now());
    let room = room(rig, &[("09:00", "10:00")]).await;
    let body = wish(&room, &[&slot_ids(rig, &room).await[0]]);
    let token = rig.resident_token().await;
    let mut dying = ServerProcess::start(rig.database_url(), &[("LINLI_FAILPOINTS", point)]);
    let request = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = request
        .post(format!("{}/v1/bookings", dying.base))
        .bearer_auth(&token)
        .header("Idempotency-Key", "lost")
        .json(&body)
        .send()
        .await;
    assert!(sent.is_err(), "the process lives on: {sent:?}");
    assert!(!dying.wait(Duration::from_secs(10)).success());
    (room, body, token)
}

both!(killed_between_commit_and_reply_a_retry_gets_the_stored_answer, async |rig: &Rig| {
    let (room, body, token) = died(rig, "claim.after_commit=abort").await;
    let tokens = crowd(rig, 50).await;
    let rush = (0..50).map(|i| book(rig, &tokens[i], &format!("other-{i}"), &body));
    assert_eq!(count(&all(rush.collect()).await, 409), 50);
    for wait_ms in [0, 1, 10, 300] {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        let again = send(book(rig, &token, "lost", &body)).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"), "{}", again.text);
    }
    // What another process did shows within a second.
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(slots(rig, &room).await[0]["free"], 0);
    nothing_is_oversold(rig).await;
});

both!(killed_before_the_commit_nothing_happened_and_a_retry_books, async |rig: &Rig| {
    let (room, body, token) = died(rig, "claim.before_commit=abort").await;
    assert_eq!(slots(rig, &room).await[0]["free"], 1);
    let again = send(book(rig, &token, "lost", &body)).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, ""), "{}", again.text);
    nothing_is_oversold(rig).await;
});

both!(a_redis_that_dies_in_a_rush_or_forgets_everything_oversells_nothing, async |rig: &Rig| {
    let mut redis = PrivateRedis::spawn();
    let server = rig.another(|config| config.redis.url = redis.url()).await;
    let tokens = crowd(rig, 100).await;
    for fault in ["flush", "kill"] {
        let room = room(rig, &[("09:00", "10:00"), ("10:00", "11:00")]).await;
        let ids = slot_ids(rig, &room).await;
        let requests = (0..100)
            .map(|i| book(&server, &tokens[i], &format!("{fault}-{i}"), &wish(&room, &[&ids[i % 2]])));
        let rush = tokio::spawn(all(requests.collect()));
        tokio::time::sleep(Duration::from_millis(30)).await;
        if fault == "flush" {
            redis.flush()
        } else {
            redis.kill()
        }
        let answers = rush.await.unwrap();
        assert_eq!((count(&answers, 201), count(&answers, 409)), (2, 98), "{fault}");
        nothing_is_oversold(rig).await;
    }
    // Readiness names the gate that fell silent, and traffic is still welcome.
    let mut report = Value::Null;
    for _ in 0..50 {
        let room = room(rig, &[("09:00", "10:00")]).await;
        let body = wish(&room, &[&slot_ids(rig, &room).await[0]]);
        assert_eq!(send(book(&server, &server.resident_token().await, "k", &body)).await.status, 201);
        // While its catalogue loads it is not ready yet, and that is no matter here.
        report = send(server.get("/readyz")).await.json;
        if report["degraded"] == json!(["gate"]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(report["degraded"], json!(["gate"]), "{report}");
    redis.restart();
    for _ in 0..50 {
        if send(server.get("/readyz")).await.json["degraded"] == json!([]) {
            server.stop().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the gate is back and still called degraded");
});
