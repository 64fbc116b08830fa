use std::collections::HashSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    Refusal,
    calendar::Calendar,
    ids::{RoomId, SlotId},
    rooms::{PlannedSlot, Standing, difference},
    time::{local_date, local_minute},
};

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn room() -> RoomId {
    Uuid::from_u128(1).into()
}

fn band(days: &str, span: &str, function: RoomFunction) -> Band {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let parse = |word: &String| crate::Vocabulary::parse(word);
    Band {
        kinds: words(days).iter().filter_map(parse).collect(),
        weekdays: words(days).iter().filter_map(|word| crate::Vocabulary::parse(word)).collect(),
        span: span.parse().unwrap(),
        function,
        title: None,
        mode: BandMode::Bookable,
        slot_minutes: Some(60),
        seats: None,
        turnover_minutes: 0,
        valid_from: None,
        valid_to: None,
    }
}

fn timetable(bands: Vec<Band>) -> Result<Timetable, Refusal> {
    Timetable::new(Bands { bands, ..Bands::default() }, Grid::Half)
}

/// `09:00 dance` and so on.
fn on(table: &Timetable, day: &str) -> Vec<String> {
    let slots = table.slots(date(day), &Calendar::shipped(), &[room()]);
    let shown = slots.iter().map(|slot| {
        let minute = local_minute(slot.starts_at);
        format!("{:02}:{:02} {}", minute / 60, minute % 60, slot.face.as_ref().unwrap().function)
    });
    shown.collect()
}

fn wrong(refusal: &Refusal) -> Vec<(&str, &str)> {
    refusal.errors.iter().map(|error| (error.field.as_str(), error.code)).collect()
}

#[test]
fn one_room_is_several_things_and_needs_time_in_between() {
    let dance = Band { turnover_minutes: 40, ..band("workday", "09:00-11:00", RoomFunction::Dance) };
    let table = timetable(vec![dance, band("workday", "11:00-14:00", RoomFunction::Study)]).unwrap();
    // Ready at 11:40, so on the grid at 12:00.
    assert_eq!(on(&table, "2026-03-03"), ["09:00 dance", "10:00 dance", "12:00 study", "13:00 study"]);
    let again = Band { turnover_minutes: 40, ..band("workday", "09:00-11:00", RoomFunction::Study) };
    let table = timetable(vec![again, band("workday", "11:00-12:00", RoomFunction::Study)]).unwrap();
    assert_eq!(on(&table, "2026-03-03").len(), 3, "the same function goes on");
}

#[test]
fn holidays_and_make_up_workdays_are_those_of_the_calendar() {
    let bands = vec![
        band("workday", "09:00-10:00", RoomFunction::Dance),
        band("sat sun", "09:00-10:00", RoomFunction::Study),
        band("holiday sat", "14:00-15:00", RoomFunction::Children),
    ];
    let table = timetable(bands).unwrap();
    assert_eq!(on(&table, "2026-03-07"), ["09:00 study"], "a plain Saturday");
    assert_eq!(on(&table, "2026-02-14"), ["09:00 dance"], "a Saturday that is worked");
    assert_eq!(on(&table, "2026-02-16"), [""; 0], "a holiday that no band names");
    assert_eq!(on(&table, "2026-02-21"), ["14:00 children"], "a Saturday in the holidays");
}

#[test]
fn the_shortest_override_wins_and_a_block_takes_the_slots_it_touches() {
    let own = |from: &str, to: &str, bands: Vec<Band>| Override {
        from: date(from),
        to: date(to),
        bands,
        reason: Some("暑期安排".into()),
    };
    let block = Block {
        from: date("2026-07-01"),
        to: date("2026-12-31"),
        weekdays: [Weekday::Wednesday].into_iter().collect(),
        every_weeks: 2,
        span: "09:30-10:30".parse().unwrap(),
        reason: "党员活动".into(),
    };
    let bands = Bands {
        bands: vec![band("workday", "09:00-12:00", RoomFunction::Dance)],
        overrides: vec![
            own("2026-07-01", "2026-08-31", vec![band("", "09:00-12:00", RoomFunction::Children)]),
            own("2026-07-20", "2026-07-20", Vec::new()),
            own("2026-07-21", "2026-07-21", vec![band("", "09:00-10:00", RoomFunction::Show)]),
            own("2026-07-21", "2026-07-21", vec![band("", "10:00-11:00", RoomFunction::Games)]),
        ],
        blocks: vec![block],
        ..Bands::default()
    };
    let table = Timetable::new(bands, Grid::Half).unwrap();
    assert_eq!(on(&table, "2026-07-01"), ["11:00 children"], "the first Wednesday");
    assert_eq!(on(&table, "2026-07-08").len(), 3, "not the second");
    assert_eq!(on(&table, "2026-07-15"), ["11:00 children"]);
    assert_eq!(on(&table, "2026-07-20"), [""; 0]);
    assert_eq!(on(&table, "2026-07-21"), ["10:00 games"], "the newest of equals");
    assert_eq!(on(&table, "2026-09-01")[0], "09:00 dance");
    let shown = table.day(date("2026-07-20"), &Calendar::shipped());
    assert_eq!((shown.bands.len(), shown.reason), (0, Some("暑期安排")));
}

