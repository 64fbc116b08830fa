//! Ranking: what was meant, then what a person would walk to.
//!
//! Each part is between 0 and 1 and is weighed by one table, so the order can
//! be explained to the person who sees it.

use std::sync::Arc;

use linli_domain::geo::WalkProfile;

use crate::{
    answer::{Answer, Ask, Found, page},
    catalogue::{Facts, Openings, Slot, Snapshot},
    order::Place,
    sift::Sieve,
};

/// A facility that a text index found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextHit {
    /// Its slot in the catalogue.
    pub slot: Slot,
    /// How well it is what was said, 0 to 1; above 1 its name is what was said.
    pub relevance: f32,
}

/// How the parts are weighed.
const TEXT: f32 = 0.6;
const WALK: f32 = 0.3;
const OPEN: f32 = 0.1;

/// A walk of so many minutes is worth half of none.
const HALF_WORTH_MINUTES: f32 = 15.0;

/// The highest rank: an exact name, next door, open.
const BEST: f32 = MAX_RELEVANCE * TEXT + WALK + OPEN;

/// The relevance of an exact name.
pub(crate) const MAX_RELEVANCE: f32 = 2.0;

/// Orders what a text index found, and counts facets over all of it.
pub(crate) fn ranked(snapshot: &Arc<Snapshot>, ask: &Ask, hits: &[TextHit]) -> Answer {
    let openings = snapshot.openings(ask.open_at, ask.now);
    let looked_up = openings.clone();
    page(snapshot, openings, ask, |radius_m| find(snapshot, ask, &looked_up, hits, radius_m))
}

fn find(
    snapshot: &Snapshot,
    ask: &Ask,
    openings: &Openings,
    hits: &[TextHit],
    radius_m: Option<f64>,
) -> Found {
    let mut sieve = Sieve::new(snapshot, ask, openings, radius_m);
    for hit in hits {
        sieve.offer(hit.slot, |facts, distance_cm| {
            loss(hit.relevance, distance_cm, facts, openings, ask.profile)
        });
    }
    sieve.finish()
}

/// How far the hit falls short of the best possible one, in ten-thousandths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 16,000, from parts that need no more precision"
)]
fn loss(relevance: f32, distance_cm: u32, facts: &Facts, openings: &Openings, profile: WalkProfile) -> u32 {
    let nearness = if distance_cm == Place::NOWHERE_CM {
        0.0
    } else {
        let minutes = profile.minutes(f64::from(distance_cm) / 100.0) as f32;
        1.0 / (1.0 + minutes / HALF_WORTH_MINUTES)
    };
    let openness = match openings.is_open(facts) {
        Some(true) => 1.0,
        None => 0.5,
        Some(false) => 0.0,
    };
    let rank = TEXT * relevance.min(MAX_RELEVANCE) + WALK * nearness + OPEN * openness;
    ((BEST - rank).max(0.0) * 10_000.0).round() as u32
}
