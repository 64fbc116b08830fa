//! Sifting: candidates in, the page and the counts out.

use crate::{
    answer::{Ask, Found},
    catalogue::{Facts, OpenThen, Openings, Slot, Snapshot},
    distance::{centimetres, chord_2, metres_of_chord_2, on_sphere},
    filter::Facets,
    order::{Hit, Place, Sort, Top},
    rank::{Bar, TextHit},
};

/// One pass over candidates, whatever found them.
pub(crate) struct Sieve<'a> {
    snapshot: &'a Snapshot,
    ask: &'a Ask,
    openings: &'a Openings,
    then: Option<OpenThen<'a>>,
    origin: Option<[f64; 3]>,
    radius_cm: Option<u32>,
    bar: Bar,
    /// What nothing on the page loses more than, as an earlier pass found.
    reached: Option<u32>,
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
            then: ask.then.map(|then| OpenThen::new(then, ask.now, openings)),
            origin: ask.origin.map(on_sphere),
            radius_cm: radius_m.map(centimetres),
            bar: Bar::new(ask),
            reached: None,
            top: Top::new(ask.limit + 1),
            facets: ask.facets.then(Facets::default),
        }
    }

    /// The same pass from the beginning, knowing how good a page there is at least.
    pub(crate) fn again(self) -> Self {
        let reached = self.top.worst().map(|worst| worst.place.loss);
        Self { reached, top: Top::new(self.ask.limit + 1), ..self }
    }

    /// Takes a candidate of a text index whose distance is to be measured; `loss` is told the distance.
    ///
    /// Most candidates of a common word cannot be on the page, and the squared chord alone shows that.
    pub(crate) fn offer(&mut self, hit: TextHit, loss: impl Fn(&Facts, u32) -> u32) {
        let Some(facts) = self.snapshot.facts(hit.slot) else { return };
        let chord_2 = self.origin.zip(facts.on_sphere).map(|(origin, point)| chord_2(&origin, &point));
        if self.ask.sort == Sort::Relevance
            && self.facets.is_none()
            && let Some(worst) = self.top.worst().map(|worst| worst.place.loss).or(self.reached)
            && let Some(chord_2) = chord_2
            && self.bar.is_missed(worst, hit.relevance, self.openings.is_open(facts), chord_2)
        {
            return;
        }
        let distance_cm = chord_2.map_or(Place::NOWHERE_CM, |c| centimetres(metres_of_chord_2(c)));
        self.offer_at(hit.slot, facts, distance_cm, hit.thousandths(), loss);
    }

    /// Takes a candidate at a known distance.
    pub(crate) fn offer_at(
        &mut self,
        slot: Slot,
        facts: &Facts,
        distance_cm: u32,
        relevance: u16,
        loss: impl Fn(&Facts, u32) -> u32,
    ) {
        if self.radius_cm.is_some_and(|radius_cm| distance_cm > radius_cm) {
            return;
        }
        if self.then.as_ref().is_some_and(|then| !then.holds(facts)) {
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
            self.top.push(Hit { place, slot, relevance });
        }
    }

    /// Whether nothing at this distance or beyond can be on the page any more, when candidates come nearest first.
    pub(crate) fn is_done_at(&self, distance_cm: u32) -> bool {
        self.radius_cm.is_some_and(|radius_cm| distance_cm > radius_cm)
            || self.top.worst().is_some_and(|worst| distance_cm > worst.place.distance_cm)
    }

    /// Whether nothing at this distance or beyond can be on the page any more, of candidates that lose
    /// at least so much there.
    pub(crate) fn is_out_of_reach(&self, distance_cm: u32, least_loss: u32) -> bool {
        self.radius_cm.is_some_and(|radius_cm| distance_cm > radius_cm)
            || self.top.worst().is_some_and(|worst| least_loss > worst.place.loss)
    }

    pub(crate) fn finish(self) -> Found {
        Found { hits: self.top.into_sorted(), facets: self.facets }
    }
}

fn openness_class(open: Option<bool>) -> u8 {
    match open {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    }
}
