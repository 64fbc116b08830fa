//! Nearby in process: `cargo bench -p linli-search`.
//!
//! Prints medians over many places of a dense city of 100,000 facilities, and fails when the one
//! without facets takes 30 µs or more. No framework: a median needs none.

#![expect(clippy::print_stdout, reason = "what is measured is printed")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use linli_domain::{
    calendar::Calendar,
    geo::{Point, WalkProfile},
};
use linli_search::{
    Ask, Filter, Reach, SearchEngine, Sort, Weights,
    catalogue::{Change, FeedCursor},
    sample,
    text::{Analyzer, Lexicon},
};

const FACILITIES: u32 = 100_000;
/// A city of about 35 by 30 kilometres.
const DEGREES: f64 = 0.16;
const BOUND: Duration = Duration::from_micros(30);

fn main() {
    let started = Instant::now();
    let analyzer = Arc::new(Analyzer::new(Lexicon::shipped()));
    let documents = sample::city(FACILITIES, DEGREES);
    println!("made {FACILITIES} documents in {:?}", started.elapsed());
    let folder = std::env::temp_dir().join(format!("linli-bench-{}", std::process::id()));
    let started = Instant::now();
    let calendar = Arc::new(Calendar::shipped());
    let engine = SearchEngine::build(
        Arc::clone(&analyzer),
        Arc::clone(&calendar),
        uuid::Uuid::nil(),
        FeedCursor::default(),
        documents,
        Some(&folder),
    )
    .expect("it builds");
    println!("built catalogue and index in {:?}", started.elapsed());
    let started = Instant::now();
    engine.save().expect("it is kept");
    println!("kept it in {:?}", started.elapsed());

    let nearby = median(&engine, &|engine, ask| engine.nearby(ask).hits.len(), false);
    println!("nearby, top 20, no facets: {nearby:?} median");
    let facets = median(&engine, &|engine, ask| engine.nearby(ask).hits.len(), true);
    println!("nearby, top 20, facets:    {facets:?} median");
    for (question, radius_m) in [("食堂", Some(3_000.0)), ("食堂", None), ("lnst", None), ("社区", None)]
    {
        let search = |engine: &SearchEngine, ask: &Ask| {
            let ask = Ask { reach: radius_m.map(Reach::Radius), sort: Sort::Relevance, ..ask.clone() };
            engine.search(question, &ask).expect("it searches").hits.len()
        };
        println!("search {question} within {radius_m:?}: {:?} median", median(&engine, &search, false));
    }

    let mut dice = sample::Dice::new(7);
    let mut edited = sample::facility(1, DEGREES, &mut dice);
    edited.version = 2;
    let started = Instant::now();
    engine.apply(&[Change::Upsert(Box::new(edited))], FeedCursor { xid: 1, seq: 1 }).expect("it follows");
    println!("one edit, index and catalogue: {:?}", started.elapsed());
    drop(engine);
    let started = Instant::now();
    let loaded = SearchEngine::load(analyzer, calendar, &folder).expect("it loads").expect("it was kept");
    println!("loaded {} facilities in {:?}", loaded.snapshot().len(), started.elapsed());
    drop(loaded);
    let _ = std::fs::remove_dir_all(&folder);
    assert!(nearby < BOUND, "nearby took {nearby:?}");
}

fn median(engine: &SearchEngine, answer: &dyn Fn(&SearchEngine, &Ask) -> usize, facets: bool) -> Duration {
    let now = "2026-02-14T02:00:00Z".parse().expect("a time");
    let mut dice = sample::Dice::new(3);
    let mut times: Vec<Duration> = (0..2_000)
        .map(|_| {
            let (lat, lng) = sample::CENTRE;
            let origin =
                Point::wgs84(lat + dice.spread() * DEGREES / 2.0, lng + dice.spread() * DEGREES / 2.0);
            let ask = Ask {
                origin: origin.map(Point::rounded),
                reach: Some(Reach::Minutes(15.0)),
                profile: WalkProfile::Adult,
                filter: Filter::default(),
                then: None,
                sort: Sort::Distance,
                weights: Weights::USUAL,
                facets,
                widen: false,
                after: None,
                reading: None,
                limit: 20,
                open_at: now,
                now,
            };
            let started = Instant::now();
            std::hint::black_box(answer(engine, &ask));
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}
