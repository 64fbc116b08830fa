//! What people look for and do not find: evidence of what a neighbourhood lacks.
//!
//! Searches in vain are counted in memory, by day, street and words, and written down only from the
//! point on where [`FLOOR`] different askers said the same. So what one person typed, a name or a
//! number, never reaches a table. Askers are told apart by a hash under a key of this process, and
//! nothing about them outlives the day. A process that ends forgets what was below the floor.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::NaiveDate;
use linli_domain::{access::OrgPath, geo::WalkProfile, ids::FacilityId, time::local_date};
use linli_search::{Answer, Ask, Filter, Reach, SearchEngine, Sort};
use linli_store::{
    Error, ScopeCondition,
    storage::{
        facilities,
        search_demand::{self, Column, More, Sum},
        staff::organisation,
    },
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};
use tokio_util::sync::CancellationToken;

use crate::{App, http::auth::StaffActor};

/// So many different askers on a day make a demand; fewer are somebody.
pub const FLOOR: usize = 5;
/// How often what was counted is written down.
const PERIOD: Duration = Duration::from_secs(2);
/// Searches in vain that wait to be counted; more are not.
const WAITING: usize = 10_000;
/// Different things asked for in a day; more are not counted.
const KEPT: usize = 50_000;
/// Longer is a story.
const MAX_CHARS: usize = 20;
/// More digits in a row than any name of a place has.
const MAX_DIGITS: usize = 3;
/// Whoever stands farther than this from every facility stands nowhere in particular.
const NEAR_M: f64 = 5_000.0;
/// An area is as large as a street, the third place in the tree: city, district, street.
const AREA_DEPTH: usize = 3;

/// Searches in vain that wait to be counted.
#[derive(Default)]
pub struct Demand {
    key: RandomState,
    waiting: Mutex<Vec<Unmet>>,
}

/// One search in vain.
struct Unmet {
    near: Option<FacilityId>,
    words: String,
    asker: u64,
}

impl Demand {
    /// Notes that nothing met what was asked for.
    pub fn note(&self, engine: &SearchEngine, ask: &Ask, answer: &Answer, asker: Option<IpAddr>) {
        let first_page = ask.after.is_none();
        let Some(words) = wanted(answer).filter(|_| first_page) else { return };
        let near = ask.origin.and_then(|_| nearest(engine, ask));
        let unmet = Unmet { near, words, asker: self.key.hash_one(asker) };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING {
            waiting.push(unmet);
        }
    }

    fn take(&self) -> Vec<Unmet> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What was asked for in vain, in the words that were said; `None` when it was found, or is no one's to keep.
fn wanted(answer: &Answer) -> Option<String> {
    let understood = answer.understood.as_ref()?;
    if !answer.hits.is_empty() && understood.let_go.is_empty() {
        return None;
    }
    let said = understood.words.iter().chain(&understood.unknown).chain(&understood.let_go);
    let mut words: Vec<&str> = said.map(String::as_str).collect();
    // The same things in another order are the same demand.
    words.sort_unstable();
    words.dedup();
    let words = words.join(" ");
    let digits = words.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    let fits = (1..=MAX_CHARS).contains(&words.chars().count()) && digits <= MAX_DIGITS;
    fits.then_some(words)
}

fn nearest(engine: &SearchEngine, ask: &Ask) -> Option<FacilityId> {
    let nearest = Ask {
        reach: Some(Reach::Radius(NEAR_M)),
        profile: WalkProfile::Adult,
        filter: Filter::default(),
        then: None,
        sort: Sort::Distance,
        facets: false,
        widen: false,
        limit: 1,
        ..ask.clone()
    };
    engine.nearby(&nearest).hits.first().map(|hit| hit.place.id)
}

/// Counts and writes down until `stop`.
pub async fn keep(app: App, stop: CancellationToken) {
    let mut counter = Counter::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(PERIOD) => {}
        }
        if let Err(error) = counter.step(&app).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "searches in vain could not be written down; it will be tried again"
            );
        }
    }
    if counter.step(&app).await.is_err() {
        tracing::debug!("the last searches in vain are forgotten");
    }
}

/// What was counted today.
#[derive(Default)]
struct Counter {
    day: NaiveDate,
    waiting: Vec<Unmet>,
    areas: HashMap<FacilityId, String>,
    asked: HashMap<(String, String), Asked>,
}

