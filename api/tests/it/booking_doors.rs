//! Bookings through every door: the counter, the telephone, family; what is paid, decided and kept back.

use chrono::Duration;
use linli_domain::{
    access::Role,
    bookings::{Approval, Policy},
    ids::OrganisationId,
    rooms::{Offer, Span},
};
use linli_store::{
    audit::{self, Actor},
    retention,
    storage::{bookings::booking, rooms::Room, staff::organisation},
};
use reqwest::Method;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::{
    booking_life::{booked, booked_soon, change, id, policy},
    bookings::{
        all, bare_room, book, cancel, count, nothing_is_oversold, publish, slot_ids, slots, tomorrow, wish,
    },
    people::town,
    rig::{Answer, Rig, both, send},
};

/// A room of a community, and who sits at its counter.
pub(crate) struct Counter {
    pub(crate) room: Room,
    pub(crate) clerk: String,
    pub(crate) manager: String,
    pub(crate) place: OrganisationId,
}

pub(crate) async fn counter(rig: &Rig, times: &[(&str, &str)]) -> Counter {
    let place = town(rig).await.communities[0];
    let row = organisation::Entity::find_by_id(place.0).one(rig.app.db.read()).await.unwrap().unwrap();
    let room = bare_room(rig, row.path).await;
    if !times.is_empty() {
        publish(rig, &room, times).await;
    }
    let clerk = rig.staff_token(Role::CounterClerk, Some(place)).await;
    let manager = rig.staff_token(Role::CommunityManager, Some(place)).await;
    Counter { room, clerk, manager, place }
}

pub(crate) async fn me(rig: &Rig, token: &str) -> Value {
    send(rig.get("/v1/me").bearer_auth(token)).await.ok()["id"].clone()
}

