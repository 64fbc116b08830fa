//! Ranking: what was meant, then what a person would walk to.
//!
//! Each part is between 0 and 1 and is weighed by one table, so the order can
//! be explained to the person who sees it.

use std::{ops::ControlFlow, sync::Arc};

use linli_domain::geo::{EARTH_RADIUS_M, WalkProfile};

use crate::{
    answer::{Answer, Ask, Found, page},
    catalogue::{Facts, Openings, Slot, Snapshot},
    distance::{centimetres, chord_2, chord_2_of_metres, metres_of_chord_2, on_sphere},
    order::{Place, Sort},
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

impl TextHit {
    /// The relevance as a hit carries it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2,000")]
    pub(crate) fn thousandths(self) -> u16 {
        (self.relevance.clamp(0.0, MAX_RELEVANCE) * 1_000.0).round() as u16
    }
}

/// How the parts of a score are weighed; they add up to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// How well it is what was said.
    pub text: f32,
    /// How near it is on foot.
    pub walk: f32,
    /// Whether it is open.
    pub open: f32,
}

impl Weights {
    /// What was meant counts most.
    pub const USUAL: Self = Self { text: 0.6, walk: 0.3, open: 0.1 };
    /// For who asks for the nearest one: nearness counts most.
    pub const NEAREST: Self = Self { text: 0.3, walk: 0.65, open: 0.05 };
}

/// Why something stands where it does: the parts, weighed, and their sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// What was meant.
    pub text: f32,
    /// How near it is on foot.
    pub walk: f32,
    /// Whether it is open.
    pub open: f32,
}

impl Score {
    /// All parts together.
    pub fn total(self) -> f32 {
        self.text + self.walk + self.open
    }
}

/// A walk of so many minutes is worth half of none.
const HALF_WORTH_MINUTES: f32 = 15.0;

/// The relevance of an exact name.
pub(crate) const MAX_RELEVANCE: f32 = 2.0;

/// More than any hit reaches whose name is not what was said, and less than any other.
pub(crate) const EXACT_NAME: f32 = 1.5;

/// With more hits than this, a circle is searched by place and not by hit.
const MANY: usize = 500;

/// So many facilities round the person are looked at before all hits are.
const SOON: usize = 2_000;

/// Orders what a text index found (`hits` ascend by slot), and counts facets over all of it.
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
    let losing = |hit: TextHit| {
        move |facts: &Facts, distance_cm| {
            loss(hit.relevance, distance_cm, openings.is_open(facts), ask.profile, ask.weights)
        }
    };
    let sieve = Sieve::new(snapshot, ask, openings, radius_m);
    let mut sieve = match nearest_first(snapshot, ask, hits, sieve, losing) {
        ControlFlow::Break(found) => return found,
        ControlFlow::Continue(sieve) => sieve.again(),
    };
    match (ask.origin.map(on_sphere), radius_m) {
        (Some(origin), Some(radius_m)) if hits.len() > MANY => {
            // A little more than the circle: the exact limit is in whole centimetres.
            for leaf in snapshot.tree().locate_within_distance(origin, chord_2_of_metres(radius_m + 1.0)) {
                let Ok(at) = hits.binary_search_by_key(&leaf.data, |hit| hit.slot) else { continue };
                let Some(facts) = snapshot.facts(leaf.data) else { continue };
                let distance_cm = centimetres(metres_of_chord_2(chord_2(leaf.geom(), &origin)));
                let hit = hits[at];
                sieve.offer_at(leaf.data, facts, distance_cm, hit.thousandths(), losing(hit));
            }
        }
        _ => {
            for hit in hits {
                sieve.offer(*hit, losing(*hit));
            }
        }
    }
    sieve.finish()
}

/// Looks at the nearest facilities first and ends where nothing farther can be on the page any more.
/// The sieve as far as it came, when that is not soon, or when everything has to be looked at anyway.
fn nearest_first<'a, L: Fn(&Facts, u32) -> u32>(
    snapshot: &Snapshot,
    ask: &Ask,
    hits: &[TextHit],
    mut sieve: Sieve<'a>,
    losing: impl Fn(TextHit) -> L,
) -> ControlFlow<Found, Sieve<'a>> {
    let Some(origin) = ask.origin.map(on_sphere) else { return ControlFlow::Continue(sieve) };
    if hits.len() <= MANY || ask.facets || ask.sort != Sort::Relevance {
        return ControlFlow::Continue(sieve);
    }
    // The few that are called just so may be anywhere; without them the best relevance bounds the rest.
    let mut best = 0.0_f32;
    for hit in hits {
        if hit.relevance < EXACT_NAME {
            best = best.max(hit.relevance);
        } else {
            sieve.offer(*hit, losing(*hit));
        }
    }
    let around = snapshot.tree().nearest_neighbor_iter_with_distance_2(origin);
    // A step there costs as much as a dozen hits here.
    for (leaf, chord_2) in around.take(SOON.min(hits.len() / 16)) {
        let distance_cm = centimetres(metres_of_chord_2(chord_2));
        // What has no place on the map comes after everything that has one.
        if sieve.is_out_of_reach(distance_cm, loss(best, distance_cm, Some(true), ask.profile, ask.weights)) {
            return ControlFlow::Break(sieve.finish());
        }
        let Ok(at) = hits.binary_search_by_key(&leaf.data, |hit| hit.slot) else { continue };
        let Some(facts) = snapshot.facts(leaf.data) else { continue };
        let hit = hits[at];
        if hit.relevance < EXACT_NAME {
            sieve.offer_at(leaf.data, facts, distance_cm, hit.thousandths(), losing(hit));
        }
    }
    ControlFlow::Continue(sieve)
}

