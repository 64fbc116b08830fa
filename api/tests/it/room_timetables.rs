//! One room, several functions: said once, published as a difference, edited without anybody losing a slot.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use chrono::{Days, Duration, NaiveDate};
use linli::app::timetables;
use linli_store::storage::rooms::Room;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    booking_doors::{Counter, counter, staff},
    booking_life::{booked, booked_soon, id},
    bookings::{book, nothing_is_oversold, publish, slot_ids, slots, slots_on, tomorrow, wish},
    rig::{Answer, Rig, Server, both, send},
};

pub(crate) fn band(days: &str, times: &str, function: &str, more: &Value) -> Value {
    let (starts, ends) = times.split_once('-').unwrap();
    let mut band = json!({ "starts": starts, "ends": ends, "function": function, "mode": "bookable" });
    let key = if days.len() == 3 { "weekdays" } else { "kinds" };
    band[key] = json!([days]);
    band.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    band
}

/// Dancing in the morning, children come as they like after school, a study for many at night.
fn dance_and_study() -> Value {
    json!({ "bands": [
        band("workday", "09:00-11:00", "dance", &json!({ "slot_minutes": 60, "turnover_minutes": 30, "title": "广场舞队" })),
        band("workday", "15:30-17:30", "children", &json!({ "mode": "walk_in" })),
        band("workday", "19:00-21:00", "study", &json!({ "seats": 20 })),
    ] })
}

fn path(room: &Room, tail: &str) -> String {
    format!("/staff/v1/rooms/{}/timetable{tail}", room.id)
}

pub(crate) async fn put(server: &Server, token: &str, room: &Room, version: i64, body: &Value) -> Answer {
    let request = server.request(Method::PUT, &path(room, "")).bearer_auth(token).json(body);
    send(request.header("If-Match", format!("\"{version}\""))).await
}

pub(crate) async fn preview(server: &Server, token: &str, room: &Room, body: &Value) -> Value {
    send(server.post(&path(room, "/preview"), body).bearer_auth(token)).await.ok()
}

async fn concerned(server: &Server, token: &str, room: &Room) -> Vec<Value> {
    let page = send(server.get(&path(room, "/bookings?limit=100")).bearer_auth(token)).await.ok();
    page["items"].as_array().unwrap().iter().map(|booking| booking["id"].clone()).collect()
}

/// `09:00 dance` and so on, of what is on offer.
async fn shown(rig: &Rig, room: &Room, date: NaiveDate) -> Vec<String> {
    let slots = slots_on(rig, room, date).await;
    slots
        .iter()
        .map(|slot| format!("{} {}", &slot["starts_at"].as_str().unwrap()[11..16], word(slot)))
        .collect()
}

fn word(slot: &Value) -> &str {
    slot["function"].as_str().unwrap_or("-")
}

