use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use linli_domain::{
    Vocabulary,
    calendar::Calendar,
    facility::{AccessFeature, Category, FeeKind, ServiceMode},
    geo::{Bounds, Point, WalkProfile},
    hours::Moment,
    vocabulary::WordSet,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    answer::Reach, catalogue::FeedCursor, document::FacilityDocument, filter::Filter, order::Place, sample,
};

static CITY: LazyLock<Vec<FacilityDocument>> = LazyLock::new(|| sample::city(1_500, 0.02));

static SNAPSHOT: LazyLock<Arc<Snapshot>> = LazyLock::new(|| {
    let mut snapshot = Snapshot::empty(Uuid::nil(), Arc::new(Calendar::shipped()));
    for document in CITY.iter() {
        snapshot.put(document);
    }
    snapshot.finish(FeedCursor::default());
    Arc::new(snapshot)
});

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn centre() -> Point {
    Point::wgs84(sample::CENTRE.0, sample::CENTRE.1).unwrap()
}

fn ask() -> Ask {
    Ask {
        origin: Some(centre()),
        reach: Some(Reach::Radius(1_000.0)),
        profile: WalkProfile::Adult,
        filter: Filter::default(),
        then: None,
        sort: Sort::Distance,
        weights: crate::rank::Weights::USUAL,
        facets: false,
        widen: false,
        after: None,
        reading: None,
        limit: 20,
        open_at: at("2026-02-14T02:00:00Z"),
        now: at("2026-02-14T02:00:00Z"),
    }
}

/// The same question answered by looking at every document.
fn reference(ask: &Ask) -> Vec<(u8, u32, FacilityDocument)> {
    let moment = Moment::new(ask.open_at, SNAPSHOT.calendar());
    let reach = ask.reach.unwrap().radius_m(ask.profile);
    let mut found: Vec<_> = CITY
        .iter()
        .filter_map(|facility| {
            let metres = facility.point?.distance_m(ask.origin.unwrap());
            let open =
                if facility.status.operates() { facility.schedule.is_open_at(&moment) } else { Some(false) };
            let filter = &ask.filter;
            let passes = metres <= reach + 0.005
                && (filter.categories.is_empty()
                    || facility.categories.iter().any(|c| filter.categories.contains(*c)))
                && filter.accessibility.iter().all(|f| facility.accessibility.contains(f))
                && (filter.fee_kinds.is_empty()
                    || facility.fee_kinds().iter().any(|f| filter.fee_kinds.contains(f)))
                && (filter.modes.is_empty() || facility.modes().iter().any(|m| filter.modes.contains(m)))
                && (!filter.open || open == Some(true))
                && filter.bounds.is_none_or(|bounds| bounds.contains(facility.point.unwrap()));
            let class = match (ask.sort, open) {
                (Sort::OpenFirst, None) => 1,
                (Sort::OpenFirst, Some(false)) => 2,
                _ => 0,
            };
            passes.then(|| (class, centimetres(metres), facility.clone()))
        })
        .collect();
    found.sort_by_key(|(class, distance_cm, facility)| (*class, *distance_cm, facility.id));
    found
}

fn ids(hits: &[crate::order::Hit]) -> Vec<linli_domain::ids::FacilityId> {
    hits.iter().map(|hit| hit.place.id).collect()
}

fn all_pages(ask: &Ask) -> Vec<crate::order::Hit> {
    let mut ask = ask.clone();
    let mut all = Vec::new();
    loop {
        let answer = nearby(&SNAPSHOT, &ask);
        assert!(answer.hits.len() <= ask.limit);
        all.extend(answer.hits);
        match answer.next {
            Some(place) => ask.after = Some(place),
            None => return all,
        }
    }
}

fn words<V: Vocabulary>(bits: u64) -> WordSet<V> {
    V::ALL.iter().copied().filter(|word| bits & (1 << word.index()) != 0).collect()
}

