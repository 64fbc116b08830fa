//! Nearby: what is within a walk, without text and without leaving the process.
//!
//! Invariant: nobody outside the radius is ever in an answer.

use std::sync::Arc;

use crate::{
    answer::{Answer, Ask, Found, page},
    catalogue::{Openings, Snapshot},
    distance::{centimetres, chord_2, chord_2_of_metres, metres_of_chord_2, on_sphere},
    order::Sort,
    sift::Sieve,
};

/// Answers from the catalogue; without an origin there is nothing near.
pub fn nearby(snapshot: &Arc<Snapshot>, ask: &Ask) -> Answer {
    let openings = snapshot.openings(ask.open_at, ask.now);
    let looked_up = openings.clone();
    page(snapshot, openings, ask, |radius_m| find(snapshot, ask, &looked_up, radius_m))
}

fn find(snapshot: &Snapshot, ask: &Ask, openings: &Openings, radius_m: Option<f64>) -> Found {
    let mut sieve = Sieve::new(snapshot, ask, openings, radius_m);
    let Some(origin) = ask.origin.map(on_sphere) else { return sieve.finish() };
    let no_loss = |_: &_, _| 0;
    let by_distance = matches!(ask.sort, Sort::Distance | Sort::WalkingTime);
    match radius_m {
        // Facets and other orders look at the whole circle anyway, in whatever order the tree has it.
        Some(radius_m) if ask.facets || !by_distance => {
            // A little more than the circle: the exact limit is in whole centimetres.
            for leaf in snapshot.tree().locate_within_distance(origin, chord_2_of_metres(radius_m + 1.0)) {
                let Some(facts) = snapshot.facts(leaf.data) else { continue };
                let distance_cm = centimetres(metres_of_chord_2(chord_2(leaf.geom(), &origin)));
                sieve.offer_at(leaf.data, facts, distance_cm, 0, no_loss);
            }
        }
        _ => {
            for (leaf, chord_2) in snapshot.tree().nearest_neighbor_iter_with_distance_2(origin) {
                let distance_cm = centimetres(metres_of_chord_2(chord_2));
                if by_distance && !ask.facets && sieve.is_done_at(distance_cm) {
                    break;
                }
                let Some(facts) = snapshot.facts(leaf.data) else { continue };
                sieve.offer_at(leaf.data, facts, distance_cm, 0, no_loss);
            }
        }
    }
    sieve.finish()
}

#[cfg(test)]
mod tests;
