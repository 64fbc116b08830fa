use std::sync::LazyLock;

use linli_domain::{
    facility::{AccessFeature, Category, FacilityStatus, FeeKind, ServiceMode},
    geo::{Point, WalkProfile},
    hours::Schedule,
};

use super::*;
use crate::{answer::Reach, document::ServiceDocument, filter::Filter, order::Sort, text::Lexicon};

static ANALYZER: LazyLock<Arc<Analyzer>> = LazyLock::new(|| Arc::new(Analyzer::new(Lexicon::shipped())));

fn place(n: u32, name: &str, category: Category, service: &str) -> FacilityDocument {
    let open = r#"{"version":1,"on_holidays":"as_weekday","rules":[{"kinds":["workday","weekend"],"spans":["00:00-24:00"]}]}"#;
    FacilityDocument {
        id: Uuid::from_u128(u128::from(n)).into(),
        version: 1,
        name: name.to_owned(),
        short_name: None,
        aliases: Vec::new(),
        categories: vec![category],
        services: vec![ServiceDocument {
            name: service.to_owned(),
            category,
            fee: FeeKind::Free,
            modes: [ServiceMode::OnSite].into_iter().collect(),
        }],
        point: Point::wgs84(30.25 + f64::from(n) * 0.001, 120.17),
        address: format!("庆春路{n}号"),
        divisions: vec!["上城区".to_owned(), "采荷街道".to_owned(), "青荷社区".to_owned()],
        accessibility: [AccessFeature::Lift].into_iter().collect(),
        carrier_level: None,
        status: FacilityStatus::Open,
        schedule: Arc::new(serde_json::from_str::<Schedule>(open).unwrap()),
        phone: None,
    }
}

fn documents() -> Vec<FacilityDocument> {
    let mut night = place(7, "重庆路渝邻汇", Category::CommunityService, "会客");
    night.schedule = Arc::new(Schedule::default());
    vec![
        place(1, "采荷社区老年食堂", Category::CommunityDining, "老年助餐"),
        place(2, "凯旋街道居家养老服务中心", Category::ElderlyCare, "送餐上门"),
        place(3, "清波婴幼儿成长驿站", Category::Childcare, "临时托"),
        place(4, "小营全民健身中心", Category::Sports, "羽毛球"),
        place(5, "望江长者饭堂", Category::CommunityDining, "午餐"),
        place(6, "湖滨党群服务中心", Category::Government, "办事"),
        night,
    ]
}

fn engine() -> SearchEngine {
    let calendar = Arc::new(Calendar::shipped());
    let generation = Uuid::from_u128(1);
    SearchEngine::build(ANALYZER.clone(), calendar, generation, FeedCursor::default(), documents(), None)
        .unwrap()
}

fn ask() -> Ask {
    let now = "2026-02-14T02:00:00Z".parse().unwrap();
    Ask {
        origin: Point::wgs84(30.25, 120.17),
        reach: None,
        profile: WalkProfile::Adult,
        filter: Filter::default(),
        then: None,
        sort: Sort::Relevance,
        weights: Weights::USUAL,
        facets: false,
        widen: false,
        after: None,
        reading: None,
        limit: 20,
        open_at: now,
        now,
    }
}

fn found(engine: &SearchEngine, question: &str) -> Vec<String> {
    let answer = engine.search(question, &ask()).unwrap();
    answer.hits.iter().map(|hit| answer.snapshot.card(hit.slot).unwrap().name.to_string()).collect()
}

#[test]
fn people_find_what_they_mean() {
    let engine = engine();
    for (question, first) in [
        ("食堂", "采荷社区老年食堂"),
        ("長者飯堂", "采荷社区老年食堂"),
        ("望江 食堂", "望江长者饭堂"),
        ("望江长者饭堂", "望江长者饭堂"),
        ("lnst", "采荷社区老年食堂"),
        ("laonianshitang", "采荷社区老年食堂"),
        ("lao nian shi tang", "采荷社区老年食堂"),
        ("chongqinglu", "重庆路渝邻汇"),
        ("渝邻汇", "重庆路渝邻汇"),
        ("邻汇", "重庆路渝邻汇"),
        ("托儿所", "清波婴幼儿成长驿站"),
        ("打羽毛球", "小营全民健身中心"),
        ("居委会", "湖滨党群服务中心"),
        ("我家附近哪里有可以送餐上门的", "凯旋街道居家养老服务中心"),
        ("青荷社区 健身", "小营全民健身中心"),
    ] {
        assert_eq!(found(&engine, question).first().map(String::as_str), Some(first), "{question}");
    }
    assert!(found(&engine, "火锅").is_empty());
}

