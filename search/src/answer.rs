//! What nearby and search have in common: where one stands, how far one goes, the page.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use linli_domain::geo::{Point, WalkProfile};
use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{Openings, Snapshot, Then},
    filter::{Facets, Filter},
    order::{Hit, Place, Sort},
    rank::{Score, Weights, score},
    text::{Query, Step, Unit, Wish},
};

/// How far one would go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    /// This many metres as the crow flies.
    Radius(f64),
    /// This many minutes on foot, by the estimate.
    Minutes(f64),
}

impl Reach {
    /// As a radius in metres.
    pub fn radius_m(self, profile: WalkProfile) -> f64 {
        match self {
            Self::Radius(metres) => metres,
            Self::Minutes(minutes) => profile.radius_m(minutes),
        }
    }
}

/// What every question says, with text or without.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where the person stands.
    pub origin: Option<Point>,
    /// How far she would go; only with an origin.
    pub reach: Option<Reach>,
    /// How she walks.
    pub profile: WalkProfile,
    /// What it must be like.
    pub filter: Filter,
    /// Only what is open then, besides what the filter says.
    pub then: Option<Then>,
    /// In which order.
    pub sort: Sort,
    /// How the parts of relevance are weighed.
    pub weights: Weights,
    /// Whether to count facets.
    pub facets: bool,
    /// Whether to look further when nothing is there.
    pub widen: bool,
    /// The last place of the page before.
    pub after: Option<Place>,
    /// How the page before read the question; of a later page of a search.
    pub reading: Option<Reading>,
    /// How many.
    pub limit: usize,
    /// The instant that "open" is about.
    pub open_at: DateTime<Utc>,
    /// The present.
    pub now: DateTime<Utc>,
}

/// How a question was read: what a cursor must hold so that later pages read it alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The step that found something.
    pub step: Step,
    /// Whether nothing found was as it was wished, and the wishes were let go.
    pub without_wishes: bool,
}

/// More places of one name only confuse.
const MAX_PLACES: usize = 3;

/// What a question was taken for, so that the person can say no.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Understood {
    /// How far from what was said.
    pub step: Step,
    /// What is looked for, in the words that were said, as far as the vocabulary knows them.
    pub words: Vec<String>,
    /// Other words that are looked for.
    pub unknown: Vec<String>,
    /// Whole names of the divisions that were named, of an ambiguous name the first few.
    pub places: Vec<String>,
    /// How it should be.
    pub wishes: Vec<Wish>,
    /// How it should be, where nothing is like that.
    pub wishes_let_go: Vec<Wish>,
    /// The text that was read instead of what was said.
    pub read_as: Option<String>,
    /// What was said and is not looked for.
    pub let_go: Vec<String>,
}

impl Understood {
    pub(crate) fn of(query: &Query, without_wishes: bool) -> Self {
        let known = |unit: &&Unit| matches!(unit, Unit::Concept { .. } | Unit::Place { .. });
        let said = |units: Vec<&Unit>| units.into_iter().map(|unit| unit.said().to_owned()).collect();
        let (known, unknown) = query.units.iter().chain(&query.hints).partition(known);
        let places = query.units.iter().flat_map(|unit| match unit {
            Unit::Place { names, .. } => names.as_slice(),
            _ => &[],
        });
        let (wishes, wishes_let_go) = if without_wishes {
            (Vec::new(), query.wishes.clone())
        } else {
            (query.wishes.clone(), Vec::new())
        };
        Self {
            step: query.step,
            words: said(known),
            unknown: said(unknown),
            places: places.take(MAX_PLACES).cloned().collect(),
            wishes,
            wishes_let_go,
            read_as: query.read_as.clone(),
            let_go: query.let_go.clone(),
        }
    }
}

/// A page, with the catalogue it was read from.
pub struct Answer {
    /// The catalogue that the slots are of.
    pub snapshot: Arc<Snapshot>,
    /// What was open.
    pub openings: Arc<Openings>,
    /// At most as many as asked for.
    pub hits: Vec<Hit>,
    /// Where the next page begins after, if there is one.
    pub next: Option<Place>,
    /// Counts, if asked for.
    pub facets: Option<Facets>,
    /// The radius that was needed, if nothing was within the one asked for.
    pub widened_to_m: Option<f64>,
    /// Whether something that was said had to be let go.
    pub relaxed: bool,
    /// How the question was read; of a search.
    pub reading: Reading,
    /// What the question was taken for; of a search.
    pub understood: Option<Understood>,
    /// How the parts of relevance were weighed.
    pub weights: Weights,
    /// How the person walks.
    pub profile: WalkProfile,
}

impl Answer {
    /// Why a hit of this answer stands where it does.
    pub fn score(&self, hit: &Hit) -> Option<Score> {
        let facts = self.snapshot.facts(hit.slot)?;
        let relevance = f32::from(hit.relevance) / 1_000.0;
        let open = self.openings.is_open(facts);
        Some(score(relevance, hit.place.distance_cm, open, self.profile, self.weights))
    }
}

/// What was found within one radius.
pub(crate) struct Found {
    /// One more than asked for, if there are.
    pub(crate) hits: Vec<Hit>,
    pub(crate) facets: Option<Facets>,
}

/// Radii to which a search that found nothing is widened.
const STEPS_M: [f64; 7] = [500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 20_000.0, 50_000.0];

/// Looks within the reach, then wider if that was asked for, and cuts the page.
pub(crate) fn page(
    snapshot: &Arc<Snapshot>,
    openings: Arc<Openings>,
    ask: &Ask,
    find: impl Fn(Option<f64>) -> Found,
) -> Answer {
    let reach_m = ask.reach.map(|reach| reach.radius_m(ask.profile));
    let mut found = find(reach_m);
    let mut widened_to_m = None;
    // A later page continues the list of the first; it never starts a wider one.
    if let Some(reach_m) = reach_m.filter(|_| ask.widen && ask.after.is_none() && found.hits.is_empty()) {
        for wider_m in STEPS_M.into_iter().filter(|step| *step > reach_m) {
            found = find(Some(wider_m));
            if !found.hits.is_empty() {
                widened_to_m = Some(wider_m);
                break;
            }
        }
    }
    let Found { mut hits, facets } = found;
    let more = hits.len() > ask.limit;
    hits.truncate(ask.limit);
    let next = hits.last().filter(|_| more).map(|hit| hit.place);
    Answer {
        snapshot: snapshot.clone(),
        openings,
        hits,
        next,
        facets,
        widened_to_m,
        relaxed: false,
        reading: Reading::default(),
        understood: None,
        weights: ask.weights,
        profile: ask.profile,
    }
}
