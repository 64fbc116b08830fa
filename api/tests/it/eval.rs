//! How well people are understood: questions with what they would accept, asked of both engines.

use linli::{app::discovery::eval::City, clients::meili::Meili};
use linli_domain::ids::FacilityId;
use linli_search::eval::{Judged, Report, questions};
use linli_store::Env;

use crate::{
    private_meili::{KEY, PrivateMeili},
    rig::{monday_morning, test_config},
};

const QUESTIONS: &str = include_str!("../../../search/eval/shangcheng.jsonl");
/// The city that the questions are about.
const FACILITIES: usize = 1_600;
const SEED: u64 = 1;

fn is_good_enough(engine: &str, judged: &[Judged]) {
    let report = Report(judged);
    eprintln!("{engine}\n{report}");
    assert!(report.all().hit_3() >= 0.97 && report.all().hit_1() >= 0.90, "{engine}\n{report}");
}

/// The first hits of the questions that are whole names.
fn exact(judged: &[Judged]) -> Vec<Option<FacilityId>> {
    let exact = judged.iter().filter(|judged| judged.question.class == "exact");
    exact.map(|judged| judged.first.first().map(|(id, _)| *id)).collect()
}

/// The Meilisearch that is given, or one of our own.
fn meili() -> Option<(Meili, Option<PrivateMeili>)> {
    let mut config = test_config("sqlite::memory:");
    let given = std::env::var("MEILI_URL").ok();
    let private = if given.is_none() { PrivateMeili::spawn() } else { None };
    config.meili.url = given.or_else(|| private.as_ref().map(PrivateMeili::url))?;
    config.meili.key = std::env::var("MEILI_MASTER_KEY").unwrap_or_else(|_| KEY.to_owned());
    // How well is asked, not how fast.
    config.meili.timeout_ms = 10_000;
    Some((Meili::configured(&config.search, &config.meili)?, private))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_answer_what_people_mean() {
    let questions = questions(QUESTIONS).unwrap();
    assert!(questions.len() >= 150, "{}", questions.len());
    let city = City::made(FACILITIES, SEED, monday_morning()).await.unwrap();
    let embedded = city.embedded(&questions).unwrap();
    is_good_enough("embedded", &embedded);
    assert!(exact(&embedded).len() >= 10);

    let Some((meili, _private)) = meili() else { return };
    let served = city.through(&meili, &Env::system(), &questions).await.unwrap();
    is_good_enough("meili", &served);
    assert_eq!(exact(&embedded), exact(&served), "both engines know a name alike");
}