/// Counting facets takes the long way, over every hit: both must list the same.
#[test]
fn looking_at_the_nearest_first_finds_what_looking_at_everything_finds() {
    let (calendar, cursor) = (Arc::new(Calendar::shipped()), FeedCursor::default());
    let city = crate::sample::city(9_000, 0.05);
    let engine = SearchEngine::build(ANALYZER.clone(), calendar, Uuid::nil(), cursor, city, None).unwrap();
    let mut dice = crate::sample::Dice::new(3);
    for round in 0..40 {
        let (north, east) = (dice.spread() * 0.06, dice.spread() * 0.06);
        let question = dice.pick(&["食堂", "社区", "养老", "采荷 食堂", "老人食堂", "采荷老年食堂", "健身"]);
        let mut ask = Ask {
            origin: Point::wgs84(crate::sample::CENTRE.0 + north, crate::sample::CENTRE.1 + east),
            reach: [None, Some(Reach::Radius(3_000.0)), Some(Reach::Minutes(10.0))][round % 3],
            limit: [1, 20, 100][round % 3],
            ..ask()
        };
        ask.filter.open = round % 4 == 3;
        for _page in 0..3 {
            let soon = engine.search(question, &ask).unwrap();
            let whole = engine.search(question, &Ask { facets: true, ..ask.clone() }).unwrap();
            assert_eq!((&soon.hits, soon.next), (&whole.hits, whole.next), "{question} {ask:?}");
            let Some(next) = soon.next else { break };
            ask = Ask { after: Some(next), reading: Some(soon.reading), ..ask };
        }
    }
}

/// A source that hands out only the first of what it finds.
struct Stingy<'a>(&'a SearchEngine);

impl TextSource for Stingy<'_> {
    type Error = EngineError;

    async fn find(&self, wanted: &Wanted<'_>) -> Result<Met, EngineError> {
        let hits = self.0.index.meeting(wanted.query)?;
        Ok(Met { hits: hits.into_iter().take(1).collect(), whole: false })
    }
}

/// What a future that never waits comes to.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn what_a_source_leaves_out_is_listed_all_the_same() {
    let engine = engine();
    let ask = Ask { facets: true, ..ask() };
    let whole = engine.search("食堂", &ask).unwrap();
    let listed = at_once(engine.search_in(&Stingy(&engine), "食堂", &ask)).unwrap();
    assert!(whole.hits.len() > 1);
    assert_eq!((listed.hits, listed.facets), (whole.hits, whole.facets));
}

#[test]
fn an_exact_name_comes_before_what_is_nearer() {
    let engine = engine();
    assert_eq!(found(&engine, "望江长者饭堂")[0], "望江长者饭堂");
    // As a wish and not a name, the nearer one wins.
    assert_eq!(found(&engine, "饭堂")[0], "采荷社区老年食堂");
}

#[test]
fn when_nothing_meets_every_wish_the_answer_says_so() {
    let engine = engine();
    let answer = engine.search("清波 食堂", &ask()).unwrap();
    assert!(answer.relaxed && !answer.hits.is_empty());
    let answer = engine.search("采荷 食堂", &ask()).unwrap();
    assert!(!answer.relaxed);
}

#[test]
fn pages_of_a_relaxed_list_join() {
    let engine = engine();
    let query = "清波 食堂";
    let all = engine.search(query, &ask()).unwrap().hits;
    let mut joined = Vec::new();
    let (mut after, mut reading) = (None, None);
    loop {
        let answer = engine.search(query, &Ask { after, reading, limit: 1, ..ask() }).unwrap();
        joined.extend(answer.hits);
        (after, reading) = (answer.next, Some(answer.reading));
        if after.is_none() {
            break;
        }
    }
    assert_eq!(joined, all);
}

#[test]
fn text_respects_circle_filters_and_facets() {
    let engine = engine();
    let query = "食堂";
    let near = Ask { reach: Some(Reach::Radius(300.0)), facets: true, ..ask() };
    let answer = engine.search(query, &near).unwrap();
    assert_eq!(answer.hits.len(), 1);
    assert_eq!(answer.facets.unwrap().total, 1);
    let closed = Filter { categories: [Category::Sports].into_iter().collect(), ..Filter::default() };
    let answer = engine.search(query, &Ask { filter: closed, facets: true, ..ask() }).unwrap();
    assert!(answer.hits.is_empty());
    let categories: Vec<_> = answer.facets.unwrap().categories.iter().collect();
    assert_eq!(categories, [(Category::CommunityDining, 2)]);
}

#[test]
fn an_edit_is_found_and_a_removal_is_not() {
    let engine = engine();
    let mut renamed = place(4, "小营游泳馆", Category::Sports, "游泳");
    renamed.version = 2;
    let removed = Uuid::from_u128(6).into();
    engine
        .apply(&[Change::Upsert(Box::new(renamed)), Change::Remove(removed)], FeedCursor { xid: 2, seq: 0 })
        .unwrap();
    assert_eq!(found(&engine, "游泳"), ["小营游泳馆"]);
    assert!(found(&engine, "羽毛球").is_empty());
    assert!(found(&engine, "党群服务中心").is_empty());
    let stale = place(4, "小营羽毛球馆", Category::Sports, "羽毛球");
    engine.apply(&[Change::Upsert(Box::new(stale))], FeedCursor { xid: 3, seq: 0 }).unwrap();
    assert!(found(&engine, "羽毛球").is_empty(), "an older version is not indexed either");
    assert_eq!(engine.snapshot().cursor(), FeedCursor { xid: 3, seq: 0 });
}

