//! Policies and quota rules as staff write them, and what they count over HTTP.

use chrono::Days;
use linli_domain::{
    access::Role,
    bookings::{LateCancel, Policy},
    time::local_date,
};
use linli_store::storage::staff::organisation;
use reqwest::Method;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::{
    booking_doors::{Counter, counter, staff},
    booking_life::{booked, change, first_like, id, policy, weekly},
    bookings::{bare_room, book, cancel, publish, publish_on, slot_ids, slots_on, tomorrow, wish},
    people::town,
    rig::{Answer, Rig, both, send},
};

async fn edit(rig: &Rig, token: &str, method: Method, path: &str, version: &str, body: &Value) -> Answer {
    let request = rig.request(method, path).json(body).bearer_auth(token);
    send(request.header("If-Match", format!("\"{version}\""))).await
}

both!(staff_write_policies_and_rules_and_the_rules_bind_at_once, async |rig: &Rig| {
    let town = town(rig).await;
    let [place, elsewhere] = town.communities;
    let row = organisation::Entity::find_by_id(place.0).one(rig.app.db.read()).await.unwrap().unwrap();
    let room = bare_room(rig, row.path).await;
    publish(rig, &room, &[("09:00", "10:30"), ("10:30", "11:00"), ("11:00", "12:00")]).await;
    let beside = first_like(rig, &room).await;
    let (ids, other) = (slot_ids(rig, &room).await, slot_ids(rig, &beside).await.remove(0));
    let manager = rig.staff_token(Role::CommunityManager, Some(place)).await;
    let clerk = rig.staff_token(Role::CounterClerk, Some(place)).await;
    let stranger = rig.staff_token(Role::CommunityManager, Some(elsewhere)).await;

    // At most 120 minutes a day in this room.
    let rule = json!({ "over": "room", "over_id": room.id, "per": "resident", "period": "day",
        "measure": "minutes", "limit": 120, "name_zh": "每天两小时", "name_en": "two hours a day",
        "late_cancel_counts": true });
    let make = |token: &str| {
        let request = rig.post("/staff/v1/quota-rules", &rule).bearer_auth(token);
        send(request.header("Idempotency-Key", "rule"))
    };
    make(&clerk).await.is_problem(403, "forbidden");
    make(&stranger).await.is_problem(404, "not_found");
    let made = make(&manager).await.ok();
    let again = make(&manager).await;
    assert_eq!((again.header("idempotent-replayed"), &again.json), ("true", &made), "one rule, counted once");
    let token = rig.resident_token().await;
    let first = booked(rig, &token, "a", &wish(&room, &[&ids[0]])).await;
    booked(rig, &token, "b", &wish(&room, &[&ids[1]])).await;
    let third = wish(&room, &[&ids[2]]);
    let refused = send(book(rig, &token, "c", &third).header("Accept-Language", "en")).await;
    refused.is_problem(409, "quota_exhausted");
    let detail = refused.json["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("120 of 120 minutes used that day: two hours a day; this one needs 60"),
        "{detail}"
    );
    assert_eq!(
        (&refused.json["quota"]["used"], &refused.json["quota"]["limit"], &refused.json["quota"]["rule_id"]),
        (&json!(120), &json!(120), &made["id"])
    );
    // The counter is bound by it like the telephone in the pocket.
    let mut at_counter = third.clone();
    at_counter["resident_id"] = send(rig.get("/v1/me").bearer_auth(&token)).await.ok()["id"].clone();
    at_counter["channel"] = json!("counter");
    send(change(rig, &clerk, "s", "/staff/v1/bookings", &at_counter))
        .await
        .is_problem(409, "quota_exhausted");
    booked(rig, &token, "d", &wish(&beside, &[&other])).await;

    // Staff allow more; whoever wrote meanwhile is not overwritten; an ended rule counts no more.
    let path = format!("/staff/v1/quota-rules/{}", id(&made));
    let more = json!({ "limit": 180, "name_zh": "每天三小时", "late_cancel_counts": true });
    edit(rig, &stranger, Method::PUT, &path, "1", &more).await.is_problem(404, "not_found");
    edit(rig, &clerk, Method::PUT, &path, "1", &more).await.is_problem(403, "forbidden");
    assert_eq!(edit(rig, &manager, Method::PUT, &path, "1", &more).await.ok()["version"], 2);
    edit(rig, &manager, Method::PUT, &path, "1", &more).await.is_problem(412, "precondition_failed");
    booked(rig, &token, "c", &third).await;
    send(cancel(rig, &token, "x", id(&first))).await.ok();
    assert_eq!(edit(rig, &manager, Method::DELETE, &path, "2", &json!({})).await.status, 204);
    let listed = send(rig.get("/staff/v1/quota-rules").bearer_auth(&manager)).await.ok();
    assert_eq!(listed["items"], json!([]));

    let path = format!("/staff/v1/rooms/{}/booking-policy", room.id);
    let policy = json!({ "approval": "staff_collects", "price_fen": 100, "pay_within_minutes": 10,
        "decide_within_minutes": 60, "late_cancel": "flagged", "one_place": true, "reserved_units": 2 });
    edit(rig, &clerk, Method::PUT, &path, "0", &policy).await.is_problem(403, "forbidden");
    let written = edit(rig, &manager, Method::PUT, &path, "0", &policy).await;
    assert_eq!((written.header("etag"), &written.json), ("\"1\"", &policy));
    edit(rig, &manager, Method::PUT, &path, "0", &policy).await.is_problem(412, "precondition_failed");
    let mut bad = policy.clone();
    bad["price_fen"] = json!(-1);
    edit(rig, &manager, Method::PUT, &path, "1", &bad).await.is_problem(422, "invalid_input");
    let asked = booked(rig, &token, "e", &wish(&room, &[&ids[0]])).await;
    assert_eq!((&asked["state"], &asked["price_fen"]), (&json!("pending_approval"), &json!(100)));
});

