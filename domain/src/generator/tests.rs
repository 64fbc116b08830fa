use std::collections::HashSet;

use super::*;
use crate::{facility::Category, import, vocabulary::Vocabulary};

fn city(seed: u64, size: usize) -> Generator<'static> {
    Generator::new(Divisions::shipped(), seed, size, "2026-11-22".parse().unwrap())
}

fn bytes(city: &Generator<'_>) -> String {
    let print = |made: MadeFacility| {
        format!(
            "{} {} {}\n",
            made.external_id,
            made.status,
            serde_json::to_string(made.facility.data()).unwrap()
        )
    };
    city.facilities().map(print).collect()
}

#[test]
fn the_same_seed_makes_the_same_bytes_and_another_seed_others() {
    let first = bytes(&city(7, 300));
    assert_eq!(first.lines().count(), 300);
    assert_eq!(first, bytes(&city(7, 300)));
    assert_ne!(first, bytes(&city(8, 300)));
}

#[test]
fn a_small_city_lies_in_one_district_and_everything_says_that_it_is_made() {
    let city = city(1, 300);
    let complex = city.facilities().next().unwrap();
    assert_eq!(complex.facility.data().categories.len(), 4);
    assert_eq!(complex.rooms.len(), 3);
    let mut ids = HashSet::new();
    for made in city.facilities() {
        let data = made.facility.data();
        assert!(made.community.to_string().starts_with("330102"));
        assert!(ids.insert(made.external_id));
        assert!(data.summary.as_deref().unwrap().contains("示例数据") && data.address.contains("示例路"));
        assert!(data.phones.iter().all(|phone| phone.as_str().starts_with("0571-9999")));
        assert!(data.operator.as_deref().is_none_or(|operator| operator.starts_with("示例")));
    }
    // As dense as a city: many within a short walk of the middle.
    let middle = city.communities()[city.communities().len() / 2].centre;
    let near = |made: &MadeFacility| made.facility.data().location.unwrap().point.distance_m(middle) < 1000.0;
    assert!(city.facilities().filter(near).count() >= 20);
}

#[test]
fn the_shares_of_what_is_missing_or_wrong_are_as_planned() {
    let city = city(3, 8000);
    let all: Vec<_> = city.facilities().collect();
    let percent = |count: usize| count * 1000 / all.len();
    let of = |test: &dyn Fn(&MadeFacility) -> bool| percent(all.iter().filter(|made| test(made)).count());
    let without_hours = of(&|made| made.facility.data().hours.is_empty());
    assert!((40..60).contains(&without_hours), "{without_hours}");
    let stale = of(&|made| (city.as_of - made.facility.data().verified_at.unwrap()).num_days() > 365);
    assert!((20..40).contains(&stale), "{stale}");
    let names: Vec<_> = all.iter().map(|made| &made.facility.data().name).collect();
    let repeated = percent(all.len() - names.iter().collect::<HashSet<_>>().len());
    assert!((3..20).contains(&repeated), "{repeated}");

    let mut failing = 0;
    for (community, facilities) in
        city.communities().iter().zip(all.chunk_by(|a, b| a.community == b.community))
    {
        let areas: Vec<_> = facilities.iter().map(|made| made.facility.data().area_m2.unwrap()).collect();
        let enough = areas.iter().sum::<f64>() >= 0.3 * f64::from(community.households) && areas[0] >= 600.0;
        failing += usize::from(!enough);
    }
    let failing = failing * 100 / city.communities().len();
    assert!((30..40).contains(&failing), "{failing}");
}

#[test]
fn every_category_is_there_and_every_facility_survives_a_table() {
    let rules = import::Rules {
        datum: None,
        bounds: Divisions::shipped().bounds("3301".parse().unwrap()).unwrap(),
        area: None,
        now: "2026-11-22T04:00:00Z".parse().unwrap(),
    };
    let mut categories = HashSet::new();
    for made in city(5, 600).facilities() {
        categories.extend(made.facility.data().categories.iter().copied());
        let cells = import::write(SOURCE, &made.external_id, made.status, &made.facility);
        let row = import::Row::read(&cells, &rules).unwrap();
        assert_eq!((row.facility, row.status), (made.facility, Some(made.status)));
    }
    assert_eq!(categories.len(), Category::ALL.len());
}

#[test]
fn no_name_says_community_twice() {
    let city = city(1, 2000);
    let names: Vec<_> = city.facilities().map(|made| made.facility.data().name.clone()).collect();
    assert!(names.iter().any(|name| name.ends_with("社区食堂")), "no community has a canteen of its name");
    let twice: Vec<_> = names.iter().filter(|name| name.contains("社区社区")).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn a_city_larger_than_its_list_fills_up() {
    let list = Divisions::parse(
        "33\t浙江省\n3301\t杭州市\n330102\t上城区\n330102001\t清波街道\n330102001051\t清波门社区",
    );
    let list = list.unwrap();
    let city = Generator::new(&list, 2, 40, "2026-11-22".parse().unwrap());
    let names: HashSet<_> = city.facilities().map(|made| made.facility.data().name.clone()).collect();
    assert_eq!(city.facilities().count(), 40);
    assert!(names.contains("清波门社区幸福邻里坊") && names.contains("清波门社区幸福邻里坊2号"));
    assert_eq!(city.service_areas()[0].communities.len(), 1);
    assert_eq!(Generator::new(&list, 1, 0, "2026-11-22".parse().unwrap()).facilities().count(), 0);
}

#[test]
fn service_areas_join_neighbours_of_one_street() {
    let city = city(1, 2000);
    let areas = city.service_areas();
    let joined: Vec<_> = areas.iter().flat_map(|area| area.communities.iter().copied()).collect();
    assert_eq!(joined, city.communities().iter().map(|community| community.code).collect::<Vec<_>>());
    assert!(areas.iter().all(|area| area.communities.len() <= 5));
    assert!(areas.iter().all(|area| area.communities.iter().all(|code| area.street.contains(*code))));
}
