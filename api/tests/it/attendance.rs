//! Who came: by code, by pass, from the list; who did not; and the day at the counter.

use std::collections::HashSet;

use chrono::Duration;
use linli_domain::access::Role;
use linli_store::storage::bookings::booking_code;
use reqwest::Method;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::{
    booking_doors::{Counter, counter, staff},
    booking_life::{booked, change, id},
    bookings::{TUESDAY, nothing_is_oversold, slot_ids, wish},
    people::town,
    rig::{Answer, Rig, both, send},
};

async fn pass(rig: &Rig, token: &str, booking: &Value) -> Answer {
    send(rig.get(&format!("/v1/bookings/{}/pass", id(booking))).bearer_auth(token)).await
}

async fn check_in(rig: &Rig, clerk: &str, key: &str, body: &Value) -> Answer {
    send(change(rig, clerk, key, "/staff/v1/check-ins", body)).await
}

/// Waits until so many bookings have a code: who came or comes no more needs none.
async fn codes_left(rig: &Rig, n: usize) {
    let mut codes = Vec::new();
    for _ in 0..100 {
        codes = booking_code::Entity::find().all(rig.app.db.read()).await.unwrap();
        if codes.len() == n {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{n} codes, not {}", codes.len());
}

fn by_code(booking: &Value, code: &Value) -> Value {
    json!({ "code": code, "facility_id": booking["facility_id"] })
}

/// Tokens end before the next day comes.
struct Tuesday {
    clerk: String,
    token: String,
}

async fn tuesday(rig: &Rig, place: linli_domain::ids::OrganisationId, phone: &str, time: &str) -> Tuesday {
    rig.clock.set(format!("{TUESDAY}T{time}:00+08:00").parse().unwrap());
    let clerk = rig.staff_token(Role::CounterClerk, Some(place)).await;
    Tuesday { clerk, token: rig.resident_with(phone).await }
}

both!(one_checks_in_by_code_or_pass_within_the_window_and_once, async |rig: &Rig| {
    let Counter { room, place, .. } = counter(rig, &[("09:00", "10:00"), ("10:00", "11:00")]).await;
    let ids = slot_ids(rig, &room).await;
    let token = rig.resident_with("13800000041").await;
    let first = booked(rig, &token, "a", &wish(&room, &[&ids[0]])).await;
    let second = booked(rig, &token, "b", &wish(&room, &[&ids[1]])).await;
    assert_eq!(first["check_in_from"], format!("{TUESDAY}T08:30:00+08:00"));
    let Tuesday { clerk, token } = tuesday(rig, place, "13800000041", "08:29").await;
    let code = pass(rig, &token, &first).await.ok()["code"].clone();
    assert_ne!(code, pass(rig, &token, &second).await.ok()["code"], "each booking of a day has its own");
    check_in(rig, &clerk, "e", &by_code(&first, &code)).await.is_problem(409, "check_in_too_early");

    rig.clock.advance(Duration::minutes(1));
    let came = check_in(rig, &clerk, "c", &by_code(&first, &code)).await.ok();
    assert_eq!(
        (&came["state"], &came["checked_in"]["how"], &came["checked_in"]["by"]),
        (&json!("checked_in"), &json!("code"), &json!("staff"))
    );
    let again = check_in(rig, &clerk, "c", &by_code(&first, &code)).await;
    assert_eq!((again.header("idempotent-replayed"), &again.json), ("true", &came));
    check_in(rig, &clerk, "d", &by_code(&first, &code)).await.is_problem(409, "already_checked_in");
    // Who is here moves and cancels no more.
    send(crate::bookings::cancel(rig, &token, "x", id(&first))).await.is_problem(409, "already_checked_in");
    pass(rig, &token, &first).await.is_problem(409, "already_checked_in");

    // A pass turns every half minute; a picture of the one before counts for a moment only.
    let Tuesday { clerk, token } = tuesday(rig, place, "13800000041", "09:50").await;
    let shown = pass(rig, &token, &second).await.ok();
    assert_eq!(shown["renew_at"], format!("{TUESDAY}T09:50:30+08:00"));
    let scan = json!({ "pass": shown["pass"] });
    rig.clock.advance(Duration::seconds(60));
    check_in(rig, &clerk, "p", &scan).await.is_problem(409, "pass_expired");
    rig.clock.advance(Duration::seconds(-1));
    let mut forged = shown["pass"].as_str().unwrap().to_owned();
    forged.replace_range(10..11, if &forged[10..11] == "A" { "B" } else { "A" });
    check_in(rig, &clerk, "p", &json!({ "pass": forged })).await.is_problem(422, "pass_invalid");
    let came = check_in(rig, &clerk, "p", &scan).await.ok();
    assert_eq!((&came["id"], &came["checked_in"]["how"]), (&second["id"], &json!("pass")));

    let left = staff(rig, &clerk, "o", (&second, "check-out"), &Value::Null).await.ok();
    assert_eq!(left["state"], "attended");
    assert_eq!(left["checked_out_at"], format!("{TUESDAY}T09:50:59+08:00"));
    staff(rig, &clerk, "o2", (&second, "check-out"), &Value::Null)
        .await
        .is_problem(409, "already_checked_out");
    codes_left(rig, 0).await;
    nothing_is_oversold(rig).await;
});

both!(what_is_shown_elsewhere_or_by_others_opens_nothing, async |rig: &Rig| {
    let Counter { room, place, .. } = counter(rig, &[("09:00", "10:00")]).await;
    let ids = slot_ids(rig, &room).await;
    let token = rig.resident_with("13800000042").await;
    let mine = booked(rig, &token, "a", &wish(&room, &[&ids[0]])).await;
    let Tuesday { clerk, token } = tuesday(rig, place, "13800000042", "09:10").await;
    let shown = pass(rig, &token, &mine).await.ok();
    pass(rig, &rig.resident_token().await, &mine).await.is_problem(404, "not_found");

    let elsewhere = rig.staff_token(Role::CounterClerk, Some(town(rig).await.communities[1])).await;
    let code = by_code(&mine, &shown["code"]);
    check_in(rig, &elsewhere, "a", &code).await.is_problem(404, "check_in_code_unknown");
    check_in(rig, &elsewhere, "b", &json!({ "pass": shown["pass"] })).await.is_problem(404, "not_found");
    let other = json!({ "code": shown["code"], "facility_id": rig.app.env.id::<uuid::Uuid>() });
    check_in(rig, &clerk, "c", &other).await.is_problem(404, "check_in_code_unknown");
    for body in [json!({}), json!({ "code": "123456" }), json!({ "pass": "LP1.x", "code": "123456" })] {
        check_in(rig, &clerk, "d", &body).await.is_problem(422, "invalid_input");
    }
    for pass in ["", "LP1.", "LP1.AAAA", "https://example.org/"] {
        check_in(rig, &clerk, "e", &json!({ "pass": pass })).await.is_problem(422, "pass_invalid");
    }
    let listed = staff(rig, &clerk, "l", (&mine, "check-in"), &Value::Null).await.ok();
    assert_eq!(listed["checked_in"]["how"], "list");
    let clerks = rig.request(Method::GET, &format!("/staff/v1/bookings/{}", id(&mine))).bearer_auth(&clerk);
    assert!(!send(clerks).await.text.contains(shown["code"].as_str().unwrap()));
});

both!(a_code_is_that_of_one_booking_of_the_day_and_moves_with_it, async |rig: &Rig| {
    let times = [("09:00", "09:30"), ("09:30", "10:00"), ("10:00", "10:30"), ("10:30", "11:00")];
    let Counter { room, .. } = counter(rig, &times).await;
    let ids = slot_ids(rig, &room).await;
    let token = rig.resident_token().await;
    let mut codes = HashSet::new();
    for (at, slot) in ids[..3].iter().enumerate() {
        let made = booked(rig, &token, &format!("k{at}"), &wish(&room, &[slot])).await;
        codes.insert(pass(rig, &token, &made).await.ok()["code"].as_str().unwrap().to_owned());
        if at == 2 {
            let to = json!({ "slot_ids": [ids[3]] });
            let path = format!("/v1/bookings/{}/reschedule", id(&made));
            send(change(rig, &token, "m", &path, &to)).await.ok();
            pass(rig, &token, &made).await.ok();
            send(crate::bookings::cancel(rig, &token, "c", id(&made))).await.ok();
            pass(rig, &token, &made).await.is_problem(409, "booking_already_cancelled");
        }
    }
    assert_eq!(codes.len(), 3);
    codes_left(rig, 2).await;
});