#[test]
fn bands_that_can_meet_on_some_day_are_refused_and_others_are_not() {
    let refused = |bands: Vec<Band>| timetable(bands).map_err(|refusal| wrong(&refusal).len());
    let workday = || band("workday", "09:00-12:00", RoomFunction::Dance);
    // They meet on no ordinary day; on a Saturday that is worked the working day's rules count.
    assert!(timetable(vec![workday(), band("sat", "09:00-12:00", RoomFunction::Study)]).is_ok());
    assert_eq!(refused(vec![workday(), band("mon", "11:00-13:00", RoomFunction::Study)]), Err(1));
    assert_eq!(
        refused(vec![workday(), band("make_up_workday", "11:00-13:00", RoomFunction::Study)]).err(),
        None
    );
    let spring = Band { valid_to: Some(date("2026-05-31")), ..workday() };
    let summer = Band { valid_from: Some(date("2026-06-01")), ..workday() };
    assert!(timetable(vec![spring.clone(), summer.clone()]).is_ok());
    let early = Band { valid_from: Some(date("2026-05-31")), ..summer };
    let refusal = timetable(vec![spring, early]).unwrap_err();
    assert_eq!(wrong(&refusal), [("bands[1]", "overlap")]);
}

#[test]
fn every_field_that_is_wrong_is_named() {
    let walk_in = Band {
        mode: BandMode::WalkIn,
        slot_minutes: None,
        seats: Some(0),
        ..band("mon", "09:10-10:00", RoomFunction::Games)
    };
    let long = Band { slot_minutes: Some(90), ..band("", "14:00-15:00", RoomFunction::Games) };
    let refusal = timetable(vec![walk_in, long]).unwrap_err();
    let fields: Vec<_> = wrong(&refusal).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["bands[0]", "bands[0].seats", "bands[0].mode", "bands[1]", "bands[1].slot_minutes"]);
}

#[test]
fn what_is_written_reads_back() {
    let own = Override { from: date("2026-07-01"), to: date("2026-07-02"), bands: vec![], reason: None };
    let bands = Bands {
        bands: vec![band("mon", "09:00-10:00", RoomFunction::Dance)],
        overrides: vec![own],
        ..Bands::default()
    };
    let text = serde_json::to_string(&bands).unwrap();
    assert_eq!(serde_json::from_str::<Bands>(&text).unwrap(), bands);
    assert!(serde_json::from_str::<Bands>(&text.replace("\"mode\"", "\"mood\"")).is_err());
}

fn any_band() -> impl Strategy<Value = Band> {
    let days = prop_oneof![Just("workday"), Just("weekend"), Just("holiday"), Just("mon wed"), Just("sat")];
    let function =
        prop_oneof![Just(RoomFunction::Dance), Just(RoomFunction::Study), Just(RoomFunction::Games)];
    let mode =
        prop_oneof![4 => Just(BandMode::Bookable), 1 => Just(BandMode::WalkIn), 1 => Just(BandMode::Closed)];
    let length = prop_oneof![Just(None), Just(Some(30u16)), Just(Some(60)), Just(Some(90))];
    let valid = prop::option::of(0i64..60);
    (days, 14u16..44, 1u16..10, function, mode, length, prop::option::of(1u16..40), 0u16..100, valid)
        .prop_map(|(days, start, halves, function, mode, length, seats, turnover_minutes, from)| {
            let ends = (start + halves).min(48) * 30;
            let span = Span::new(start * 30, ends).unwrap();
            let bookable = mode == BandMode::Bookable;
            Band {
                span,
                mode,
                slot_minutes: length.filter(|minutes| bookable && *minutes <= span.minutes()),
                seats: seats.filter(|_| bookable),
                turnover_minutes,
                valid_from: from.map(|days| date("2026-02-01") + chrono::Duration::days(days)),
                ..band(days, "09:00-10:00", function)
            }
        })
}

