//! What is left today, as hits of a list say it: joined from the tables at read time, never indexed.

use std::time::{Duration, Instant};

use linli::app::rooms::{self, NewRoom};
use linli_domain::{
    bookings::Policy,
    geo::Point,
    rooms::{Offer, Span},
    time::local_date,
};
use linli_store::{audit::Actor, storage::rooms::Room};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    booking_life::{booked, id, policy},
    bookings::{cancel, publish_on, slots_on, wish},
    discovery::{at, city, get},
    rig::{Rig, Server, both, send},
};

/// The hits within the whole city.
async fn hits(server: &Server, middle: Point) -> Vec<Value> {
    let path = format!("/v1/facilities/nearby?{}&radius_m=50000&limit=100", at(middle));
    loop {
        let answer = get(server, &path).await;
        // A server that has just started loads its catalogue.
        if answer.status != 503 {
            return answer.ok()["items"].as_array().unwrap().clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn hit(server: &Server, middle: Point, facility: &Value) -> Value {
    hits(server, middle).await.into_iter().find(|hit| hit["id"] == *facility).unwrap()
}

/// Two seconds are allowed, and time for a busy machine to answer.
async fn soon(server: &Server, middle: Point, facility: &Value, left: &Value) -> Value {
    let began = Instant::now();
    loop {
        let asked = Instant::now();
        let hit = hit(server, middle, facility).await;
        if hit["left_today"] == *left {
            return hit;
        }
        assert!(asked - began < Duration::from_secs(2), "not {left}: {hit}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the lists of its rooms have that can be booked today: how much, and one slot of it.
async fn of_lists(server: &Server, facility: &Value) -> (Option<u64>, Option<(String, String)>) {
    let today = local_date(server.app.env.now());
    let path = format!("/v1/facilities/{}/rooms", facility.as_str().unwrap());
    let (mut left, mut one) = (None, None);
    for room in get(server, &path).await.ok()["items"].as_array().unwrap() {
        let room = room["id"].as_str().unwrap();
        let slots = get(server, &format!("/v1/rooms/{room}/slots?from={today}&to={today}")).await.ok();
        for slot in slots["items"].as_array().unwrap() {
            match slot["reason"].as_str() {
                None => {
                    left = Some(left.unwrap_or(0) + slot["free"].as_u64().unwrap());
                    one = one.or_else(|| Some((room.to_owned(), slot["id"].as_str().unwrap().to_owned())));
                }
                Some("slot_taken" | "online_share_full") => left = left.or(Some(0)),
                Some(_) => {}
            }
        }
    }
    (left, one)
}

both!(hits_say_what_is_left_today_and_follow_a_booking_on_every_server, async |rig: &Rig| {
    let middle = city(rig).await;
    let other = rig.another(|_| {}).await;
    let all = hits(rig, middle).await;
    let (with, without): (Vec<_>, Vec<_>) = all.iter().partition(|hit| !hit["left_today"].is_null());
    assert!(with.len() >= 5 && without.len() >= 5, "{} and {}", with.len(), without.len());
    for hit in with.iter().take(5).chain(without.iter().take(5)) {
        assert_eq!(hit["left_today"].as_u64(), of_lists(rig, &hit["id"]).await.0, "{hit}");
    }

    let facility = &with[0]["id"];
    let (Some(before), Some((room, slot))) = of_lists(rig, facility).await else { panic!("{}", with[0]) };
    let token = rig.resident_token().await;
    let body = json!({ "room_id": room, "slot_ids": [slot], "party_size": 1 });
    let booking = booked(rig, &token, "a", &body).await;
    // It may have been in the way of others that overlap it.
    let after = of_lists(rig, facility).await.0;
    assert!(after < Some(before));
    for server in [&**rig, &other] {
        let hit = soon(server, middle, facility, &json!(after)).await;
        let said = format!("·今日余{}席", after.unwrap());
        assert!(hit["reason"].as_str().unwrap().ends_with(&said), "{hit}");
        let path = format!("/v1/facilities/search?q={}&{}", hit["name"].as_str().unwrap(), at(middle));
        let found = get(server, &path).await.ok()["items"].as_array().unwrap().clone();
        let found = found.into_iter().find(|found| found["id"] == *facility).unwrap();
        assert_eq!(found["left_today"], hit["left_today"]);
        assert!(found["reason"].as_str().unwrap().ends_with(&said), "{found}");
    }
    send(cancel(&other, &token, "c", id(&booking))).await.ok();
    for server in [&**rig, &other] {
        soon(server, middle, facility, &json!(before)).await;
    }

    // The database goes away: what is near is told, without what it alone knows.
    other.app.db.clone().close().await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    let bare = hits(&other, middle).await;
    assert_eq!(bare.len(), all.len());
    assert!(bare.iter().all(|hit| hit["left_today"].is_null() && hit["reason"].is_string()));
    other.stop().await;
});

async fn room_of(rig: &Rig, facility: &Value) -> Room {
    let new = NewRoom {
        facility_id: facility.as_str().unwrap().parse::<Uuid>().unwrap().into(),
        name: rig.app.env.id::<Uuid>().to_string(),
        description: None,
        grid_minutes: 30,
        max_party_size: 30,
        lead_minutes: 30,
        horizon_days: 14,
        cancel_until_minutes: 60,
    };
    rooms::create_in(&rig.app, Actor::System, format!("/{}/", rig.app.env.id::<Uuid>()), new).await.unwrap()
}

both!(seats_count_without_those_kept_back_and_full_is_not_over, async |rig: &Rig| {
    let middle = city(rig).await;
    let today = local_date(rig.app.env.now());
    let all = hits(rig, middle).await;
    let bare = async |hit: &&Value| {
        let open = hit["open"]["state"] == "open" && hit["left_today"].is_null();
        open && of_lists(rig, &hit["id"]).await.0.is_none()
    };
    let mut facility = Value::Null;
    for hit in &all {
        if bare(&hit).await {
            facility = hit["id"].clone();
            break;
        }
    }

    // At ten: one has begun, one is for a party alone, and of the twelve seats five are kept back.
    let (hall, study) = (room_of(rig, &facility).await, room_of(rig, &facility).await);
    policy(rig, &study, Policy { reserved_units: 5, ..Policy::default() }).await;
    publish_on(rig, &hall, today, &[("10:00", "11:00"), ("15:00", "16:00")]).await;
    let seats = [Offer::shared(Span::parse("14:00", "15:00").unwrap(), 12)];
    rooms::publish_day(&rig.app, Actor::System, &study, today, &seats).await.unwrap();
    let hit = soon(rig, middle, &facility, &json!(8)).await;
    assert_eq!(of_lists(rig, &facility).await.0, Some(13), "a list says what is free at the counter too");
    assert!(hit["reason"].as_str().unwrap().ends_with("·营业中·今日余8席"), "{hit}");

    let slot = async |room: &Room, at: usize| {
        slots_on(rig, room, today).await[at]["id"].as_str().unwrap().to_owned()
    };
    let seven = json!({ "room_id": study.id, "slot_ids": [slot(&study, 0).await], "party_size": 7 });
    booked(rig, &rig.resident_token().await, "a", &seven).await;
    soon(rig, middle, &facility, &json!(1)).await;
    let last = wish(&hall, &[&slot(&hall, 1).await]);
    let token = rig.resident_token().await;
    booked(rig, &token, "b", &last).await;
    let full = soon(rig, middle, &facility, &json!(0)).await;
    assert!(full["reason"].as_str().unwrap().ends_with("·今日已满"), "{full}");
    let path = format!("/v1/facilities/nearby?{}&radius_m=50000&limit=100", at(middle));
    let english = send(rig.get(&path).header("Accept-Language", "en")).await.ok();
    let reasons = english["items"].as_array().unwrap().iter().map(|hit| hit["reason"].as_str().unwrap());
    assert_eq!(reasons.filter(|reason| reason.ends_with(" · full today")).count(), 1);
    // About another time nothing is said of today.
    let later = get(rig, &format!("{path}&open_at={today}T14:00:00%2B08:00")).await.ok();
    let said = |hit: &Value| hit["reason"].as_str().unwrap().contains("今日");
    assert!(!later["items"].as_array().unwrap().iter().any(said));

    // When everything has begun, it is not full but over.
    rig.clock.set(format!("{today}T14:45:00+08:00").parse().unwrap());
    let over = soon(rig, middle, &facility, &Value::Null).await;
    assert!(!over["reason"].as_str().unwrap().contains("今日"), "{over}");
});