#[derive(Default)]
struct Asked {
    askers: HashSet<u64>,
    times: i32,
    written: i32,
}

impl Counter {
    async fn step(&mut self, app: &App) -> Result<(), Error> {
        let today = local_date(app.env.now());
        if self.day != today {
            *self = Self { day: today, waiting: std::mem::take(&mut self.waiting), ..Self::default() };
        }
        let room = WAITING.saturating_sub(self.waiting.len());
        self.waiting.extend(app.demand.take().into_iter().take(room));
        self.learn_areas(app).await?;
        for unmet in self.waiting.drain(..) {
            let area = unmet.near.and_then(|near| self.areas.get(&near).cloned()).unwrap_or_default();
            let key = (area, unmet.words);
            if self.asked.len() >= KEPT && !self.asked.contains_key(&key) {
                continue;
            }
            let asked = self.asked.entry(key).or_default();
            asked.times += 1;
            if asked.askers.len() < FLOOR {
                asked.askers.insert(unmet.asker);
            }
        }
        self.write(app).await
    }

    async fn learn_areas(&mut self, app: &App) -> Result<(), Error> {
        let near = self.waiting.iter().filter_map(|unmet| unmet.near);
        let unknown: HashSet<_> = near.filter(|id| !self.areas.contains_key(id)).collect();
        let unknown: Vec<_> = unknown.into_iter().collect();
        if unknown.is_empty() {
            return Ok(());
        }
        for stored in facilities::any_by_ids(app.db.read(), &unknown).await? {
            self.areas.insert(stored.id, area(&stored.org_path));
        }
        Ok(())
    }

    async fn write(&mut self, app: &App) -> Result<(), Error> {
        let day = self.day;
        let due =
            self.asked.iter().filter(|(_, asked)| asked.askers.len() >= FLOOR && asked.times > asked.written);
        let more: Vec<_> = due
            .map(|((org_path, words), asked)| More {
                day,
                org_path: org_path.clone(),
                words: words.clone(),
                asked: asked.times - asked.written,
            })
            .collect();
        if more.is_empty() {
            return Ok(());
        }
        let rows = &more;
        app.db
            .in_tx("search.demand", |tx| async move {
                search_demand::add(tx.conn(), &app.env, rows).await?;
                tx.commit(()).await
            })
            .await?;
        for More { org_path, words, .. } in more {
            if let Some(asked) = self.asked.get_mut(&(org_path, words)) {
                asked.written = asked.times;
            }
        }
        Ok(())
    }
}

/// The street that a place in the tree lies in.
fn area(org_path: &str) -> String {
    let ids: Vec<_> = OrgPath::parse(org_path).iter().flat_map(OrgPath::ids).take(AREA_DEPTH).collect();
    let mut ids = ids.into_iter();
    let root = ids.next().map(OrgPath::root);
    root.map(|root| ids.fold(root, |path, id| path.child(id)).to_string()).unwrap_or_default()
}

/// What was wanted in vain where the person may look, with the name of each area; the most wanted first.
pub async fn list(
    app: &App,
    actor: &StaffActor,
    days: (NaiveDate, NaiveDate),
    limit: u32,
) -> Result<Vec<(Sum, Option<organisation::Model>)>, Error> {
    let sums = search_demand::most_wanted(app.db.read(), visible(actor), days, limit.into()).await?;
    let paths: HashSet<&str> = sums.iter().map(|sum| sum.org_path.as_str()).collect();
    let named = organisation::Entity::find().filter(organisation::Column::Path.is_in(paths));
    let named = named.all(app.db.read()).await?.into_iter().map(|row| (row.path.clone(), row));
    let named: HashMap<_, _> = named.collect();
    Ok(sums.into_iter().map(|sum| (sum.clone(), named.get(&sum.org_path).cloned())).collect())
}

/// Who looks after a whole city sees what was asked from nowhere in particular, too.
fn visible(actor: &StaffActor) -> Condition {
    let whole_city = actor.scope.paths().iter().any(|path| path.ids().count() == 1);
    let scoped = actor.scope.condition(Column::OrgPath);
    if whole_city { Condition::any().add(scoped).add(Column::OrgPath.eq("")) } else { scoped }
}
