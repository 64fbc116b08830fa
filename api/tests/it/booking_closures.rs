//! Rooms that close although they are published: nobody books them, and nobody is cancelled silently.

use chrono::{Days, NaiveDate};
use linli::app::rooms;
use linli_domain::rooms::{Offer, Span};
use linli_store::audit::Actor;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    booking_doors::{Counter, counter, staff},
    booking_life::{booked, change, id},
    booking_refusals::divide,
    bookings::{book, nothing_is_oversold, publish_on, slot_ids, slots, slots_on, tomorrow, wish},
    rig::{Answer, Rig, both, send},
};

pub(crate) async fn close(
    rig: &Rig,
    token: &str,
    key: &str,
    room: &str,
    date: NaiveDate,
    times: [&str; 2],
) -> Answer {
    let [from, to] = times.map(|time| format!("{date}T{time}:00+08:00"));
    let body = json!({ "starts_at": from, "ends_at": to, "reason": "消毒" });
    send(change(rig, token, key, &format!("/staff/v1/rooms/{room}/closures"), &body)).await
}

pub(crate) async fn concerned(rig: &Rig, token: &str, closure: &Value) -> Vec<Value> {
    let (room, id) = (closure["room_id"].as_str().unwrap(), id(closure));
    let path = format!("/staff/v1/rooms/{room}/closures/{id}/bookings?limit=100");
    let page = send(rig.get(&path).bearer_auth(token)).await.ok();
    page["items"].as_array().unwrap().iter().map(|booking| booking["id"].clone()).collect()
}

async fn reopen(rig: &Rig, token: &str, closure: &Value) -> Answer {
    let (room, id) = (closure["room_id"].as_str().unwrap(), id(closure));
    let path = format!("/staff/v1/rooms/{room}/closures/{id}/reopen");
    send(rig.request(Method::POST, &path).bearer_auth(token)).await
}

fn reasons(slots: &[Value]) -> Vec<&str> {
    slots.iter().map(|slot| slot["reason"].as_str().unwrap_or("free")).collect()
}

both!(a_closed_room_takes_no_bookings_and_names_those_it_concerns, async |rig: &Rig| {
    let times = [("09:00", "10:00"), ("10:00", "11:00"), ("11:00", "12:00")];
    let Counter { room: hall, clerk, manager, .. } = counter(rig, &times).await;
    let (ids, date) = (slot_ids(rig, &hall).await, tomorrow(rig));
    let (token, other) = (rig.resident_token().await, rig.another(|_| {}).await);
    let before = booked(rig, &token, "a", &wish(&hall, &[&ids[0]])).await;
    let within = booked(rig, &token, "b", &wish(&hall, &[&ids[1]])).await;
    let part = divide(rig, &hall).await.id.to_string();

    // Closing a part for half an hour closes the hall for every slot that needs it then.
    close(rig, &clerk, "c0", &part, date, ["10:00", "10:30"]).await.is_problem(403, "forbidden");
    let closed = close(rig, &manager, "c1", &part, date, ["10:00", "10:30"]).await;
    assert_eq!(closed.status, 201, "{}", closed.text);
    let again = close(rig, &manager, "c1", &part, date, ["10:00", "10:30"]).await.ok();
    assert_eq!(again, closed.json, "closed once");
    assert_eq!(concerned(rig, &clerk, &closed.json).await, [within["id"].clone()]);
    assert_eq!(reasons(&slots(rig, &hall).await), ["slot_taken", "slot_closed", "free"]);
    let state = async |booking: &Value| {
        send(rig.get(&format!("/v1/bookings/{}", id(booking))).bearer_auth(&token)).await.ok()["state"]
            .clone()
    };
    assert_eq!((state(&before).await, state(&within).await), (json!("confirmed"), json!("confirmed")));

    // Staff tell the resident, and what is given back is not free for others.
    let why = json!({ "reason": "消毒", "closure": true });
    staff(rig, &clerk, "t", (&within, "cancel"), &why).await.ok();
    assert!(concerned(rig, &clerk, &closed.json).await.is_empty());
    for server in [&**rig, &other] {
        let refused = send(book(server, &rig.resident_token().await, "x", &wish(&hall, &[&ids[1]]))).await;
        refused.is_problem(409, "slot_closed");
        assert_eq!(refused.json["alternatives"][0]["slot_id"], ids[2], "{}", refused.text);
    }

    // Two closures of the same time: it opens when neither stands.
    let whole = close(rig, &manager, "c2", &hall.id.to_string(), date, ["08:00", "11:00"]).await.ok();
    assert_eq!(concerned(rig, &clerk, &whole).await, [before["id"].clone()]);
    assert!(reopen(rig, &manager, &closed.json).await.ok()["reopened_at"].is_string());
    assert_eq!(reasons(&slots(rig, &hall).await)[1], "slot_closed");
    let listed =
        send(rig.get(&format!("/staff/v1/rooms/{}/closures", hall.id)).bearer_auth(&clerk)).await.ok();
    assert_eq!(listed["items"], json!([whole]));
    let ended = reopen(rig, &manager, &whole).await.ok();
    assert_eq!(reopen(rig, &manager, &whole).await.ok(), ended, "again changes nothing");
    assert_eq!(reasons(&slots(rig, &hall).await), ["slot_taken", "free", "free"]);
    for left in 0..=50 {
        let answer = send(book(&other, &token, &format!("y{left}"), &wish(&hall, &[&ids[1]]))).await;
        if answer.status == 201 {
            break;
        }
        assert!(left < 50, "open and not to be had: {}", answer.text);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    nothing_is_oversold(rig).await;
    other.stop().await;
});

both!(what_is_published_under_a_closure_is_born_shut, async |rig: &Rig| {
    let Counter { room, manager, .. } = counter(rig, &[("09:00", "10:00")]).await;
    let (date, key) = (tomorrow(rig) + Days::new(1), room.id.to_string());
    let closed = close(rig, &manager, "c", &key, date, ["00:00", "12:00"]).await.ok();
    publish_on(rig, &room, date, &[("11:00", "12:00"), ("11:30", "12:30"), ("12:00", "13:00")]).await;
    let shown = slots_on(rig, &room, date).await;
    assert_eq!(reasons(&shown), ["slot_closed", "slot_closed", "free"]);
    let token = rig.resident_token().await;
    let slot = shown[0]["id"].as_str().unwrap().to_owned();
    send(book(rig, &token, "a", &wish(&room, &[&slot]))).await.is_problem(409, "slot_closed");
    let shared = [Offer::shared(Span::parse("09:00", "10:00").unwrap(), 10)];
    rooms::publish_day(&rig.app, Actor::System, &room, date, &shared).await.unwrap();
    assert_eq!(reasons(&slots_on(rig, &room, date).await)[0], "slot_closed");
    reopen(rig, &manager, &closed).await.ok();
    assert_eq!(reasons(&slots_on(rig, &room, date).await), ["free"; 4]);

    for (from, to) in [("12:00", "11:00"), ("11:00", "11:00")] {
        close(rig, &manager, "bad", &key, date, [from, to]).await.is_problem(422, "invalid_input");
    }
    close(rig, &manager, "past", &key, tomorrow(rig) - Days::new(2), ["08:00", "09:00"])
        .await
        .is_problem(422, "invalid_input");
    nothing_is_oversold(rig).await;
});
