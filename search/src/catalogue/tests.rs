use std::fs;

use linli_domain::{facility::FacilityStatus, geo::Point, hours::Schedule};

use super::*;
use crate::sample;

fn built(count: u32) -> Snapshot {
    let mut snapshot = Snapshot::empty(Uuid::from_u128(9), Arc::new(Calendar::shipped()));
    for document in sample::city(count, 0.05) {
        snapshot.put(&document);
    }
    snapshot.finish(FeedCursor { xid: 7, seq: 3 });
    snapshot
}

fn nearest(snapshot: &Snapshot, point: Point) -> Option<FacilityId> {
    let leaf = snapshot.tree().nearest_neighbor(on_sphere(point))?;
    snapshot.card(leaf.data).map(|card| card.id)
}

#[test]
fn changes_make_a_new_catalogue_and_leave_the_old_one_alone() {
    let old = built(500);
    let mut moved = sample::facility(3, 0.05, &mut sample::Dice::new(1));
    let far = Point::wgs84(30.9, 120.9).unwrap();
    (moved.version, moved.point, moved.name) = (2, Some(far), "搬走的食堂".to_owned());
    let id = moved.id;
    let gone = Uuid::from_u128(10).into();
    let new = old.with(
        &[Change::Upsert(Box::new(moved.clone())), Change::Remove(gone)],
        FeedCursor { xid: 8, seq: 0 },
    );

    assert_eq!(nearest(&new, far), Some(id));
    assert_ne!(nearest(&old, far), Some(id));
    assert_eq!((old.len(), new.len()), (500, 499));
    assert_eq!(old.slot(id), new.slot(id), "a facility keeps its slot");
    assert!(new.slot(gone).is_none() && old.slot(gone).is_some());

    let stale = FacilityDocument { version: 1, point: None, ..moved };
    let same = new.with(&[Change::Upsert(Box::new(stale))], FeedCursor { xid: 9, seq: 0 });
    assert_eq!(nearest(&same, far), Some(id), "an older version never replaces a newer one");

    let back = sample::facility(9, 0.05, &mut sample::Dice::new(1));
    let again = same.with(&[Change::Upsert(Box::new(back))], FeedCursor { xid: 10, seq: 0 });
    assert_eq!(again.slot(gone), old.slot(gone));
    assert_eq!(again.len(), 500);
}

#[test]
fn a_saved_catalogue_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalogue.jsonl");
    let gone = Uuid::from_u128(20).into();
    let saved = built(300).with(&[Change::Remove(gone)], FeedCursor { xid: 8, seq: 1 });
    saved.save(&file).unwrap();
    let loaded = Snapshot::load(&file, Arc::new(Calendar::shipped())).unwrap();
    assert_eq!(
        (loaded.cursor(), loaded.generation(), loaded.len()),
        (saved.cursor(), saved.generation(), 299)
    );
    let at = "2026-02-14T02:00:00Z".parse().unwrap();
    let (was, is) = (saved.openings(at, at), loaded.openings(at, at));
    for (slot, facts) in saved.live() {
        let (card, again) = (saved.card(slot).unwrap(), loaded.card(slot).unwrap());
        assert_eq!(
            (card.id, card.version, &card.name, card.json()),
            (again.id, again.version, &again.name, again.json())
        );
        let same = loaded.facts(slot).unwrap();
        assert_eq!(
            (facts.point, facts.categories, facts.accessibility),
            (same.point, same.categories, same.accessibility)
        );
        assert_eq!(was.state(facts), is.state(same));
    }
    assert!(fs::read_dir(folder.path()).unwrap().count() == 1, "nothing is left beside the file");
}

#[test]
fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalogue.jsonl");
    built(50).save(&file).unwrap();
    let whole = fs::read_to_string(&file).unwrap();
    let calendar = Arc::new(Calendar::shipped());
    for damaged in [
        whole.replacen("\"version\":1,\"name\"", "\"version\":2,\"name\"", 1),
        whole[..whole.len() * 2 / 3].to_owned(),
        whole.replacen("\"form\":1", "\"form\":999", 1),
        String::new(),
    ] {
        fs::write(&file, damaged).unwrap();
        assert!(Snapshot::load(&file, calendar.clone()).is_err());
    }
}

#[test]
fn a_suspended_facility_is_not_open_whatever_its_hours_say() {
    let mut document = sample::facility(1, 0.01, &mut sample::Dice::new(1));
    document.status = FacilityStatus::Suspended;
    document.schedule = Arc::new(
        serde_json::from_str::<Schedule>(
            r#"{"version":1,"on_holidays":"as_weekday","rules":[{"kinds":["workday","weekend"],"spans":["00:00-24:00"]}]}"#,
        )
        .unwrap(),
    );
    let mut snapshot = Snapshot::empty(Uuid::nil(), Arc::new(Calendar::shipped()));
    snapshot.put(&document);
    snapshot.finish(FeedCursor::default());
    let at = "2026-02-14T02:00:00Z".parse().unwrap();
    let openings = snapshot.openings(at, at);
    let (_, facts) = snapshot.live().next().unwrap();
    assert_eq!((openings.state(facts).open, openings.is_open(facts)), (Some(true), Some(false)));
}

#[test]
fn the_present_minute_is_worked_out_once() {
    let snapshot = built(10);
    let now = "2026-02-14T02:00:10Z".parse().unwrap();
    let later = "2026-02-14T02:00:50Z".parse().unwrap();
    let tomorrow = "2026-02-15T02:00:50Z".parse().unwrap();
    let first = snapshot.openings(now, now);
    assert!(!Arc::ptr_eq(&first, &snapshot.openings(tomorrow, later)));
    assert!(
        Arc::ptr_eq(&first, &snapshot.openings(later, later)),
        "a question about tomorrow displaces nothing"
    );
}

#[test]
fn a_card_is_a_json_object_that_can_be_added_to() {
    let snapshot = built(3);
    let card = snapshot.card(0).unwrap();
    let added: serde_json::Value =
        serde_json::from_str(&format!("{},\"distance_m\":1}}", card.open_json())).unwrap();
    assert_eq!(added["id"], card.id.to_string());
    assert_eq!(added["distance_m"], 1);
    assert!(added["services"][0].is_string());
}