/// Bands that hold together: of those that were drawn, each that meets none before it.
fn any_timetable() -> impl Strategy<Value = Timetable> {
    prop::collection::vec(any_band(), 1..8).prop_map(|drawn| {
        let mut kept = Vec::new();
        for band in drawn {
            kept.push(band);
            if timetable(kept.clone()).is_err() {
                kept.pop();
            }
        }
        timetable(kept).unwrap()
    })
}

/// What stands once a difference was applied; new slots get ids from `next` on.
fn applied(standing: &[Standing], wanted: &[PlannedSlot], next: u128) -> Vec<Standing> {
    let done = difference(standing, wanted.to_vec());
    let mut after = standing.to_vec();
    for one in &mut after {
        one.withdrawn |= done.withdraw.contains(&one.id);
        let restored = done.restore.iter().find(|(id, _)| *id == one.id);
        one.withdrawn &= restored.is_none();
        if let Some((_, slot)) = restored.or_else(|| done.amend.iter().find(|(id, _)| *id == one.id)) {
            (one.seats, one.face) = (slot.seats, slot.face.clone());
        }
    }
    let new = done.create.iter().zip(next..).map(|(slot, id)| Standing {
        id: Uuid::from_u128(id).into(),
        starts_at: slot.starts_at,
        ends_at: slot.ends_at,
        seats: slot.seats,
        face: slot.face.clone(),
        withdrawn: false,
        booked: id % 3 == 0,
    });
    after.extend(new);
    after
}

/// Two weeks with a holiday and a Saturday that is worked.
fn fortnight(table: &Timetable) -> Vec<PlannedSlot> {
    let calendar = Calendar::shipped();
    let days = date("2026-02-09").iter_days().take(16);
    days.flat_map(|day| table.slots(day, &calendar, &[room()])).collect()
}

proptest! {
    #[test]
    fn no_two_published_functions_share_a_cell(table in any_timetable()) {
        let mut seen = HashSet::new();
        for slot in fortnight(&table) {
            prop_assert!(!slot.cells.is_empty());
            for cell in slot.cells {
                prop_assert!(seen.insert(cell), "{cell:?} is published twice");
            }
        }
    }

    #[test]
    fn the_turnover_is_respected_between_functions(table in any_timetable()) {
        let calendar = Calendar::shipped();
        for day in date("2026-02-09").iter_days().take(16) {
            let table = table.day(day, &calendar);
            let used: Vec<_> = table.bands.iter().filter(|at| at.band.mode != BandMode::Closed).collect();
            for pair in used.windows(2) {
                let gap = pair[1].span.starts() - pair[0].span.ends();
                let needed = pair[0].band.turnover_minutes;
                prop_assert!(pair[0].band.function == pair[1].band.function || gap >= needed);
                prop_assert!(pair[1].span.starts() >= pair[1].band.span.starts());
            }
        }
    }

    #[test]
    fn publishing_again_changes_nothing(before in any_timetable(), after in any_timetable()) {
        let first = applied(&[], &fortnight(&before), 1);
        let wanted = fortnight(&after);
        let second = applied(&first, &wanted, 10_000);
        let again = difference(&second, wanted.clone());
        prop_assert_eq!(again.keep, wanted.len());
        prop_assert!(again.create.is_empty() && again.amend.is_empty());
        prop_assert!(again.restore.is_empty() && again.withdraw.is_empty());
        // On offer is what is wanted, and nothing else.
        let offered: HashSet<_> = second.iter().filter(|one| !one.withdrawn).map(|one| (one.starts_at, one.ends_at)).collect();
        prop_assert_eq!(offered, wanted.iter().map(|slot| (slot.starts_at, slot.ends_at)).collect());
        // Nobody's slot is dropped.
        let concerned: HashSet<SlotId> = again.concerned.into_iter().collect();
        for one in second.iter().filter(|one| one.booked) {
            prop_assert!(one.withdrawn == concerned.contains(&one.id));
        }
        // There and back: nobody is concerned any more, and nothing new was made.
        let back = difference(&second, fortnight(&before));
        prop_assert!(back.create.is_empty());
        let old: HashSet<SlotId> = first.iter().map(|one| one.id).collect();
        prop_assert!(back.concerned.iter().all(|id| !old.contains(id)));
    }

    #[test]
    fn slots_are_cut_within_their_day(table in any_timetable()) {
        for slot in fortnight(&table) {
            prop_assert!(slot.starts_at < slot.ends_at);
            prop_assert_eq!(local_date(slot.starts_at), slot.cells[0].date);
        }
    }
}