both!(a_household_counts_together_and_a_service_area_over_its_rooms, async |rig: &Rig| {
    let town = town(rig).await;
    let mut rooms = Vec::new();
    for place in town.communities {
        let row = organisation::Entity::find_by_id(place.0).one(rig.app.db.read()).await.unwrap().unwrap();
        let room = bare_room(rig, row.path).await;
        publish(rig, &room, &[("09:00", "10:00"), ("10:00", "11:00")]).await;
        rooms.push(room);
    }
    let area =
        json!({ "name": "采荷片区", "organisation_id": town.district, "member_ids": town.communities });
    let area = send(rig.post("/staff/v1/service-areas", &area).bearer_auth(&town.admin)).await.ok();
    let rule = json!({ "over": "service_area", "over_id": area["id"], "per": "household", "period": "iso_week",
        "measure": "count", "limit": 2, "name_zh": "每户每周两次", "late_cancel_counts": false });
    let request = rig.post("/staff/v1/quota-rules", &rule).bearer_auth(&town.admin);
    send(request.header("Idempotency-Key", "rule")).await.ok();

    let people = [rig.resident_token().await, rig.resident_token().await, rig.resident_token().await];
    let mut members = Vec::new();
    for token in &people[..2] {
        members.push(send(rig.get("/v1/me").bearer_auth(token)).await.ok()["id"].clone());
    }
    let manager = rig.staff_token(Role::StreetManager, Some(town.streets[0])).await;
    let household = json!({ "organisation_id": town.communities[0], "resident_ids": members });
    send(rig.post("/staff/v1/households", &household).bearer_auth(&manager)).await.ok();

    let ids = [slot_ids(rig, &rooms[0]).await, slot_ids(rig, &rooms[1]).await];
    let first = booked(rig, &people[0], "a", &wish(&rooms[0], &[&ids[0][0]])).await;
    booked(rig, &people[1], "b", &wish(&rooms[1], &[&ids[1][0]])).await;
    let third = wish(&rooms[1], &[&ids[1][1]]);
    let refused = send(book(rig, &people[0], "c", &third)).await;
    refused.is_problem(409, "quota_exhausted");
    let detail = refused.json["detail"].as_str().unwrap();
    assert!(detail.starts_with("本周全家已用 2/2 次：每户每周两次"), "{detail}");
    let told: Vec<_> =
        refused.json["quota"]["bookings"].as_array().unwrap().iter().map(|b| &b["id"]).collect();
    assert_eq!(told, [&first["id"]], "what the others of the household do is theirs");
    // Another household has its own two, and next week is another week.
    booked(rig, &people[2], "d", &third).await;
    let later = tomorrow(rig) + Days::new(7);
    publish_on(rig, &rooms[0], later, &[("09:00", "10:00")]).await;
    let next = slots_on(rig, &rooms[0], later).await[0]["id"].as_str().unwrap().to_owned();
    booked(rig, &people[0], "e", &wish(&rooms[0], &[&next])).await;
});

both!(cancelled_late_is_flagged_and_still_counts_unless_staff_do_it, async |rig: &Rig| {
    let Counter { room, place, .. } =
        counter(rig, &[("09:00", "10:00"), ("10:00", "11:00"), ("14:00", "15:00")]).await;
    let flagged = Policy { late_cancel: LateCancel::Flagged, ..Policy::default() };
    policy(rig, &room, flagged).await;
    weekly(rig, &room, 1).await;
    let (ids, phones) = (slot_ids(rig, &room).await, ["13800000031", "13800000032"]);
    let mut made = Vec::new();
    for (phone, slot) in phones.iter().zip(&ids) {
        made.push(booked(rig, &rig.resident_with(phone).await, "a", &wish(&room, &[slot])).await);
    }
    // Half an hour before the first begins, an hour and a half before the second.
    rig.clock.set(format!("{}T08:30:00+08:00", tomorrow(rig)).parse().unwrap());
    let people = [rig.resident_with(phones[0]).await, rig.resident_with(phones[1]).await];
    let late = send(cancel(rig, &people[0], "c", id(&made[0]))).await.ok();
    assert_eq!((&late["state"], &late["cancelled"]["late"]), (&json!("cancelled"), &json!(true)));
    let afternoon = wish(&room, &[&ids[2]]);
    let refused = send(book(rig, &people[0], "b", &afternoon)).await;
    refused.is_problem(409, "quota_exhausted");
    assert_eq!(refused.json["quota"]["bookings"][0]["state"], "cancelled", "{}", refused.text);
    let in_time = send(cancel(rig, &people[1], "c", id(&made[1]))).await.ok();
    assert_eq!(in_time["cancelled"]["late"], false);
    let again = booked(rig, &people[1], "b", &wish(&room, &[&ids[1]])).await;

    // By staff it is nobody's fault, however late.
    rig.clock.set(format!("{}T09:45:00+08:00", local_date(rig.app.env.now())).parse().unwrap());
    let clerk = rig.staff_token(Role::CounterClerk, Some(place)).await;
    let by_staff = staff(rig, &clerk, "s", (&again, "cancel"), &json!({})).await.ok();
    assert_eq!(
        (&by_staff["cancelled"]["by"], &by_staff["cancelled"]["late"]),
        (&json!("staff"), &json!(false))
    );
    booked(rig, &rig.resident_with(phones[1]).await, "d", &afternoon).await;
});
