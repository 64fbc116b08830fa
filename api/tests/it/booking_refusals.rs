//! What a refusal of a booking says and offers, and what is refused only seemingly.

use chrono::{Days, NaiveDate};
use linli::app::rooms::{self, NewRoom};
use linli_domain::bookings::Policy;
use linli_store::{
    idempotency::{Request, Stored},
    storage::{bookings::policies, rooms::Room},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    booking_life::{booked, change, first_like, id, policy, weekly},
    bookings::{
        all, bare_room, book, cancel, count, nothing_is_oversold, publish_on, room, slot_ids, slots,
        slots_on, tomorrow, wish,
    },
    rig::{Answer, Rig, Server, both, send},
};

fn kinds(refused: &Answer) -> Vec<&str> {
    let offers = refused.json["alternatives"].as_array().map(Vec::as_slice).unwrap_or_default();
    offers.iter().map(|offer| offer["kind"].as_str().unwrap()).collect()
}

async fn slot_of(rig: &Rig, room: &Room, date: NaiveDate) -> String {
    slots_on(rig, room, date).await[0]["id"].as_str().unwrap().to_owned()
}

both!(every_refusal_that_another_time_helps_offers_three, async |rig: &Rig| {
    let room = room(rig, &[("09:00", "10:00"), ("10:00", "11:00"), ("11:00", "12:00")]).await;
    let beside = first_like(rig, &room).await;
    publish_on(rig, &room, tomorrow(rig) + Days::new(1), &[("09:00", "10:00")]).await;
    let (ids, other) = (slot_ids(rig, &room).await, slot_ids(rig, &beside).await.remove(0));
    let next_day = slot_of(rig, &room, tomorrow(rig) + Days::new(1)).await;
    booked(rig, &rig.resident_token().await, "a", &wish(&room, &[&ids[0]])).await;

    let token = rig.resident_token().await;
    let refused = send(book(rig, &token, "b", &wish(&room, &[&ids[0]]))).await;
    refused.is_problem(409, "slot_taken");
    assert_eq!(kinds(&refused), ["same_room", "nearby", "another_day"], "{}", refused.text);
    let offered: Vec<_> = (0..3).map(|i| refused.json["alternatives"][i]["slot_id"].clone()).collect();
    assert_eq!(offered, [json!(ids[1]), json!(other), json!(next_day)], "the nearest of each kind");
    for (i, offer) in refused.json["alternatives"].as_array().unwrap().iter().enumerate() {
        let room = if i == 1 { &beside } else { &room };
        assert_eq!((&offer["room_id"], &offer["facility_id"]), (&json!(room.id), &json!(room.facility_id)));
    }

    let too_many = json!({ "room_id": room.id, "slot_ids": [ids[1]], "party_size": 31 });
    let refused = send(book(rig, &token, "c", &too_many)).await;
    refused.is_problem(422, "party_too_large");
    assert!(kinds(&refused).is_empty(), "no room is larger: {}", refused.text);
    let gap = send(book(rig, &token, "d", &wish(&room, &[&ids[0], &ids[2]]))).await;
    gap.is_problem(422, "slots_not_contiguous");
    assert_eq!(kinds(&gap).len(), 3, "{}", gap.text);
    // What is no question of time offers nothing.
    let unknown = wish(&room, &[&rig.app.env.id::<Uuid>().to_string()]);
    let refused = send(book(rig, &token, "e", &unknown)).await;
    refused.is_problem(422, "invalid_input");
    assert!(refused.json["alternatives"].is_null());

    // What is offered is free at most a second later, and what is taken is offered no longer than that.
    booked(rig, &token, "f", &wish(&room, &[&ids[1]])).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let refused = send(book(rig, &rig.resident_token().await, "g", &wish(&room, &[&ids[0]]))).await;
    refused.is_problem(409, "slot_taken");
    assert_eq!(refused.json["alternatives"][0]["slot_id"], ids[2]);
});

both!(who_is_elsewhere_is_offered_another_time_and_who_used_it_up_another_week, async |rig: &Rig| {
    let (mine, other) = (room(rig, &[("09:00", "10:00")]).await, room(rig, &[("09:00", "10:00")]).await);
    let beside = first_like(rig, &other).await;
    let later = tomorrow(rig) + Days::new(6);
    for (room, date) in [(&other, tomorrow(rig) + Days::new(1)), (&other, later)] {
        publish_on(rig, room, date, &[("09:00", "10:00")]).await;
    }
    for room in [&mine, &other, &beside] {
        policy(rig, room, Policy { one_place: true, ..Policy::default() }).await;
    }
    let token = rig.resident_token().await;
    let first = booked(rig, &token, "a", &wish(&mine, &[&slot_ids(rig, &mine).await[0]])).await;
    let wanted = wish(&other, &[&slot_ids(rig, &other).await[0]]);
    let refused = send(book(rig, &token, "b", &wanted)).await;
    refused.is_problem(409, "already_elsewhere");
    assert_eq!(kinds(&refused), ["another_day", "another_day"], "{}", refused.text);

    // Given back, it is no hindrance; and then two of two are used.
    send(cancel(rig, &token, "c", id(&first))).await.ok();
    weekly(rig, &other, 1).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    booked(rig, &token, "d", &wanted).await;
    let next = slot_of(rig, &other, tomorrow(rig) + Days::new(1)).await;
    let refused = send(book(rig, &token, "e", &wish(&other, &[&next]))).await;
    refused.is_problem(409, "quota_exhausted");
    assert_eq!(kinds(&refused), ["another_day"], "{}", refused.text);
    assert_eq!(refused.json["alternatives"][0]["slot_id"], slot_of(rig, &other, later).await);
    let english = book(rig, &token, "e", &wish(&other, &[&next])).header("Accept-Language", "en");
    let detail = send(english).await.json["detail"].clone();
    assert_eq!(detail, "1 of 1 used this week: twice a week (booked: Tue 3 Mar, 09:00)");
});

