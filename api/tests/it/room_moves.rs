//! An edit of a room and the moves of whom it concerns: proposed, then all of it in one moment, or none.

use linli::app::rooms::{self, NewRoom};
use linli_store::{audit::Actor, storage::rooms::Room};
use serde_json::{Value, json};

use crate::{
    booking_doors::{Counter, counter},
    booking_life::{booked, id},
    bookings::{nothing_is_oversold, slot_ids, slots, tomorrow, wish},
    rig::{Rig, both, send},
    room_timetables::{band, preview, put},
};

/// Another room of the same facility.
async fn beside(rig: &Rig, room: &Room) -> Room {
    let new = NewRoom {
        facility_id: room.facility_id,
        name: "小舞厅".to_owned(),
        description: None,
        grid_minutes: 30,
        max_party_size: 12,
        lead_minutes: 30,
        horizon_days: 14,
        cancel_until_minutes: 60,
    };
    rooms::create_in(&rig.app, Actor::System, room.org_path.clone(), new).await.unwrap()
}

fn at(rig: &Rig, hour: u32) -> String {
    format!("{}T{hour:02}:00:00+08:00", tomorrow(rig))
}

fn moved(rig: &Rig, booking: &Value, room: &Room, hour: u32) -> Value {
    json!({ "booking_id": booking["id"], "room_id": room.id, "starts_at": at(rig, hour), "ends_at": at(rig, hour + 1) })
}

async fn seen_as(rig: &Rig, token: &str, booking: &Value) -> (Value, Value, Value) {
    let booking = send(rig.get(&format!("/v1/bookings/{}", id(booking))).bearer_auth(token)).await.ok();
    (booking["room_id"].clone(), booking["starts_at"].clone(), booking["state"].clone())
}

both!(bookings_move_with_the_edit_or_nothing_does, async |rig: &Rig| {
    let Counter { room: hall, manager, .. } = counter(rig, &[]).await;
    let small = beside(rig, &hall).await;
    let dance = band("workday", "09:00-11:00", "dance", &json!({ "slot_minutes": 60 }));
    let before = json!({ "timetable": { "bands": [dance] }, "to": tomorrow(rig) });
    for room in [&hall, &small] {
        put(rig, &manager, room, 0, &before).await.ok();
    }
    let ids = slot_ids(rig, &hall).await;
    let (one, two) = (rig.resident_token().await, rig.resident_token().await);
    let first = booked(rig, &one, "a", &wish(&hall, &[&ids[0]])).await;
    let second = booked(rig, &two, "b", &wish(&hall, &[&ids[1]])).await;

    // The hall becomes a study for twenty; dancing is in the afternoon.
    let study = band("workday", "09:00-11:00", "study", &json!({ "seats": 20 }));
    let later = band("workday", "14:00-16:00", "dance", &json!({ "slot_minutes": 60 }));
    let mut edit = json!({ "timetable": { "bands": [study, later] } });
    let impact = preview(rig, &manager, &hall, &edit).await;
    let offered: Vec<_> = impact["concerned"][0]["proposals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["kind"].clone(), one["room_id"].clone(), one["starts_at"].clone()))
        .collect();
    let here = (json!("same_room"), json!(hall.id), json!(at(rig, 14)));
    let there = (json!("nearby"), json!(small.id), json!(at(rig, 9)));
    assert!(offered.contains(&here) && offered.contains(&there), "{impact}");

    // Both cannot have one slot: then nothing of it happens.
    edit["seen"] = impact["seen"].clone();
    edit["moves"] = json!([moved(rig, &first, &small, 9), moved(rig, &second, &small, 9)]);
    let refused = put(rig, &manager, &hall, 1, &edit).await;
    refused.is_problem(409, "slot_taken");
    assert!([&first, &second].iter().any(|one| one["id"] == refused.json["booking_id"]), "{}", refused.text);
    assert_eq!(slot_ids(rig, &hall).await, ids);
    assert_eq!(seen_as(rig, &one, &first).await, (json!(hall.id), json!(at(rig, 9)), json!("confirmed")));
    edit["moves"] = json!([moved(rig, &first, &small, 8)]);
    put(rig, &manager, &hall, 1, &edit).await.is_problem(409, "slot_closed");

    edit["moves"] = json!([moved(rig, &first, &small, 9), moved(rig, &second, &hall, 14)]);
    let done = put(rig, &manager, &hall, 1, &edit).await.ok()["done"].clone();
    assert_eq!((&done["concerned"], &done["waiting"]), (&json!(0), &json!(0)), "{done}");
    assert_eq!(seen_as(rig, &one, &first).await, (json!(small.id), json!(at(rig, 9)), json!("confirmed")));
    assert_eq!(seen_as(rig, &two, &second).await, (json!(hall.id), json!(at(rig, 14)), json!("confirmed")));
    let day: Vec<_> =
        slots(rig, &hall).await.iter().map(|slot| (slot["function"].clone(), slot["free"].clone())).collect();
    let expected = [("study", 20), ("dance", 0), ("dance", 1)].map(|(word, free)| (json!(word), json!(free)));
    assert_eq!(day, expected, "the study came with the last who left");
    for token in [&one, &two] {
        let mut told = Vec::new();
        for _ in 0..100 {
            let page = send(rig.get("/v1/messages?limit=100").bearer_auth(token)).await.ok();
            told = page["items"].as_array().unwrap().iter().map(|one| one["change"].clone()).collect();
            if told.len() >= 2 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert!(told.contains(&json!("moved")), "{told:?}");
    }
    nothing_is_oversold(rig).await;
});
