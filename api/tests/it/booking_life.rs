//! The life of a booking: payment, approval, late cancellation, moving, family, quotas, messages, feed.

use chrono::Duration;
use linli_domain::{
    bookings::{
        Policy,
        quota::{QuotaMeasure, QuotaOver, QuotaSubject},
    },
    inventory::Period,
};
use linli_store::storage::{
    bookings::{policies, quota_rule},
    rooms::Room,
};
use sea_orm::{ConnectionTrait, EntityTrait, Set, Statement};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    bookings::{all, book, cancel, count, nothing_is_oversold, room, slot_ids, slots, wish},
    rig::{Rig, Server, both, send},
};

pub(crate) async fn policy(server: &Server, room: &Room, policy: Policy) {
    policies::write_policy(server.app.db.any_write(), &server.app.env, room.id, &policy, 0).await.unwrap();
}

/// At most `most` bookings an ISO week in any room of `facility`.
pub(crate) async fn weekly(server: &Server, room: &Room, most: i32) {
    let now = server.app.env.now();
    let words = (QuotaSubject::Resident, Period::IsoWeek, QuotaMeasure::Count, QuotaOver::Organisation);
    let row = quota_rule::ActiveModel {
        id: Set(server.app.env.id::<Uuid>()),
        org_path: Set(room.org_path.clone()),
        name_zh: Set("每周两次".to_owned()),
        name_en: Set(Some("twice a week".to_owned())),
        subject: Set(words.0.to_string()),
        period: Set(words.1.to_string()),
        measure: Set(words.2.to_string()),
        most: Set(most),
        over_kind: Set(words.3.to_string()),
        over_id: Set(room.facility_id.0),
        late_cancel_counts: Set(true),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
        ended_at: Set(None),
    };
    quota_rule::Entity::insert(row).exec_without_returning(server.app.db.any_write()).await.unwrap();
}

pub(crate) fn change(
    server: &Server,
    token: &str,
    key: &str,
    path: &str,
    body: &Value,
) -> reqwest::RequestBuilder {
    server.post(path, body).bearer_auth(token).header("Idempotency-Key", key)
}