both!(sunday_night_and_monday_after_midnight_are_two_weeks, async |rig: &Rig| {
    let room = bare_room(rig, format!("/{}/", rig.app.env.id::<Uuid>())).await;
    weekly(rig, &room, 1).await;
    let sunday: NaiveDate = "2026-03-08".parse().unwrap();
    publish_on(rig, &room, sunday, &[("22:30", "23:00"), ("23:30", "24:00")]).await;
    publish_on(rig, &room, sunday + Days::new(1), &[("00:30", "01:00"), ("01:00", "01:30")]).await;
    let token = rig.resident_token().await;
    let mut ids = Vec::new();
    for date in [sunday, sunday + Days::new(1)] {
        ids.extend(
            slots_on(rig, &room, date).await.iter().map(|slot| slot["id"].as_str().unwrap().to_owned()),
        );
    }
    let last = booked(rig, &token, "a", &wish(&room, &[&ids[1]])).await;
    assert_eq!(last["starts_at"], "2026-03-08T23:30:00+08:00");
    booked(rig, &token, "b", &wish(&room, &[&ids[2]])).await;
    for (key, slot, window) in [("c", &ids[0], "2026-W10"), ("d", &ids[3], "2026-W11")] {
        let refused = send(book(rig, &token, key, &wish(&room, &[slot]))).await;
        refused.is_problem(409, "quota_exhausted");
        assert_eq!(refused.json["quota"]["window"], window);
    }
    // Moving counts anew where it goes: Monday's cannot come to Sunday, nor takes two where it is.
    send(cancel(rig, &token, "x", id(&last))).await.ok();
    let again = booked(rig, &token, "e", &wish(&room, &[&ids[0]])).await;
    let path = format!("/v1/bookings/{}/reschedule", id(&again));
    send(change(rig, &token, "m1", &path, &json!({ "slot_ids": [ids[3]] })))
        .await
        .is_problem(409, "quota_exhausted");
    let moved = send(change(rig, &token, "m2", &path, &json!({ "slot_ids": [ids[1]] }))).await.ok();
    assert_eq!(moved["starts_at"], "2026-03-08T23:30:00+08:00");
    nothing_is_oversold(rig).await;
});

both!(of_many_who_move_to_one_time_one_moves_and_the_rest_keep_theirs, async |rig: &Rig| {
    let (home, aim) = (room(rig, &[("09:00", "10:00")]).await, room(rig, &[("14:00", "15:00")]).await);
    let other = rig.another(|_| {}).await;
    let mut movers = Vec::new();
    for _ in 0..8 {
        let from = first_like(rig, &home).await;
        let token = rig.resident_token().await;
        let mine = booked(rig, &token, "a", &wish(&from, &[&slot_ids(rig, &from).await[0]])).await;
        movers.push((from, token, mine));
    }
    let to = json!({ "room_id": aim.id, "slot_ids": slot_ids(rig, &aim).await });
    let moves = movers.iter().enumerate().map(|(i, (_, token, mine))| {
        let server: &Server = if i % 2 == 0 { rig } else { &other };
        change(server, token, "m", &format!("/v1/bookings/{}/reschedule", id(mine)), &to)
    });
    let answers = all(moves.collect()).await;
    assert_eq!((count(&answers, 200), count(&answers, 409)), (1, 7));
    // What the other server did shows within a second.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    for (answer, (from, token, mine)) in answers.iter().zip(&movers) {
        let now = send(rig.get(&format!("/v1/bookings/{}", id(mine))).bearer_auth(token)).await.ok();
        let free = slots(rig, from).await[0]["free"].clone();
        if answer.status == 200 {
            assert_eq!((&now["room_id"], &free), (&json!(aim.id), &json!(1)), "moved, room and all");
            assert_eq!(now, answer.json);
        } else {
            answer.is_problem(409, "slot_taken");
            assert_eq!((&now, &free), (mine, &json!(0)), "what was theirs is theirs");
        }
    }
    assert_eq!(slots(rig, &aim).await[0]["free"], 0);
    nothing_is_oversold(rig).await;
    other.stop().await;
});