prop_compose! {
    fn any_filter()(categories in any::<u64>(), access in 0u64..4, fees in 0u64..8, modes in 0u64..8, open in any::<bool>(), bounded in any::<bool>()) -> Filter {
        let (lat, lng) = sample::CENTRE;
        Filter {
            // About every other question names no category.
            categories: if categories % 2 == 0 { WordSet::EMPTY } else { words::<Category>(categories >> 3) },
            accessibility: words::<AccessFeature>(access),
            fee_kinds: words::<FeeKind>(fees),
            modes: words::<ServiceMode>(modes),
            open,
            bounds: bounded.then_some(Bounds { south: lat - 0.01, west: lng - 0.004, north: lat + 0.005, east: lng + 0.02 }),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn it_finds_what_looking_at_everything_finds(
        filter in any_filter(),
        north in -0.03..0.03, east in -0.03..0.03,
        radius in 50.0..4_000.0,
        open_first in any::<bool>(), facets in any::<bool>(),
        limit in 1usize..60,
        hour in 0i64..96,
    ) {
        let ask = Ask {
            origin: Point::wgs84(sample::CENTRE.0 + north, sample::CENTRE.1 + east),
            reach: Some(Reach::Radius(radius)),
            filter,
            sort: if open_first { Sort::OpenFirst } else { Sort::Distance },
            facets,
            limit,
            open_at: at("2026-02-13T00:00:00Z") + chrono::TimeDelta::hours(hour),
            ..ask()
        };
        let expected = reference(&ask);
        let pages = all_pages(&ask);
        // Two formulas may round the same distance to neighbouring centimetres; sets and near-order must agree.
        let mut expected_ids: Vec<_> = expected.iter().map(|(.., facility)| facility.id).collect();
        let mut found_ids = ids(&pages);
        prop_assert!(pages.windows(2).all(|pair| pair[0] < pair[1]));
        for (hit, (class, distance_cm, _)) in pages.iter().zip(&expected) {
            prop_assert_eq!(hit.place.class, *class);
            prop_assert!(hit.place.distance_cm.abs_diff(*distance_cm) <= 1);
        }
        expected_ids.sort_unstable();
        found_ids.sort_unstable();
        prop_assert_eq!(&found_ids, &expected_ids);
        if facets {
            let counts = nearby(&SNAPSHOT, &ask).facets.unwrap();
            prop_assert_eq!(counts.total as usize, expected_ids.len());
            for category in Category::ALL {
                let only = Ask { filter: Filter { categories: [*category].into_iter().collect(), ..ask.filter.clone() }, ..ask.clone() };
                let counted = counts.categories.iter().find(|(c, _)| c == category).map_or(0, |(_, n)| n);
                prop_assert_eq!(counted as usize, reference(&only).len(), "{}", category);
            }
            let open = Ask { filter: Filter { open: true, ..ask.filter.clone() }, ..ask.clone() };
            prop_assert_eq!(counts.open as usize, reference(&open).len());
        }
    }
}

#[test]
fn minutes_are_a_radius_by_profile() {
    let within = |profile| {
        let ask = Ask { reach: Some(Reach::Minutes(15.0)), profile, limit: 5_000, ..ask() };
        nearby(&SNAPSHOT, &ask).hits
    };
    let (adult, wheelchair) = (within(WalkProfile::Adult), within(WalkProfile::Wheelchair));
    assert!(adult.len() > wheelchair.len() && !wheelchair.is_empty());
    assert!(adult.iter().all(|hit| hit.distance_m().unwrap() <= 889.0));
    assert!(wheelchair.iter().all(|hit| hit.distance_m().unwrap() <= 445.0));
}

#[test]
fn nothing_near_widens_only_when_asked_and_says_how_far() {
    let far = Ask { origin: Point::wgs84(sample::CENTRE.0 + 0.06, sample::CENTRE.1), ..ask() };
    assert!(nearby(&SNAPSHOT, &far).hits.is_empty());
    let wide = nearby(&SNAPSHOT, &Ask { widen: true, ..far.clone() });
    assert_eq!(wide.widened_to_m, Some(5_000.0));
    assert!(wide.hits[0].distance_m().unwrap() > 2_000.0);
    let continued = Ask {
        widen: true,
        after: Some(Place { class: 0, loss: 0, distance_cm: 0, id: Uuid::nil().into() }),
        ..far
    };
    assert!(nearby(&SNAPSHOT, &continued).hits.is_empty());
}

#[test]
fn facilities_at_one_point_are_paged_by_identity() {
    let mut snapshot = Snapshot::empty(Uuid::nil(), Arc::new(Calendar::shipped()));
    let mut dice = sample::Dice::new(7);
    for n in 0..25 {
        let facility = sample::facility(n, 0.0, &mut dice);
        snapshot.put(&FacilityDocument { point: Some(centre()), ..facility });
    }
    snapshot.finish(FeedCursor::default());
    let snapshot = Arc::new(snapshot);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let answer = nearby(&snapshot, &Ask { after, limit: 4, ..ask() });
        seen.extend(ids(&answer.hits));
        after = answer.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=25).map(|n| Uuid::from_u128(n).into()).collect::<Vec<_>>());
}