#[test]
fn a_kept_engine_goes_on_where_it_was_even_when_the_index_ran_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let calendar = Arc::new(Calendar::shipped());
    let cursor = FeedCursor { xid: 5, seq: 0 };
    let build = |generation| {
        SearchEngine::build(
            ANALYZER.clone(),
            calendar.clone(),
            Uuid::from_u128(generation),
            cursor,
            documents(),
            Some(folder.path()),
        )
        .unwrap()
    };
    let load = || SearchEngine::load(ANALYZER.clone(), calendar.clone(), folder.path()).unwrap();
    let engine = build(1);
    engine.save().unwrap();
    // Committed to the index, but the process dies before the catalogue is saved again.
    let added = place(8, "九堡图书馆", Category::Culture, "看书");
    engine.apply(&[Change::Upsert(Box::new(added.clone()))], FeedCursor { xid: 6, seq: 0 }).unwrap();
    drop(engine);

    let engine = load().expect("it was kept");
    assert_eq!(engine.snapshot().cursor(), cursor);
    assert!(found(&engine, "图书馆").is_empty(), "the catalogue does not know it yet");
    let other = place(9, "彭埠菜场", Category::Commerce, "买菜");
    let replay = [Change::Upsert(Box::new(other)), Change::Upsert(Box::new(added))];
    engine.apply(&replay, FeedCursor { xid: 6, seq: 0 }).unwrap();
    assert_eq!(found(&engine, "图书馆"), ["九堡图书馆"]);
    assert_eq!(found(&engine, "菜场"), ["彭埠菜场"]);
    assert_eq!(found(&engine, "食堂").len(), 2);
    drop(engine);

    // An index of another build is never searched with this catalogue.
    let other = build(2);
    drop(other);
    assert!(load().is_none());
}

#[test]
fn suggestions_are_typed() {
    let engine = engine();
    let kinds = |typed: &str| -> Vec<(SuggestionKind, String)> {
        engine.suggest(typed, &ask()).unwrap().into_iter().map(|s| (s.kind, s.text)).collect()
    };
    assert!(kinds("采荷").contains(&(SuggestionKind::Place, "采荷街道".to_owned())));
    assert!(kinds("采荷").contains(&(SuggestionKind::Facility, "采荷社区老年食堂".to_owned())));
    assert!(kinds("yangl").contains(&(SuggestionKind::Category, "养老".to_owned())));
    assert!(kinds("食").iter().any(|(kind, _)| *kind == SuggestionKind::Service));
    assert!(kinds("lns").contains(&(SuggestionKind::Facility, "采荷社区老年食堂".to_owned())));
    assert!(kinds("😀 \u{0}").is_empty());
    assert!(kinds("养").len() <= 10);
}

#[test]
fn nothing_a_person_types_breaks_it() {
    let engine = engine();
    for question in [
        "",
        " ",
        "的了吗",
        "\"'();--",
        "+name:[* TO *]",
        "😀😀",
        "\u{0}\u{7f}",
        "AND OR NOT",
        "食",
        &"食堂".repeat(500),
    ] {
        let answer = engine.search(question, &ask()).unwrap();
        assert!(answer.hits.len() <= 20);
        engine.suggest(question, &ask()).unwrap();
    }
}

#[test]
fn a_folder_that_failed_for_a_while_takes_changes_again() {
    let folder = tempfile::tempdir().unwrap();
    let engine = SearchEngine::build(
        ANALYZER.clone(),
        Arc::new(Calendar::shipped()),
        Uuid::from_u128(1),
        FeedCursor::default(),
        documents(),
        Some(folder.path()),
    )
    .unwrap();
    let (text, away) = (folder.path().join(TEXT), folder.path().join("away"));
    let change = [Change::Upsert(Box::new(place(8, "东坡路图书室", Category::Culture, "借阅")))];
    let cursor = FeedCursor { xid: 1, seq: 1 };

    // Nothing can be written, as on a full disk; what is there is still found.
    std::fs::rename(&text, &away).unwrap();
    std::fs::write(&text, "in the way").unwrap();
    assert!(engine.apply(&change, cursor).is_err());
    assert!(engine.apply(&change, cursor).is_err());
    assert_eq!(engine.snapshot().cursor(), FeedCursor::default());
    assert_eq!(found(&engine, "望江长者饭堂"), ["望江长者饭堂"]);

    std::fs::remove_file(&text).unwrap();
    std::fs::rename(&away, &text).unwrap();
    // Whoever follows the outbox tries again every moment; at most the first of them still fails.
    let applied = engine.apply(&change, cursor).or_else(|_| engine.apply(&change, cursor));
    applied.unwrap();
    assert_eq!(found(&engine, "东坡路图书室"), ["东坡路图书室"]);
    assert_eq!(engine.snapshot().cursor(), cursor);
}