both!(a_room_is_several_things_and_publishing_again_changes_nothing, async |rig: &Rig| {
    let Counter { room, clerk, manager, .. } = counter(rig, &[]).await;
    let date = tomorrow(rig);
    // What was published by hand before is taken over where the bands want the same.
    publish(rig, &room, &[("09:00", "10:00"), ("12:00", "13:00")]).await;
    let by_hand = slots(rig, &room).await;
    let empty = send(rig.get(&path(&room, "")).bearer_auth(&clerk)).await;
    assert_eq!(empty.header("etag"), "\"0\"");
    let body = json!({ "timetable": dance_and_study(), "to": date });
    let without = rig.request(Method::PUT, &path(&room, "")).bearer_auth(&manager).json(&body);
    send(without).await.is_problem(428, "precondition_required");
    put(rig, &clerk, &room, 0, &body).await.is_problem(403, "forbidden");
    let wrong = json!({ "timetable": { "bands": [band("mon", "09:10-10:00", "dance", &json!({}))] } });
    let refused = put(rig, &manager, &room, 0, &wrong).await;
    refused.is_problem(422, "invalid_input");
    assert_eq!(refused.json["errors"][0]["field"], "timetable.bands[0]");

    let written = put(rig, &manager, &room, 0, &body).await;
    assert_eq!(written.header("etag"), "\"1\"", "{}", written.text);
    let done = &written.json["done"];
    assert_eq!(
        (&done["amended"], &done["withdrawn"], &done["created"]),
        (&json!(1), &json!(1), &json!(3)),
        "{done}"
    );
    put(rig, &manager, &room, 0, &body).await.is_problem(412, "precondition_failed");
    assert_eq!(shown(rig, &room, date).await, ["09:00 dance", "10:00 dance", "19:00 study"]);
    let day = slots(rig, &room).await;
    assert_eq!((&day[0]["id"], &day[0]["title"]), (&by_hand[0]["id"], &json!("广场舞队")));
    assert_eq!(day[2]["free"], 20);

    let again =
        send(rig.post(&path(&room, "/publish"), &json!({ "to": date })).bearer_auth(&manager)).await.ok();
    assert_eq!(
        again,
        json!({ "kept": 4, "created": 0, "amended": 0, "restored": 0, "withdrawn": 0, "waiting": 0, "concerned": 0 })
    );
    assert_eq!(slots(rig, &room).await, day);
    let public = send(rig.get(&format!("/v1/rooms/{}/timetable?from={date}&to={date}", room.id))).await.ok();
    let bands = public["items"][0]["bands"].as_array().unwrap();
    assert_eq!((&bands[1]["function"], &bands[1]["mode"]), (&json!("children"), &json!("walk_in")));
    let day = send(
        rig.post(
            &format!("/staff/v1/rooms/{}/publish", room.id),
            &json!({ "date": date, "slots": [{ "starts": "12:00", "ends": "13:00" }] }),
        )
        .bearer_auth(&manager),
    )
    .await;
    day.is_problem(409, "room_has_timetable");
    let far = json!({ "to": date + Days::new(200) });
    send(rig.post(&path(&room, "/publish"), &far).bearer_auth(&manager))
        .await
        .is_problem(422, "invalid_input");
    nothing_is_oversold(rig).await;
});