/// Divides `room`, as staff do, on `server`.
pub(crate) async fn divide(server: &Server, whole: &Room) -> Room {
    let new = NewRoom {
        facility_id: whole.facility_id,
        name: server.app.env.id::<Uuid>().to_string(),
        description: None,
        grid_minutes: 30,
        max_party_size: 10,
        lead_minutes: 0,
        horizon_days: 14,
        cancel_until_minutes: 0,
    };
    let draft = rooms::draft(&server.app, new, Some(whole)).unwrap();
    let request = Request {
        principal: "staff:test".to_owned(),
        key: draft.id.to_string(),
        operation: "rooms.create",
        digest: String::new(),
    };
    let (stored, staff) = (Stored { status: 201, answer: Value::Null }, server.app.env.id());
    rooms::create_part(&server.app, staff, whole, &draft, &request, &stored).await.unwrap();
    draft
}

both!(a_slot_planned_before_its_room_was_divided_is_booked_all_the_same, async |rig: &Rig| {
    let hall = room(rig, &[("09:00", "10:00"), ("10:00", "11:00"), ("11:00", "12:00")]).await;
    let other = rig.another(|_| {}).await;
    let ids = slot_ids(rig, &hall).await;
    let token = rig.resident_token().await;
    let mine = booked(&other, &token, "a", &wish(&hall, &[&ids[2]])).await;
    // The other server has looked the slots up and remembers them.
    for slot in &ids[..2] {
        let too_many = json!({ "room_id": hall.id, "slot_ids": [slot], "party_size": 31 });
        send(book(&other, &token, slot, &too_many)).await.is_problem(422, "party_too_large");
    }
    divide(rig, &hall).await;
    let made = booked(&other, &token, "b", &wish(&hall, &[&ids[0]])).await;
    assert_eq!(made["state"], "confirmed");
    let path = format!("/v1/bookings/{}/reschedule", id(&mine));
    let moved = send(change(&other, &token, "m", &path, &json!({ "slot_ids": [ids[1]] }))).await.ok();
    assert_eq!(moved["slot_ids"], json!([ids[1]]));
    nothing_is_oversold(rig).await;
    other.stop().await;
});

both!(nobody_is_in_two_places_whoever_books_or_moves, async |rig: &Rig| {
    let times = [("09:00", "10:00"), ("09:30", "10:30"), ("10:00", "11:00"), ("14:00", "15:00")];
    let (here, there) = (room(rig, &times).await, room(rig, &times).await);
    for room in [&here, &there] {
        policy(rig, room, Policy { one_place: true, price_fen: 100, ..Policy::default() }).await;
    }
    let (at_here, at_there) = (slot_ids(rig, &here).await, slot_ids(rig, &there).await);
    let phone = "13800000041";
    let (elder, child) = (rig.resident_with(phone).await, rig.resident_token().await);
    let invited = rig.post("/v1/me/family", &json!({ "scopes": ["book"] })).bearer_auth(&elder);
    let code = send(invited).await.ok()["code"].clone();
    send(rig.post("/v1/me/family/accept", &json!({ "code": code })).bearer_auth(&child)).await.ok();
    let mut for_elder = wish(&here, &[&at_here[0]]);
    for_elder["for_resident_id"] = send(rig.get("/v1/me").bearer_auth(&elder)).await.ok()["id"].clone();

    // It is the elder who is here; the child may be there, and the elder may not.
    booked(rig, &child, "a", &for_elder).await;
    let third = room(rig, &times).await;
    policy(rig, &third, Policy { one_place: true, ..Policy::default() }).await;
    booked(rig, &child, "b", &wish(&third, &[&slot_ids(rig, &third).await[0]])).await;
    let refused = send(book(rig, &elder, "c", &wish(&there, &[&at_there[1]]))).await;
    refused.is_problem(409, "already_elsewhere");
    booked(rig, &elder, "d", &wish(&there, &[&at_there[2]])).await;

    // What was not paid for lapses, and with it where its resident would have been.
    rig.clock.advance(chrono::Duration::minutes(31));
    let elder = rig.resident_with(phone).await;
    booked(rig, &elder, "e", &wish(&there, &[&at_there[1]])).await;
    nothing_is_oversold(rig).await;

    for room in [&here, &there] {
        let free = Policy { one_place: true, ..Policy::default() };
        policies::write_policy(rig.app.db.any_write(), &rig.app.env, room.id, &free, 1).await.unwrap();
    }
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let mover = rig.resident_token().await;
    let mine = booked(rig, &mover, "f", &wish(&here, &[&at_here[0]])).await;
    booked(rig, &mover, "g", &wish(&there, &[&at_there[3]])).await;
    let path = format!("/v1/bookings/{}/reschedule", id(&mine));
    let to = |slot: &String| json!({ "slot_ids": [slot] });
    send(change(rig, &mover, "m1", &path, &to(&at_here[3]))).await.is_problem(409, "already_elsewhere");
    let kept = send(rig.get(&format!("/v1/bookings/{}", id(&mine))).bearer_auth(&mover)).await.ok();
    assert_eq!(kept, mine);
    // Where they are by this very booking is no hindrance.
    let moved = send(change(rig, &mover, "m2", &path, &to(&at_here[1]))).await.ok();
    assert_eq!(moved["slot_ids"], json!([at_here[1]]));
    nothing_is_oversold(rig).await;
});
