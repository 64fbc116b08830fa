//! What nearby and search have in common: where one stands, how far one goes, the page.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use linli_domain::geo::{Point, WalkProfile};

use crate::{
    catalogue::{Openings, Snapshot},
    filter::{Facets, Filter},
    order::{Hit, Place, Sort},
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
    /// In which order.
    pub sort: Sort,
    /// Whether to count facets.
    pub facets: bool,
    /// Whether to look further when nothing is there.
    pub widen: bool,
    /// The last place of the page before.
    pub after: Option<Place>,
    /// How many.
    pub limit: usize,
    /// The instant that "open" is about.
    pub open_at: DateTime<Utc>,
    /// The present.
    pub now: DateTime<Utc>,
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
    /// Whether some word of the question had to be let go.
    pub relaxed: bool,
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
    Answer { snapshot: snapshot.clone(), openings, hits, next, facets, widened_to_m, relaxed: false }
}