pub(crate) async fn booked(server: &Server, token: &str, key: &str, body: &Value) -> Value {
    let answer = send(book(server, token, key, body)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json
}

/// Books what has come free just after somebody was refused: for a moment they are still told so.
pub(crate) async fn booked_soon(server: &Server, token: &str, key: &str, body: &Value) -> Value {
    for _ in 0..50 {
        let answer = send(book(server, token, key, body)).await;
        if answer.status == 201 {
            return answer.json;
        }
        answer.is_problem(409, "slot_taken");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("free for five seconds and not to be had");
}

pub(crate) fn id(booking: &Value) -> &str {
    booking["id"].as_str().unwrap()
}

both!(a_move_keeps_the_old_time_unless_the_new_one_is_had, async |rig: &Rig| {
    let room = room(rig, &[("09:00", "10:00"), ("10:00", "11:00"), ("11:00", "12:00")]).await;
    let ids = slot_ids(rig, &room).await;
    let (token, other) = (rig.resident_token().await, rig.resident_token().await);
    let mine = booked(rig, &token, "a", &wish(&room, &[&ids[0]])).await;
    booked(rig, &other, "b", &wish(&room, &[&ids[1]])).await;
    let path = format!("/v1/bookings/{}/reschedule", id(&mine));
    let to = |slot: &String| json!({ "slot_ids": [slot] });
    let refused = send(change(rig, &token, "m1", &path, &to(&ids[1]))).await;
    refused.is_problem(409, "slot_taken");
    assert_eq!(refused.json["alternatives"][0]["slot_id"], ids[2], "{}", refused.text);
    assert_eq!(slots(rig, &room).await[0]["free"], 0, "the old time is still mine");
    let moved = send(change(rig, &token, "m2", &path, &to(&ids[2]))).await.ok();
    assert_eq!((&moved["id"], &moved["slot_ids"]), (&mine["id"], &json!([ids[2]])));
    let again = send(change(rig, &token, "m2", &path, &to(&ids[2]))).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(slots(rig, &room).await[0]["free"], 1);
    nothing_is_oversold(rig).await;
});

/// A slot in each of twenty rooms, of which one resident may have two a week.
pub(crate) async fn twenty_of_which_two(rig: &Rig) -> Vec<Value> {
    let first = room(rig, &[("09:00", "10:00")]).await;
    weekly(rig, &first, 2).await;
    let mut wishes = Vec::new();
    for _ in 0..20 {
        let room = first_like(rig, &first).await;
        wishes.push(wish(&room, &[&slot_ids(rig, &room).await[0]]));
    }
    wishes
}

both!(two_a_week_are_two_whatever_the_rush_and_one_given_back_is_one_more, async |rig: &Rig| {
    let wishes = twenty_of_which_two(rig).await;
    let token = rig.resident_token().await;
    let requests = wishes.iter().enumerate().map(|(i, body)| book(rig, &token, &format!("k{i}"), body));
    let answers = all(requests.collect()).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (2, 18));
    let refused = answers.iter().find(|answer| answer.status == 409).unwrap();
    refused.is_problem(409, "quota_exhausted");
    let detail = refused.json["detail"].as_str().unwrap();
    assert!(detail.starts_with("本周已用 2/2 次：每周两次（已约：3月3日星期二上午9:00、"), "{detail}");
    let counted = refused.json["quota"]["bookings"].as_array().unwrap();
    let mut counted: Vec<_> = counted.iter().map(|booking| booking["id"].clone()).collect();
    counted.sort_by_key(Value::to_string);
    let mut mine: Vec<_> = answers.iter().filter(|a| a.status == 201).map(|a| a.json["id"].clone()).collect();
    mine.sort_by_key(Value::to_string);
    assert_eq!(counted, mine, "the bookings that use it up are named");
    let one = answers.iter().find(|answer| answer.status == 201).unwrap();
    send(cancel(rig, &token, "c", id(&one.json))).await.ok();
    let requests = wishes.iter().enumerate().map(|(i, body)| book(rig, &token, &format!("l{i}"), body));
    assert_eq!(count(&all(requests.collect()).await, 201), 1);
    nothing_is_oversold(rig).await;
});

/// Another room of the same organisation.
pub(crate) async fn first_like(server: &Server, first: &Room) -> Room {
    use linli::app::rooms::{self, NewRoom};
    let new = NewRoom {
        facility_id: first.facility_id,
        name: server.app.env.id::<Uuid>().to_string(),
        description: None,
        grid_minutes: 30,
        max_party_size: 30,
        lead_minutes: 30,
        horizon_days: 14,
        cancel_until_minutes: 60,
    };
    let actor = linli_store::audit::Actor::System;
    let room = rooms::create_in(&server.app, actor, first.org_path.clone(), new).await.unwrap();
    crate::bookings::publish(server, &room, &[("09:00", "10:00")]).await;
    room
}

both!(a_hold_that_nobody_paid_for_is_free_at_once_and_paying_late_is_told, async |rig: &Rig| {
    let room = room(rig, &[("09:00", "10:00")]).await;
    policy(rig, &room, Policy { price_fen: 2_000, ..Policy::default() }).await;
    let body = wish(&room, &[&slot_ids(rig, &room).await[0]]);
    let token = rig.resident_token().await;
    let mine = booked(rig, &token, "a", &body).await;
    assert_eq!((&mine["state"], &mine["price_fen"]), (&json!("pending_payment"), &json!(2_000)));
    rig.clock.advance(Duration::minutes(31));
    let path = format!("/v1/bookings/{}", id(&mine));
    assert_eq!(send(rig.get(&path).bearer_auth(&token)).await.ok()["state"], "expired");
    assert_eq!(slots(rig, &room).await[0]["free"], 1, "the list shows it free");
    booked(rig, &rig.resident_token().await, "b", &body).await;
    send(cancel(rig, &token, "c", id(&mine))).await.is_problem(409, "booking_expired");
    nothing_is_oversold(rig).await;
});

both!(one_person_is_in_one_place, async |rig: &Rig| {
    let (a, b) = (room(rig, &[("09:00", "10:00")]).await, room(rig, &[("09:30", "10:30")]).await);
    for room in [&a, &b] {
        policy(rig, room, Policy { one_place: true, ..Policy::default() }).await;
    }
    let token = rig.resident_token().await;
    let wishes = [wish(&a, &[&slot_ids(rig, &a).await[0]]), wish(&b, &[&slot_ids(rig, &b).await[0]])];
    let answers = all(vec![book(rig, &token, "a", &wishes[0]), book(rig, &token, "b", &wishes[1])]).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 1));
    answers.iter().find(|answer| answer.status == 409).unwrap().is_problem(409, "already_elsewhere");
});