both!(an_edit_that_touches_bookings_is_previewed_and_cancels_nobody, async |rig: &Rig| {
    let Counter { room, clerk, manager, .. } = counter(rig, &[]).await;
    let date = tomorrow(rig);
    let body = json!({ "timetable": dance_and_study(), "to": date });
    put(rig, &manager, &room, 0, &body).await.ok();
    let day: Vec<String> =
        slots(rig, &room).await.iter().map(|slot| slot["id"].as_str().unwrap().to_owned()).collect();
    let (token, other) = (rig.resident_token().await, rig.another(|_| {}).await);
    let dancer = booked(&other, &token, "a", &wish(&room, &[&day[0]])).await;
    let reader = booked(rig, &token, "b", &wish(&room, &[&day[2]])).await;

    // Fewer seats than people who come are refused with the list.
    let mut fewer = body.clone();
    fewer["timetable"]["bands"][2]["seats"] = json!(3);
    let refused = put(rig, &manager, &room, 1, &fewer).await;
    refused.is_problem(409, "seats_in_use");
    assert_eq!(refused.json["in_use"]["booking_ids"], json!([reader["id"]]));

    // Painting instead of dancing, an hour and a half.
    let mut painting = body.clone();
    painting["timetable"]["bands"][0] =
        band("workday", "09:00-12:00", "painting", &json!({ "slot_minutes": 90 }));
    put(rig, &manager, &room, 1, &painting).await.is_problem(409, "impact_unseen");
    let seen =
        preview(rig, &manager, &room, &json!({ "timetable": painting["timetable"], "to": date })).await;
    assert_eq!((&seen["withdrawn"], &seen["created"]), (&json!(2), &json!(3)), "what has begun stays");
    assert_eq!(
        seen["concerned"],
        json!([{ "id": dancer["id"], "starts_at": dancer["starts_at"], "ends_at": dancer["ends_at"], "party_size": 4, "proposals": [] }])
    );
    let late = booked(rig, &rig.resident_token().await, "c", &wish(&room, &[&day[1]])).await;
    painting["seen"] = seen["seen"].clone();
    put(rig, &manager, &room, 1, &painting).await.is_problem(412, "precondition_failed");
    let seen =
        preview(rig, &manager, &room, &json!({ "timetable": painting["timetable"], "to": date })).await;
    painting["seen"] = seen["seen"].clone();
    let written = put(rig, &manager, &room, 1, &painting).await.ok();
    assert_eq!(written["done"]["concerned"], 2);

    // What they had stays theirs; what it was is nobody's to book, on any server.
    assert_eq!(concerned(rig, &clerk, &room).await, [dancer["id"].clone(), late["id"].clone()]);
    let kept = send(rig.get(&format!("/v1/bookings/{}", id(&dancer))).bearer_auth(&token)).await.ok();
    assert_eq!(kept["state"], "confirmed");
    staff(rig, &clerk, "t", (&late, "cancel"), &json!({ "reason": "改为书画" })).await.ok();
    for server in [&**rig, &other] {
        let refused = send(book(server, &rig.resident_token().await, "x", &wish(&room, &[&day[1]]))).await;
        refused.is_problem(409, "slot_closed");
    }
    assert_eq!(shown(rig, &room, date).await, ["09:00 painting", "10:30 painting", "19:00 study"]);
    let reasons: Vec<_> = slots(rig, &room).await.iter().map(|slot| slot["reason"].clone()).collect();
    assert_eq!(reasons, [json!("slot_taken"), Value::Null, Value::Null], "the dancer has the room still");

    // Taken back, the dancer is concerned no more.
    put(rig, &manager, &room, 2, &body).await.ok();
    assert!(concerned(rig, &clerk, &room).await.is_empty());
    let back = slots(rig, &room).await;
    assert_eq!((&back[0]["id"], &back[0]["reason"]), (&json!(day[0]), &json!("slot_taken")));
    nothing_is_oversold(rig).await;
    other.stop().await;
});

both!(a_shared_slot_waits_for_who_has_the_room_and_days_come_by_themselves, async |rig: &Rig| {
    let Counter { room, clerk, manager, .. } = counter(rig, &[]).await;
    let date = tomorrow(rig);
    let alone = json!({ "bands": [band("workday", "09:00-11:00", "meeting", &json!({}))], "ahead_days": 2 });
    put(rig, &manager, &room, 0, &json!({ "timetable": alone })).await.ok();
    let day = slots(rig, &room).await;
    let slot = day[0]["id"].as_str().unwrap().to_owned();
    let token = rig.resident_token().await;
    let meeting = booked(rig, &token, "a", &wish(&room, &[&slot])).await;
    let mut edit = json!({ "timetable": { "bands": [band("workday", "10:00-12:00", "study", &json!({ "seats": 9 }))], "ahead_days": 2 } });
    edit["seen"] = preview(rig, &manager, &room, &edit).await["seen"].clone();
    let done = put(rig, &manager, &room, 1, &edit).await.ok()["done"].clone();
    assert_eq!((&done["waiting"], &done["concerned"]), (&json!(1), &json!(1)), "{done}");
    assert!(slots(rig, &room).await.is_empty());
    staff(rig, &clerk, "t", (&meeting, "cancel"), &json!({ "closure": true })).await.ok();
    timetables::publish_ahead(&rig.app).await.unwrap();
    assert_eq!(shown(rig, &room, date).await, ["10:00 study"]);
    assert_eq!(slots(rig, &room).await[0]["free"], 9);

    // And away again: an empty shared slot lets the room go.
    put(rig, &manager, &room, 2, &json!({ "timetable": alone })).await.ok();
    booked_soon(rig, &token, "b", &wish(&room, &[&slot])).await;
    let (third, fourth) = (date + Days::new(2), date + Days::new(3));
    assert!(shown(rig, &room, third).await.is_empty());
    rig.clock.advance(Duration::days(1));
    timetables::publish_ahead(&rig.app).await.unwrap();
    assert_eq!(shown(rig, &room, third).await.len() + shown(rig, &room, fourth).await.len(), 1);
    nothing_is_oversold(rig).await;
});