/// The parts of a score, weighed.
pub(crate) fn score(
    relevance: f32,
    distance_cm: u32,
    open: Option<bool>,
    profile: WalkProfile,
    weights: Weights,
) -> Score {
    let nearness = if distance_cm == Place::NOWHERE_CM {
        0.0
    } else {
        #[expect(clippy::cast_possible_truncation, reason = "minutes need no more precision")]
        let minutes = profile.minutes(f64::from(distance_cm) / 100.0) as f32;
        1.0 / (1.0 + minutes / HALF_WORTH_MINUTES)
    };
    Score {
        text: weights.text * relevance.min(MAX_RELEVANCE),
        walk: weights.walk * nearness,
        open: weights.open * openness(open),
    }
}

fn openness(open: Option<bool>) -> f32 {
    match open {
        Some(true) => 1.0,
        None => 0.5,
        Some(false) => 0.0,
    }
}

/// What a hit must reach to be on the page, told from its squared chord alone: most hits of a common
/// word are passed over here, without a root or an arc.
pub(crate) struct Bar {
    weights: Weights,
    /// How far one walks for half the worth of nearness.
    half_worth_m: f64,
}

/// The exact judgement rounds: this much of a score is given, and then judged exactly.
const ROUNDING: f64 = 0.000_01;

impl Bar {
    pub(crate) fn new(ask: &Ask) -> Self {
        Self { weights: ask.weights, half_worth_m: ask.profile.radius_m(f64::from(HALF_WORTH_MINUTES)) }
    }

    /// Whether a hit certainly loses more than `worst`.
    pub(crate) fn is_missed(&self, worst: u32, relevance: f32, open: Option<bool>, chord_2: f64) -> bool {
        let Weights { text, walk, open: opening } = self.weights;
        let rest = text * (MAX_RELEVANCE - relevance.min(MAX_RELEVANCE)) + opening * (1.0 - openness(open));
        let nearness =
            1.0 - ((f64::from(worst) + 0.5) / 10_000.0 + ROUNDING - f64::from(rest)) / f64::from(walk);
        // Nearness is half / (half + metres), and metres are never fewer than the chord's.
        let metres_times_nearness = self.half_worth_m * (1.0 - nearness);
        let chord_times_nearness_2 = chord_2 * (EARTH_RADIUS_M * nearness).powi(2);
        nearness > 1.0
            || (nearness > 0.0 && chord_times_nearness_2 > metres_times_nearness * metres_times_nearness)
    }
}

/// How far the hit falls short of the best possible one (an exact name, next door, open), in ten-thousandths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 20,000, from parts that need no more precision"
)]
fn loss(relevance: f32, distance_cm: u32, open: Option<bool>, profile: WalkProfile, weights: Weights) -> u32 {
    let best = MAX_RELEVANCE * weights.text + weights.walk + weights.open;
    let rank = score(relevance, distance_cm, open, profile, weights).total();
    ((best - rank).max(0.0) * 10_000.0).round() as u32
}

#[cfg(test)]
mod tests {
    use linli_domain::geo::Point;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_is_passed_over_that_could_be_on_the_page(
            (relevance, worst) in (0.0_f32..2.2, 0_u32..20_000),
            (north, east) in (-0.3..0.3, -0.3..0.3),
            open in proptest::option::of(any::<bool>()),
            (weights, profile) in (
                prop_oneof![Just(Weights::USUAL), Just(Weights::NEAREST)],
                prop_oneof![Just(WalkProfile::Adult), Just(WalkProfile::Elder)],
            ),
        ) {
            let here = on_sphere(Point::wgs84(30.25, 120.17).unwrap());
            let there = on_sphere(Point::wgs84(30.25 + north, 120.17 + east).unwrap());
            let chord_2 = chord_2(&here, &there);
            let exact = loss(relevance, centimetres(metres_of_chord_2(chord_2)), open, profile, weights);
            let bar = Bar { weights, half_worth_m: profile.radius_m(f64::from(HALF_WORTH_MINUTES)) };
            let missed = bar.is_missed(worst, relevance, open, chord_2);
            prop_assert!(!missed || exact > worst, "{exact} is passed over for {worst}");
            prop_assert!(missed || exact <= worst + 1, "{exact} is judged exactly for {worst}");
        }
    }
}
