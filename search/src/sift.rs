//! Sifting: candidates in, the page and the counts out.

use linli_domain::geo::Point;

use crate::{
    answer::{Ask, Found},
    catalogue::{Facts, Openings, Slot, Snapshot},
    distance::{centimetres, chord_2, metres_of_chord_2, on_sphere},
    filter::Facets,
    order::{Hit, Place, Sort, Top},
};

/// One pass over candidates, whatever found them.
pub(crate) struct Sieve<'a> {
    snapshot: &'a Snapshot,
    ask: &'a Ask,
    openings: &'a Openings,
    origin: Option<[f64; 3]>,
    radius_cm: Option<u32>,
    top: Top<Hit>,
    facets: Option<Facets>,
}

impl<'a> Sieve<'a> {
    pub(crate) fn new(
        snapshot: &'a Snapshot,
        ask: &'a Ask,
        openings: &'a Openings,
        radius_m: Option<f64>,
    ) -> Self {
        Self {
            snapshot,
            ask,
            openings,
            origin: ask.origin.map(on_sphere),
            radius_cm: radius_m.map(centimetres),
            top: Top::new(ask.limit + 1),
            facets: ask.facets.then(Facets::default),
        }
    }

    /// Takes a candidate whose distance is to be measured; `loss` is told the distance.
    pub(crate) fn offer(&mut self, slot: Slot, loss: impl FnOnce(&Facts, u32) -> u32) {
        let Some(facts) = self.snapshot.facts(slot) else { return };
        let distance_cm = self.distance_cm(facts.point);
        self.offer_at(slot, facts, distance_cm, loss);
    }

    /// Takes a candidate at a known distance.
    pub(crate) fn offer_at(
        &mut self,
        slot: Slot,
        facts: &Facts,
        distance_cm: u32,
        loss: impl FnOnce(&Facts, u32) -> u32,
    ) {
        if self.radius_cm.is_some_and(|radius_cm| distance_cm > radius_cm) {
            return;
        }
        let Some(failures) = self.ask.filter.judge(facts, self.openings) else { return };
        if let Some(facets) = &mut self.facets {
            facets.count(facts, failures, self.openings);
        }
        if !failures.is_none() {
            return;
        }
        let Some(card) = self.snapshot.card(slot) else { return };
        let (class, loss) = match self.ask.sort {
            Sort::Relevance => (0, loss(facts, distance_cm)),
            // By the estimate, the shortest walk is the shortest way.
            Sort::Distance | Sort::WalkingTime => (0, 0),
            Sort::OpenFirst => (openness_class(self.openings.is_open(facts)), 0),
        };
        let place = Place { class, loss, distance_cm, id: card.id };
        if self.ask.after.is_none_or(|after| place > after) {
            self.top.push(Hit { place, slot });
        }
    }

    /// Whether nothing at this distance or beyond can be on the page any more, when candidates come nearest first.
    pub(crate) fn is_done_at(&self, distance_cm: u32) -> bool {
        self.radius_cm.is_some_and(|radius_cm| distance_cm > radius_cm)
            || self.top.worst().is_some_and(|worst| distance_cm > worst.place.distance_cm)
    }

    pub(crate) fn finish(self) -> Found {
        Found { hits: self.top.into_sorted(), facets: self.facets }
    }

    fn distance_cm(&self, point: Option<Point>) -> u32 {
        self.origin.zip(point).map_or(Place::NOWHERE_CM, |(origin, point)| {
            centimetres(metres_of_chord_2(chord_2(&origin, &on_sphere(point))))
        })
    }
}

fn openness_class(open: Option<bool>) -> u8 {
    match open {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    }
}
