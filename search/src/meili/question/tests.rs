use std::sync::{Arc, LazyLock};

use linli_domain::{
    calendar::Calendar,
    facility::{AccessFeature, Category},
    geo::WalkProfile,
};
use uuid::Uuid;

use super::*;
use crate::{
    answer::{Ask, Reach},
    catalogue::FeedCursor,
    engine::SearchEngine,
    filter::Filter,
    sample,
    text::{Analyzer, Lexicon},
};

static ENGINE: LazyLock<SearchEngine> = LazyLock::new(|| {
    let analyzer = Arc::new(Analyzer::new(Lexicon::shipped()));
    let calendar = Arc::new(Calendar::shipped());
    SearchEngine::build(
        analyzer,
        calendar,
        Uuid::nil(),
        FeedCursor::default(),
        sample::city(3_000, 0.1),
        None,
    )
    .unwrap()
});

fn ask() -> Ask {
    let now = "2026-02-14T02:00:00Z".parse().unwrap();
    Ask {
        origin: Point::wgs84(sample::CENTRE.0, sample::CENTRE.1),
        reach: None,
        profile: WalkProfile::Adult,
        filter: Filter::default(),
        then: None,
        sort: Sort::Relevance,
        weights: crate::Weights::USUAL,
        facets: false,
        widen: false,
        after: None,
        reading: None,
        limit: 20,
        open_at: now,
        now,
    }
}

fn plan(text: &str, meeting: Meeting, ask: &Ask) -> Plan {
    let query = ENGINE.understand(text);
    Plan::new(&Wanted { snapshot: &ENGINE.snapshot(), query: &query, meeting, ask })
}

#[test]
fn a_question_is_coded_words_and_the_exact_name() {
    let plan = plan("采荷 食堂", Meeting::All, &Ask { origin: None, ..ask() });
    let [words, exact] = &plan.questions[..] else { panic!("{:?}", plan.questions) };
    assert_eq!(words.q, format!("{} {}", code("采荷"), code("食堂")));
    assert_eq!((words.filter.as_deref(), exact.q.as_str()), (None, ""));
    assert_eq!(exact.filter.as_deref(), Some("exact = \"采荷食堂\""));
}

#[test]
fn values_cannot_leave_their_quotes() {
    assert_eq!(quoted(r#"a" OR id = "b\"#), r#""a\" OR id = \"b\\""#);
    for text in
        [r#"食堂" OR version > 0 OR name = ""#, "食堂\\\" TO", "_geoRadius(1,2,3) 食堂", "食\u{0}堂😀"]
    {
        for question in plan(text, Meeting::All, &ask()).questions {
            let filter = question.filter.unwrap_or_default();
            assert!(!filter.contains("_geoRadius") && !filter.contains("version >"), "{filter}");
            assert!(filter.matches('"').count() <= 2, "{filter}");
            // A whole word may stand between quotes of ours; there is nothing else than letters.
            let bare = |word: &str| {
                word.strip_prefix('"').map_or(word, |rest| rest.strip_suffix('"').unwrap_or("\"")).to_owned()
            };
            assert!(
                question
                    .q
                    .split(' ')
                    .map(bare)
                    .all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())),
                "{}",
                question.q
            );
        }
    }
}

#[test]
fn the_box_round_the_person_is_asked_whole_and_the_city_for_its_best() {
    let city = plan("食堂", Meeting::All, &ask());
    let limits: Vec<_> = city.questions.iter().map(|question| question.limit).collect();
    assert_eq!(limits, [NEAR, BEYOND, SAME_NAME]);
    assert!(city.questions[0].filter.as_deref().unwrap().starts_with("_geoBoundingBox(["));
    assert_eq!(city.questions[1].filter, None);
    let near = plan("食堂", Meeting::All, &Ask { reach: Some(Reach::Radius(500.0)), ..ask() });
    assert_eq!(near.questions.len(), 2, "{:?}", near.questions);
    assert!(
        near.questions.iter().all(|q| q.filter.as_deref().is_some_and(|f| f.contains("_geoBoundingBox")))
    );
    let snapshot = ENGINE.snapshot();
    let near_m = near_m(&snapshot, ask().origin.unwrap()).unwrap();
    let inside = Bounds::around(ask().origin.unwrap(), near_m);
    let held = snapshot.live().filter(|(_, facts)| facts.point.is_some_and(|point| inside.contains(point)));
    assert!((100..=NEAR).contains(&held.count()));
}

#[test]
fn filters_go_along_and_another_order_is_asked_for() {
    let filter = Filter {
        categories: [Category::Sports, Category::Health].into_iter().collect(),
        accessibility: [AccessFeature::Lift].into_iter().collect(),
        ..Filter::default()
    };
    let asked = plan("食堂", Meeting::All, &Ask { filter, sort: Sort::Distance, ..ask() });
    let first = &asked.questions[0];
    let filter = first.filter.as_deref().unwrap();
    assert!(filter.contains("category IN [\"health\", \"sports\"]"), "{filter}");
    assert!(filter.contains("accessible = \"lift\""), "{filter}");
    assert_eq!(first.sort.as_deref(), Some("_geoPoint(30.250000,120.170000):asc"));
}

#[test]
fn all_but_one_is_every_question_with_one_wish_less() {
    let plan = plan("采荷 理发 食堂", Meeting::AllButOne, &Ask { origin: None, ..ask() });
    let wishes = ENGINE.understand("采荷 理发 食堂").units.len();
    assert_eq!(plan.questions.len(), wishes);
    for question in &plan.questions {
        assert_eq!(question.q.split(' ').count(), wishes - 1);
    }
}

#[test]
fn scores_are_read_as_relevance() {
    // One word, in each of the five attributes: 5/5 to 1/5.
    for (score, expected) in [(1.0, 1.0), (0.8, 0.9), (0.6, 0.8), (0.4, 0.7), (0.2, 0.6)] {
        assert!((worth(score, 1) - expected).abs() < 1e-6, "{score}");
    }
    // Two words, one in a name and one in a place: the mean of both, as the embedded index has it.
    assert!((worth(5.0 / 9.0, 2) - 0.8).abs() < 1e-6);
    assert!((worth(f32::NAN, 0) - 1.0).abs() < 1e-6);
}

#[test]
fn answers_are_joined_and_the_best_way_counts() {
    let snapshot = ENGINE.snapshot();
    let ids: Vec<FacilityId> = snapshot.versions().map(|(id, _)| id).take(3).collect();
    let plan = plan("食堂", Meeting::All, &Ask { origin: None, ..ask() });
    let hit = |id, score| MeiliHit { id, score: Some(score) };
    let unknown: FacilityId = Uuid::max().into();
    let answers = [
        vec![hit(ids[0], 0.2), hit(ids[0], 1.0), hit(ids[1], 0.4), hit(unknown, 1.0)],
        vec![hit(ids[1], 1.0), hit(ids[2], 1.0)],
    ];
    let mut hits: Vec<_> =
        plan.read(&snapshot, &answers).hits.into_iter().map(|hit| (hit.slot, hit.relevance)).collect();
    hits.sort_by_key(|(slot, _)| *slot);
    let slot = |n: usize| snapshot.slot(ids[n]).unwrap();
    assert_eq!(hits, [(slot(0), 1.0), (slot(1), 1.7), (slot(2), 2.0)]);
}
