//! The same hours every week: all or nothing, or without what cannot be had; one set whoever retries.

use chrono::Days;
use linli_store::storage::{bookings::booking, rooms::room};
use reqwest::RequestBuilder;
use sea_orm::{EntityTrait, PaginatorTrait, Set};
use serde_json::{Value, json};

use crate::{
    booking_closures::close,
    booking_doors::{Counter, counter, me},
    booking_life::{booked, change, id},
    bookings::{all, book, cancel, count, nothing_is_oversold, slots_on, tomorrow, wish},
    rig::{Rig, Server, both, send},
    room_timetables::{band, put},
};

fn series(server: &Server, token: &str, key: &str, body: &Value) -> RequestBuilder {
    server.post("/v1/booking-series", body).bearer_auth(token).header("Idempotency-Key", key)
}

async fn bookings(rig: &Rig) -> u64 {
    booking::Entity::find().count(rig.app.db.read()).await.unwrap()
}

fn reasons(occurrences: &Value) -> Vec<&str> {
    occurrences.as_array().unwrap().iter().filter_map(|one| one["refused"]["code"].as_str()).collect()
}

both!(twelve_weeks_with_two_conflicts_and_a_holiday, async |rig: &Rig| {
    let Counter { room, manager, .. } = counter(rig, &[]).await;
    // Twelve weeks of Fridays can be asked for.
    let far = room::ActiveModel { id: Set(room.id.0), horizon_days: Set(90), ..Default::default() };
    room::Entity::update(far).exec(rig.app.db.any_write()).await.unwrap();
    let friday = tomorrow(rig) + Days::new(3);
    let body = json!({ "timetable": { "bands": [band("fri", "09:00-10:00", "dance", &json!({}))] }, "to": friday + Days::new(80) });
    put(rig, &manager, &room, 0, &body).await.ok();
    let other = rig.resident_token().await;
    for (week, key) in [(2, "a"), (5, "b")] {
        let slot =
            slots_on(rig, &room, friday + Days::new(7 * week)).await[0]["id"].as_str().unwrap().to_owned();
        booked(rig, &other, key, &wish(&room, &[&slot])).await;
    }
    let first = slots_on(rig, &room, friday).await[0]["id"].clone();
    let token = rig.resident_token().await;
    let mut wanted = json!({ "room_id": room.id, "slot_ids": [first], "weeks": 12, "mode": "all_or_nothing", "party_size": 4, "purpose": "合唱排练" });
    let refused = send(series(rig, &token, "all", &wanted)).await;
    refused.is_problem(409, "series_refused");
    let codes: Vec<_> =
        refused.json["refused"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    // The first of May 2026 is a Friday.
    assert_eq!(codes, ["slot_taken", "slot_taken", "slot_closed"]);
    assert_eq!(bookings(rig).await, 2);

    wanted["mode"] = json!("skip");
    let second = rig.another(|_| {}).await;
    // Two that are sent at once, and a retry: one set.
    let answers = all(vec![series(rig, &token, "s", &wanted), series(&second, &token, "s", &wanted)]).await;
    assert!(count(&answers, 201) >= 1, "{answers:?}");
    let made = send(series(&second, &token, "s", &wanted)).await;
    assert_eq!((made.status, made.header("idempotent-replayed")), (201, "true"), "{}", made.text);
    let occurrences = &made.json["occurrences"];
    assert_eq!(occurrences.as_array().unwrap().len(), 12);
    assert_eq!(reasons(occurrences), ["slot_taken", "slot_taken", "slot_closed"]);
    assert_eq!(bookings(rig).await, 2 + 9);
    // Another of the same finds nothing left.
    let again = send(series(rig, &rig.resident_token().await, "t", &wanted)).await;
    again.is_problem(409, "series_refused");
    assert_eq!(bookings(rig).await, 2 + 9);

    // One object afterwards.
    let path = format!("/v1/booking-series/{}", made.json["id"].as_str().unwrap());
    send(rig.get(&path).bearer_auth(&other)).await.is_problem(404, "not_found");
    let shown = send(rig.get(&path).bearer_auth(&token)).await.ok();
    assert_eq!(shown["occurrences"][0]["state"], "confirmed");
    let ended = send(rig.post(&format!("{path}/cancel"), &json!({})).bearer_auth(&token)).await.ok();
    let states: Vec<_> =
        ended["occurrences"].as_array().unwrap().iter().filter_map(|one| one["state"].as_str()).collect();
    assert_eq!(states, ["cancelled"; 9]);
    assert_eq!(slots_on(rig, &room, friday).await[0]["free"], 1);
    let none =
        json!({ "room_id": room.id, "slot_ids": [first], "weeks": 1, "mode": "skip", "party_size": 4 });
    send(series(rig, &token, "u", &none)).await.is_problem(422, "invalid_input");
    nothing_is_oversold(rig).await;
    second.stop().await;
});

both!(the_same_forbidden_slot_is_refused_alike_at_every_door, async |rig: &Rig| {
    let Counter { room, clerk, manager, .. } = counter(rig, &[]).await;
    let friday = tomorrow(rig) + Days::new(3);
    let body = json!({ "timetable": { "bands": [band("fri", "09:00-10:00", "dance", &json!({}))] }, "to": friday + Days::new(7) });
    put(rig, &manager, &room, 0, &body).await.ok();
    let slot = async |date| slots_on(rig, &room, date).await[0]["id"].as_str().unwrap().to_owned();
    let (first, second) = (slot(friday).await, slot(friday + Days::new(7)).await);
    let (token, other) = (rig.resident_token().await, rig.resident_token().await);
    close(rig, &manager, "c", &room.id.to_string(), friday + Days::new(7), ["08:00", "12:00"]).await.ok();

    send(book(rig, &token, "a", &wish(&room, &[&second]))).await.is_problem(409, "slot_closed");
    let who = me(rig, &token).await;
    let mut by_staff = wish(&room, &[&second]);
    (by_staff["resident_id"], by_staff["channel"]) = (who.clone(), json!("phone"));
    send(change(rig, &clerk, "b", "/staff/v1/bookings", &by_staff)).await.is_problem(409, "slot_closed");
    let held = booked(rig, &other, "c", &wish(&room, &[&first])).await;
    let path = format!("/v1/bookings/{}/reschedule", id(&held));
    send(change(rig, &other, "d", &path, &json!({ "slot_ids": [second] })))
        .await
        .is_problem(409, "slot_closed");
    send(cancel(rig, &other, "e", id(&held))).await.ok();
    let mut weekly = json!({ "room_id": room.id, "slot_ids": [first], "weeks": 2, "mode": "all_or_nothing", "party_size": 4 });
    let refused = send(series(rig, &token, "f", &weekly)).await;
    refused.is_problem(409, "series_refused");
    assert_eq!(
        (&refused.json["refused"][0]["code"], &refused.json["refused"][1]),
        (&json!("slot_closed"), &Value::Null)
    );
    (weekly["resident_id"], weekly["channel"], weekly["mode"]) = (who, json!("counter"), json!("skip"));
    let made = send(change(rig, &clerk, "g", "/staff/v1/booking-series", &weekly)).await.ok();
    assert_eq!(reasons(&made["occurrences"]), ["slot_closed"]);
    let path = format!("/staff/v1/booking-series/{}", id(&made));
    let shown = send(rig.get(&path).bearer_auth(&clerk)).await.ok();
    assert_eq!(shown["occurrences"][0]["state"], "confirmed");
    let ended = send(rig.post(&format!("{path}/cancel"), &json!({ "reason": "换场地" })).bearer_auth(&clerk))
        .await
        .ok();
    assert_eq!(ended["occurrences"][0]["state"], "cancelled");
    nothing_is_oversold(rig).await;
});
