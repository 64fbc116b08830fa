//! The order of answers: total, so that pages joined are the whole list.

use std::collections::BinaryHeap;

use linli_domain::ids::FacilityId;
use serde::{Deserialize, Serialize};

use crate::{catalogue::Slot, rank::EXACT_NAME};

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
    /// What was meant, what is near and what is open, weighed together; text only.
    Relevance,
    /// The nearest first.
    Distance,
    /// The shortest walk first.
    WalkingTime,
    /// What is open first, then the nearest.
    OpenFirst,
}

/// A place in the order, compared member by member: what a cursor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// What the sort puts first: open before unknown before closed.
    pub class: u8,
    /// How far the hit falls short of the best possible one.
    pub loss: u32,
    /// Whole centimetres, so that equal is equal on every machine.
    pub distance_cm: u32,
    /// Decides between equals.
    pub id: FacilityId,
}

impl Place {
    /// The distance of what has no place on the map, or of everything when nobody says where she is.
    pub const NOWHERE_CM: u32 = u32::MAX;
}

/// One facility of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Where it stands in the order.
    pub place: Place,
    /// Where it stands in the catalogue.
    pub slot: Slot,
    /// How well it is what was said, in thousandths; see [`crate::TextHit`].
    pub relevance: u16,
}

impl Hit {
    /// Whether a name of it is just what was said.
    pub fn is_exact_name(&self) -> bool {
        f32::from(self.relevance) / 1_000.0 >= EXACT_NAME
    }

    /// Crow-fly distance in metres, if both ends are known.
    pub fn distance_m(&self) -> Option<f64> {
        (self.place.distance_cm != Place::NOWHERE_CM).then(|| f64::from(self.place.distance_cm) / 100.0)
    }
}

/// Keeps the few smallest of many.
pub(crate) struct Top<T: Ord> {
    limit: usize,
    /// The greatest kept item on top, ready to be displaced.
    kept: BinaryHeap<T>,
}

impl<T: Ord> Top<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, kept: BinaryHeap::with_capacity(limit) }
    }

    pub(crate) fn push(&mut self, item: T) {
        if self.kept.len() < self.limit {
            self.kept.push(item);
        } else if let Some(mut worst) = self.kept.peek_mut()
            && item < *worst
        {
            *worst = item;
        }
    }

    /// The item that the next one must come before, once all places are taken.
    pub(crate) fn worst(&self) -> Option<&T> {
        if self.kept.len() < self.limit { None } else { self.kept.peek() }
    }

    pub(crate) fn into_sorted(self) -> Vec<T> {
        self.kept.into_sorted_vec()
    }
}