both!(family_books_with_consent_and_personal_texts_are_sealed, async |rig: &Rig| {
    let room = room(rig, &[("09:00", "10:00")]).await;
    let (elder, child) = (rig.resident_token().await, rig.resident_token().await);
    let me = send(rig.get("/v1/me").bearer_auth(&elder)).await.ok();
    let mut body = wish(&room, &[&slot_ids(rig, &room).await[0]]);
    body["for_resident_id"] = me["id"].clone();
    body["companions"] = json!(["王小明"]);
    send(book(rig, &child, "a", &body)).await.is_problem(403, "family_consent_missing");
    let invited = rig.post("/v1/me/family", &json!({ "scopes": ["book", "see"] })).bearer_auth(&elder);
    let code = send(invited).await.ok()["code"].clone();
    send(rig.post("/v1/me/family/accept", &json!({ "code": code })).bearer_auth(&child)).await.ok();
    let made = booked(rig, &child, "a", &body).await;
    assert_eq!((&made["booked_by"], &made["companions"]), (&json!("family"), &json!(["王小明"])));
    assert_eq!(booked(rig, &child, "a", &body).await, made, "replayed as it was");
    for table in ["booking", "idempotency"] {
        let sql = format!("SELECT * FROM {table}");
        let statement = Statement::from_string(rig.app.db.backend(), sql);
        let rows = rig.app.db.read().query_all_raw(statement).await.unwrap();
        let text = format!("{rows:?}");
        assert!(!rows.is_empty() && !text.contains("王小明") && !text.contains("合唱排练"), "{table}");
    }
});

both!(each_change_is_one_message_and_the_feed_strikes_out_what_was_cancelled, async |rig: &Rig| {
    let room = room(rig, &[("09:00", "10:00")]).await;
    let token = rig.resident_token().await;
    let mine = booked(rig, &token, "a", &wish(&room, &[&slot_ids(rig, &room).await[0]])).await;
    send(cancel(rig, &token, "c", id(&mine))).await.ok();
    let path =
        send(rig.post("/v1/me/calendar-feed", &json!({})).bearer_auth(&token)).await.ok()["path"].clone();
    let feed = send(rig.get(path.as_str().unwrap())).await;
    let calendar: icalendar::Calendar = feed.text.parse().unwrap();
    let event = calendar.events().next().unwrap();
    assert_eq!(event.get_status(), Some(icalendar::EventStatus::Cancelled));
    send(rig.request(reqwest::Method::DELETE, "/v1/me/calendar-feed").bearer_auth(&token)).await.ok();
    send(rig.get(path.as_str().unwrap())).await.is_problem(404, "not_found");
    let mut changes = Vec::new();
    for _ in 0..100 {
        let inbox = send(rig.get("/v1/messages").bearer_auth(&token)).await.ok();
        changes = inbox["items"].as_array().unwrap().iter().map(|m| m["change"].clone()).collect();
        if changes.len() >= 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    changes.sort_by_key(ToString::to_string);
    assert_eq!(changes, [json!("cancelled"), json!("confirmed")]);
    let ids = [mine["id"].as_str().unwrap().parse().unwrap()];
    let more =
        linli_store::storage::bookings::messages::write_missing(rig.app.db.any_write(), &rig.app.env, &ids);
    assert_eq!(more.await.unwrap(), 0, "replaying the events writes nothing");
});
