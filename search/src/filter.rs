//! Filters and facet counts, the same for nearby and for text.

use linli_domain::{
    facility::{AccessFeature, Category, FeeKind, ServiceMode},
    geo::Bounds,
    vocabulary::{Vocabulary, WordSet},
};

use crate::catalogue::{Facts, Openings};

/// What a facility must be like. Empty sets ask for nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Any of these.
    pub categories: WordSet<Category>,
    /// All of these.
    pub accessibility: WordSet<AccessFeature>,
    /// Any of these.
    pub fee_kinds: WordSet<FeeKind>,
    /// Any of these.
    pub modes: WordSet<ServiceMode>,
    /// Only what is open.
    pub open: bool,
    /// Only what is inside.
    pub bounds: Option<Bounds>,
}

/// Which of the filters that have a facet a facility fails; passing all is zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failures(u8);

impl Failures {
    const NONE: Self = Self(0);
    const CATEGORY: Self = Self(1);
    const FEE_KIND: Self = Self(2);
    const MODE: Self = Self(4);
    const OPEN: Self = Self(8);

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }

    fn none_but(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

impl Filter {
    /// What the facility fails; `None` if it fails a filter without a facet of alternatives.
    pub(crate) fn judge(&self, facts: &Facts, openings: &Openings) -> Option<Failures> {
        if !facts.accessibility.contains_all(&self.accessibility)
            || self.bounds.is_some_and(|bounds| !facts.point.is_some_and(|point| bounds.contains(point)))
        {
            return None;
        }
        let mut failures = 0;
        let mut fail_unless =
            |passed: bool, failure: Failures| failures |= if passed { 0 } else { failure.0 };
        fail_unless(any_of(self.categories, facts.categories), Failures::CATEGORY);
        fail_unless(any_of(self.fee_kinds, facts.fee_kinds), Failures::FEE_KIND);
        fail_unless(any_of(self.modes, facts.modes), Failures::MODE);
        fail_unless(!self.open || openings.is_open(facts) == Some(true), Failures::OPEN);
        Some(Failures(failures))
    }
}

fn any_of<V: Vocabulary>(wanted: WordSet<V>, given: WordSet<V>) -> bool {
    wanted.is_empty() || wanted.intersects(&given)
}

/// How many facilities there are for each word of a vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts<V>(Vec<u32>, std::marker::PhantomData<V>);

impl<V: Vocabulary> Default for Counts<V> {
    fn default() -> Self {
        Self(vec![0; V::ALL.len()], std::marker::PhantomData)
    }
}

impl<V: Vocabulary> Counts<V> {
    fn add(&mut self, words: WordSet<V>) {
        for word in words.iter() {
            self.0[word.index()] += 1;
        }
    }

    /// The words that occur, in the order of the vocabulary.
    pub fn iter(&self) -> impl Iterator<Item = (V, u32)> + '_ {
        V::ALL.iter().map(|word| (*word, self.0[word.index()])).filter(|(_, count)| *count > 0)
    }
}

/// What the person would get by choosing otherwise: each facet of alternatives is
/// counted without its own filter, so that the other choices keep their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// How many pass every filter.
    pub total: u32,
    /// How many of those that pass every other filter are open.
    pub open: u32,
    /// By category.
    pub categories: Counts<Category>,
    /// By accessibility; choosing more of these narrows, so its own filter counts.
    pub accessibility: Counts<AccessFeature>,
    /// By fee kind.
    pub fee_kinds: Counts<FeeKind>,
    /// By service mode.
    pub modes: Counts<ServiceMode>,
}

impl Facets {
    pub(crate) fn count(&mut self, facts: &Facts, failures: Failures, openings: &Openings) {
        if failures.is_none() {
            self.total += 1;
            self.accessibility.add(facts.accessibility);
        }
        if failures.none_but(Failures::CATEGORY) {
            self.categories.add(facts.categories);
        }
        if failures.none_but(Failures::FEE_KIND) {
            self.fee_kinds.add(facts.fee_kinds);
        }
        if failures.none_but(Failures::MODE) {
            self.modes.add(facts.modes);
        }
        if failures.none_but(Failures::OPEN) && openings.is_open(facts) == Some(true) {
            self.open += 1;
        }
    }
}