/// The latest messages, once there are `n` of them.
async fn inbox(rig: &Rig, token: &str, n: usize) -> Vec<Value> {
    let mut items = Vec::new();
    for _ in 0..100 {
        let page = send(rig.get("/v1/messages?limit=100").bearer_auth(token)).await.ok();
        items.clone_from(page["items"].as_array().unwrap());
        if items.len() >= n {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(items.len(), n, "{items:?}");
    items
}

/// What staff do to a booking.
pub(crate) async fn staff(
    rig: &Rig,
    token: &str,
    key: &str,
    (booking, verb): (&Value, &str),
    body: &Value,
) -> Answer {
    let path = format!("/staff/v1/bookings/{}/{verb}", id(booking));
    send(change(rig, token, key, &path, body)).await
}

/// The same for what takes no body.
async fn approve(rig: &Rig, token: &str, key: &str, booking: &Value) -> Answer {
    let path = format!("/staff/v1/bookings/{}/approve", id(booking));
    send(rig.request(Method::POST, &path).bearer_auth(token).header("Idempotency-Key", key)).await
}

both!(paid_in_time_is_firm_and_paid_late_is_told_and_takes_no_money, async |rig: &Rig| {
    let Counter { room, clerk, .. } = counter(rig, &[("09:00", "10:00"), ("10:00", "11:00")]).await;
    policy(rig, &room, Policy { price_fen: 2_000, ..Policy::default() }).await;
    let ids = slot_ids(rig, &room).await;
    let token = rig.resident_token().await;
    let first = booked(rig, &token, "a", &wish(&room, &[&ids[0]])).await;
    let second = booked(rig, &token, "b", &wish(&room, &[&ids[1]])).await;
    let cash = |fen: i64| json!({ "method": "cash", "amount_fen": fen });
    staff(rig, &clerk, "p0", (&first, "payments"), &cash(1_999)).await.is_problem(422, "payment_mismatch");
    let paid = staff(rig, &clerk, "p1", (&first, "payments"), &cash(2_000)).await.ok();
    assert_eq!(paid["state"], "confirmed");
    let again = staff(rig, &clerk, "p1", (&first, "payments"), &cash(2_000)).await;
    assert_eq!((again.header("idempotent-replayed"), &again.json), ("true", &paid), "paid once");
    staff(rig, &clerk, "p2", (&first, "payments"), &cash(2_000)).await.is_problem(409, "booking_not_pending");

    rig.clock.advance(Duration::minutes(31));
    let refused = staff(rig, &clerk, "p3", (&second, "payments"), &cash(2_000)).await;
    refused.is_problem(409, "booking_expired");
    assert_eq!(refused.json["title"], "保留的时间已过，这个预约已经失效，请重新预约");
    let free: Vec<_> = slots(rig, &room).await.iter().map(|slot| slot["free"].clone()).collect();
    assert_eq!(free, [json!(0), json!(1)], "what was paid for is kept, what was not is free");

    staff(rig, &clerk, "r0", (&first, "refunds"), &json!({})).await.is_problem(409, "nothing_to_refund");
    let ended = staff(rig, &clerk, "c", (&first, "cancel"), &json!({ "closure": true })).await.ok();
    assert_eq!(ended["cancelled"]["by"], "closure");
    let refund = format!("/staff/v1/bookings/{}/refunds", id(&first));
    let refund = |key: &str| {
        send(rig.request(Method::POST, &refund).bearer_auth(&clerk).header("Idempotency-Key", key))
    };
    refund("r1").await.ok();
    refund("r2").await.is_problem(409, "nothing_to_refund");
    let lines = audit::Entity::find().all(rig.app.db.read()).await.unwrap();
    let of = |action: &str| lines.iter().filter(|line| line.action == action).count();
    assert_eq!((of("booking.pay"), of("booking.refund")), (1, 1));
    nothing_is_oversold(rig).await;
});

both!(of_two_approvals_at_once_one_has_the_room_and_the_other_request_is_told, async |rig: &Rig| {
    let Counter { room, clerk, .. } = counter(rig, &[("09:00", "10:00")]).await;
    policy(rig, &room, Policy { approval: Approval::StaffCollects, ..Policy::default() }).await;
    let body = wish(&room, &[&slot_ids(rig, &room).await[0]]);
    let people = [rig.resident_token().await, rig.resident_token().await];
    let asked = [booked(rig, &people[0], "a", &body).await, booked(rig, &people[1], "b", &body).await];
    assert!(asked.iter().all(|booking| booking["state"] == "pending_approval"));
    assert_eq!(slots(rig, &room).await[0]["free"], 1, "requests hold nothing");
    let other = rig.another(|_| {}).await;
    let answers = {
        let at = |server: &crate::rig::Server, key: &str, booking: &Value| {
            let path = format!("/staff/v1/bookings/{}/approve", id(booking));
            server.request(Method::POST, &path).bearer_auth(&clerk).header("Idempotency-Key", key)
        };
        all(vec![at(rig, "y0", &asked[0]), at(&other, "y1", &asked[1])]).await
    };
    assert_eq!((count(&answers, 200), count(&answers, 409)), (1, 1));
    let winner = usize::from(answers[1].status == 200);
    // The other was refused as taken, or declined already because the room went.
    let refused = &answers[1 - winner].json;
    let said = refused["code"].as_str().unwrap();
    assert!(said != "slot_taken" || refused["alternatives"].is_array(), "{refused}");
    assert!(["slot_taken", "booking_declined", "conflict"].contains(&said), "{said}");
    let state = async |i: usize| {
        let path = format!("/v1/bookings/{}", id(&asked[i]));
        send(rig.get(&path).bearer_auth(&people[i])).await.ok()["state"].clone()
    };
    assert_eq!(state(winner).await, "confirmed");
    for left in 0..=100 {
        if state(1 - winner).await == "declined" {
            break;
        }
        assert!(left < 100, "nobody told the one who did not get it");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    nothing_is_oversold(rig).await;
    other.stop().await;
});

both!(requests_that_hold_are_kept_until_decided_and_may_be_declined, async |rig: &Rig| {
    let Counter { room, clerk, .. } = counter(rig, &[("09:00", "10:00")]).await;
    let holds = Policy { approval: Approval::StaffHolds, price_fen: 500, ..Policy::default() };
    policy(rig, &room, holds).await;
    let body = wish(&room, &[&slot_ids(rig, &room).await[0]]);
    let (token, other) = (rig.resident_token().await, rig.resident_token().await);
    let mine = booked(rig, &token, "a", &body).await;
    send(book(rig, &other, "b", &body)).await.is_problem(409, "slot_taken");
    let why = json!({ "reason": "当天要消毒" });
    let declined = staff(rig, &clerk, "n", (&mine, "decline"), &why).await.ok();
    assert_eq!((&declined["state"], &declined["declined"]["reason"]), (&json!("declined"), &why["reason"]));
    let theirs = booked_soon(rig, &other, "c", &body).await;
    let due = approve(rig, &clerk, "y", &theirs).await.ok();
    assert_eq!((&due["state"], &due["price_fen"]), (&json!("pending_payment"), &json!(500)));
    approve(rig, &clerk, "y2", &theirs).await.is_problem(409, "booking_not_pending");
    let card = json!({ "method": "card", "amount_fen": 500 });
    assert_eq!(staff(rig, &clerk, "p", (&theirs, "payments"), &card).await.ok()["state"], "confirmed");
    nothing_is_oversold(rig).await;
});

both!(places_are_kept_back_for_those_who_call_or_come, async |rig: &Rig| {
    let Counter { room, clerk, .. } = counter(rig, &[]).await;
    policy(rig, &room, Policy { reserved_units: 4, ..Policy::default() }).await;
    let shared = [Offer::shared(Span::parse("09:00", "10:00").unwrap(), 10)];
    linli::app::rooms::publish_day(&rig.app, Actor::System, &room, tomorrow(rig), &shared).await.unwrap();
    let slot = slot_ids(rig, &room).await.remove(0);
    let ask = |people: u32| json!({ "room_id": room.id, "slot_ids": [slot], "party_size": people });
    let mut tokens = Vec::new();
    for _ in 0..8 {
        tokens.push(rig.resident_token().await);
    }
    let rush = tokens.iter().map(|token| book(rig, token, "k", &ask(1))).collect();
    let answers = all(rush).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (6, 2));
    answers.iter().filter(|a| a.status == 409).for_each(|a| a.is_problem(409, "online_share_full"));
    let shown = slots(rig, &room).await.remove(0);
    assert_eq!((&shown["free"], &shown["reason"]), (&json!(4), &json!("online_share_full")));

    // Online one more only when one of those is given back: the rest is the staff's.
    let theirs = answers.iter().position(|answer| answer.status == 201).unwrap();
    let late = rig.resident_token().await;
    send(book(rig, &late, "x", &ask(2))).await.is_problem(409, "online_share_full");
    send(cancel(rig, &tokens[theirs], "c", id(&answers[theirs].json))).await.ok();
    booked(rig, &late, "y", &ask(1)).await;

    let who = me(rig, &late).await;
    for (key, door, people, status) in [
        ("s1", "phone", 2, 201),
        ("s2", "walk_in", 1, 201),
        ("s3", "counter", 1, 201),
        ("s4", "phone", 1, 409),
    ] {
        let mut body = ask(people);
        body["resident_id"] = who.clone();
        body["channel"] = json!(door);
        let answer = send(change(rig, &clerk, key, "/staff/v1/bookings", &body)).await;
        assert_eq!(answer.status, status, "{door}: {}", answer.text);
        match status {
            201 => assert_eq!(
                (&answer.json["channel"], &answer.json["booked_by"]),
                (&json!(door), &json!("staff"))
            ),
            _ => answer.is_problem(409, "slot_taken"),
        }
    }
    let by_staff = audit::Entity::find().all(rig.app.db.read()).await.unwrap();
    let by_staff =
        by_staff.iter().filter(|l| l.action == "booking.create" && l.actor_kind == "staff").count();
    assert_eq!(by_staff, 3, "what staff book is on record as theirs");
    nothing_is_oversold(rig).await;
});

both!(who_took_their_consent_back_is_not_acted_for_nor_reported_on, async |rig: &Rig| {
    let Counter { room, .. } = counter(rig, &[("09:00", "10:00"), ("10:00", "11:00")]).await;
    let ids = slot_ids(rig, &room).await;
    let (elder, child) = (rig.resident_token().await, rig.resident_token().await);
    let invited = rig.post("/v1/me/family", &json!({ "scopes": ["book", "see"] })).bearer_auth(&elder);
    let code = send(invited).await.ok()["code"].clone();
    let accept = rig.post("/v1/me/family/accept", &json!({ "code": code })).bearer_auth(&child);
    let link = send(accept).await.ok();
    let mut body = wish(&room, &[&ids[0]]);
    body["for_resident_id"] = me(rig, &elder).await;
    let made = booked(rig, &child, "a", &body).await;
    let path = format!("/v1/bookings/{}", id(&made));
    send(rig.get(&path).bearer_auth(&child)).await.ok();
    inbox(rig, &elder, 1).await;
    inbox(rig, &child, 1).await;

    let end = rig.request(Method::DELETE, &format!("/v1/me/family/{}", link["id"].as_str().unwrap()));
    assert_eq!(send(end.bearer_auth(&elder)).await.status, 204);
    send(rig.get(&path).bearer_auth(&child)).await.is_problem(404, "not_found");
    send(cancel(rig, &child, "c", id(&made))).await.is_problem(404, "not_found");
    let to = json!({ "slot_ids": [ids[1]] });
    send(change(rig, &child, "m", &format!("{path}/reschedule"), &to)).await.is_problem(404, "not_found");
    body["slot_ids"] = json!([ids[1]]);
    send(book(rig, &child, "b", &body)).await.is_problem(403, "family_consent_missing");
    // The booking is the elder's and stays; what becomes of it is told to the elder alone.
    assert_eq!(send(rig.get(&path).bearer_auth(&elder)).await.ok()["state"], "confirmed");
    send(cancel(rig, &elder, "d", id(&made))).await.ok();
    inbox(rig, &elder, 2).await;
    inbox(rig, &child, 1).await;
    // The retry of what was done before is answered as it was.
    body["slot_ids"] = json!([ids[0]]);
    assert_eq!(booked(rig, &child, "a", &body).await, made);
});

both!(the_inbox_turns_its_pages_and_remembers_what_was_read, async |rig: &Rig| {
    let Counter { room, .. } = counter(rig, &[("09:00", "10:00")]).await;
    let body = wish(&room, &[&slot_ids(rig, &room).await[0]]);
    let (token, stranger) = (rig.resident_token().await, rig.resident_token().await);
    for turn in ["a", "b", "c"] {
        let mine = booked(rig, &token, turn, &body).await;
        rig.clock.advance(Duration::seconds(1));
        send(cancel(rig, &token, &format!("x{turn}"), id(&mine))).await.ok();
        rig.clock.advance(Duration::seconds(1));
    }
    inbox(rig, &token, 6).await;
    let page = async |query: &str| send(rig.get(&format!("/v1/messages?{query}")).bearer_auth(&token)).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = page(&format!("limit=2{cursor}")).await.ok();
        seen.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 6, "each once over all pages");
    assert!(seen.windows(2).all(|pair| pair[0]["created_at"].as_str() >= pair[1]["created_at"].as_str()));
    assert!(seen.iter().all(|message| message["read_at"].is_null()));
    // A cursor belongs to its filters.
    page(&format!("limit=2&unread=true{cursor}")).await.is_problem(400, "cursor_invalid");

    let read = |token: &str, id: &Value| {
        let path = format!("/v1/messages/{}/read", id.as_str().unwrap());
        send(rig.request(Method::POST, &path).bearer_auth(token))
    };
    read(&stranger, &seen[0]["id"]).await.is_problem(404, "not_found");
    let at = read(&token, &seen[0]["id"]).await.ok()["read_at"].clone();
    rig.clock.advance(Duration::minutes(5));
    assert_eq!(read(&token, &seen[0]["id"]).await.ok()["read_at"], at, "read once");
    let fresh = page("unread=true&limit=100").await.ok();
    assert_eq!(fresh["items"].as_array().unwrap().len(), 5);
    let english = rig.get("/v1/messages?limit=1").bearer_auth(&token).header("Accept-Language", "en");
    assert_eq!(send(english).await.ok()["items"][0]["title"], "Booking cancelled");
});

both!(words_are_forgotten_half_a_year_on_and_at_once_with_who_is_erased, async |rig: &Rig| {
    let Counter { room, .. } = counter(rig, &[("09:00", "10:00"), ("10:00", "11:00")]).await;
    let ids = slot_ids(rig, &room).await;
    let (phones, mut tokens) = (["13800000021", "13800000022"], Vec::new());
    for (phone, slot) in phones.iter().zip(&ids) {
        let token = rig.resident_with(phone).await;
        let mut body = wish(&room, &[slot]);
        body["companions"] = json!(["王小明"]);
        let made = booked(rig, &token, "a", &body).await;
        let why = json!({ "reason": "腿疼" });
        send(change(rig, &token, "c", &format!("/v1/bookings/{}/cancel", id(&made)), &why)).await.ok();
        tokens.push(token);
    }
    inbox(rig, &tokens[0], 2).await;
    let export = send(rig.get("/v1/me/export").bearer_auth(&tokens[0])).await.ok();
    let told = &export["bookings"][0];
    assert_eq!(
        (&told["purpose"], &told["companions"], &told["reason"]),
        (&json!("合唱排练"), &json!(["王小明"]), &json!("腿疼"))
    );
    assert_eq!(export["messages"].as_array().unwrap().len(), 2);
    let worded = async || {
        let rows = booking::Entity::find().all(rig.app.db.read()).await.unwrap();
        let words = rows.iter().map(|row| {
            [&row.purpose_sealed, &row.companions_sealed, &row.reason_sealed].map(Option::is_some)
        });
        (rows.len(), words.filter(|words| words.contains(&true)).count())
    };
    assert_eq!(worded().await, (2, 2));

    send(rig.request(Method::DELETE, "/v1/me").bearer_auth(&tokens[1])).await.ok();
    rig.clock.advance(Duration::days(16));
    linli::app::residents::erasure::run(&rig.app).await.unwrap();
    assert_eq!(worded().await, (2, 1), "the booking stays for the count, without words");

    let sweep = async || while retention::sweep(rig.app.db.any_write(), &rig.app.env).await.unwrap() > 0 {};
    rig.clock.advance(Duration::days(160));
    sweep().await;
    assert_eq!(worded().await, (2, 1));
    rig.clock.advance(Duration::days(10));
    sweep().await;
    assert_eq!(worded().await, (2, 0));
    inbox(rig, &rig.resident_with(phones[0]).await, 2).await;
    rig.clock.advance(Duration::days(190));
    sweep().await;
    inbox(rig, &rig.resident_with(phones[0]).await, 0).await;
});