/// What one of a crowd got: when each request was sent, and what it was answered.
type Tries = Vec<(Instant, Answer)>;

/// Books a slot of `day` again and again, at a person's pace; five times more once `done` is set.
async fn keep_booking(requests: Vec<RequestBuilder>, done: Arc<AtomicBool>) -> Tries {
    const PACE: std::time::Duration = std::time::Duration::from_millis(150);
    let mut tries = Vec::new();
    let mut left = 5;
    for request in requests {
        // The last ones are for afterwards.
        while tries.len() >= 20 && !done.load(Ordering::SeqCst) {
            tokio::time::sleep(PACE).await;
        }
        if done.load(Ordering::SeqCst) {
            left -= 1;
        }
        tries.push((Instant::now(), send(request).await));
        if left == 0 {
            break;
        }
        tokio::time::sleep(PACE).await;
    }
    tries
}

both!(nobody_gets_what_was_withdrawn_and_who_was_faster_is_listed, async |rig: &Rig| {
    let Counter { room, clerk, manager, .. } = counter(rig, &[]).await;
    let bands = [
        band("workday", "09:00-12:00", "dance", &json!({ "slot_minutes": 30 })),
        band("workday", "13:00-15:00", "study", &json!({ "seats": 1000 })),
        band("workday", "19:00-20:00", "games", &json!({})),
    ];
    let timetable = json!({ "bands": bands });
    put(rig, &manager, &room, 0, &json!({ "timetable": timetable, "to": tomorrow(rig) })).await.ok();
    let day = slot_ids(rig, &room).await;
    let other = rig.another(|_| {}).await;
    let done = Arc::new(AtomicBool::new(false));
    let mut crowd = Vec::new();
    for who in 0..4_usize {
        let (server, token) =
            (if who.is_multiple_of(2) { &**rig } else { &other }, rig.resident_token().await);
        // In turn the study that many share and a slot of dancing.
        let slot = |n: usize| if n.is_multiple_of(2) { &day[6] } else { &day[(n / 2 + who) % 6] };
        let requests = (0..25).map(|n| book(server, &token, &n.to_string(), &wish(&room, &[slot(n)])));
        crowd.push(tokio::spawn(keep_booking(requests.collect(), Arc::clone(&done))));
    }
    let mut edit = json!({ "timetable": { "bands": [bands[2]] } });
    let acknowledged = loop {
        // Somebody books between the look and the edit, and staff look again.
        edit["seen"] =
            preview(rig, &manager, &room, &json!({ "timetable": edit["timetable"] })).await["seen"].clone();
        let answer = put(rig, &manager, &room, 1, &edit).await;
        match answer.status {
            200 => break Instant::now(),
            _ => answer.is_problem(412, "precondition_failed"),
        }
    };
    done.store(true, Ordering::SeqCst);
    let (mut made, mut after) = (Vec::new(), 0);
    for tries in crowd {
        for (sent, answer) in tries.await.unwrap() {
            after += usize::from(sent > acknowledged);
            match answer.status {
                201 => {
                    assert!(sent < acknowledged, "booked after the edit was acknowledged");
                    made.push(answer.json["id"].clone());
                }
                409 => {}
                status => panic!("{status} {}", answer.text),
            }
        }
    }
    assert!(after >= 16, "{after} tries afterwards");
    let mut listed = concerned(rig, &clerk, &room).await;
    listed.sort_by_key(Value::to_string);
    made.sort_by_key(Value::to_string);
    assert_eq!(listed, made, "who was faster is listed, and nobody else has anything");
    nothing_is_oversold(rig).await;
    other.stop().await;
});
