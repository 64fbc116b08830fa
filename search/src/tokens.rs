//! What a facility is found by: the same tokens for every engine, so that engines agree.

use linli_domain::Vocabulary;

use crate::{
    document::FacilityDocument,
    text::{Analyzer, fold, short_division},
};

/// The tokens of a document, by where a wish meets them.
#[derive(Debug, Default)]
pub(crate) struct DocumentTokens {
    /// Whole names without blanks.
    pub(crate) exact: Vec<String>,
    /// Words of the names.
    pub(crate) name: Vec<String>,
    /// Characters and pairs of characters of the names.
    pub(crate) gram: Vec<String>,
    /// Full pinyin and initials of runs of words of the names.
    pub(crate) pinyin: Vec<String>,
    /// Concepts that the names name.
    pub(crate) concept: Vec<String>,
    /// Words of the services and categories.
    pub(crate) offer: Vec<String>,
    /// Concepts that the services, categories and facts are.
    pub(crate) offer_concept: Vec<String>,
    /// Words of the divisions and the address.
    pub(crate) place: Vec<String>,
    /// Whole names of divisions, without blanks.
    pub(crate) division: Vec<String>,
}

impl DocumentTokens {
    pub(crate) fn new(analyzer: &Analyzer, facility: &FacilityDocument) -> Self {
        let mut tokens = Self::default();
        for name in facility.names() {
            tokens.exact.push(without_blanks(name));
            let of_name = analyzer.name(name);
            tokens.name.extend(of_name.words);
            tokens.gram.extend(of_name.grams);
            tokens.pinyin.extend(of_name.spellings);
            tokens.concept.extend(concept_names(analyzer, analyzer.concepts(name)));
        }
        for service in &facility.services {
            tokens.offer.extend(analyzer.words(&service.name));
            tokens.offer_concept.extend(concept_names(analyzer, analyzer.concepts(&service.name)));
        }
        for category in &facility.categories {
            tokens.offer.extend(analyzer.words(category.zh()));
        }
        tokens.offer_concept.extend(concept_names(analyzer, bound_concepts(analyzer, facility)));
        for division in &facility.divisions {
            tokens.division.push(without_blanks(division));
            tokens.place.push(without_blanks(division));
            tokens.place.extend(analyzer.words(division));
            // 采荷 is how people say 采荷街道.
            tokens.place.extend(short_division(division).map(fold));
        }
        tokens.place.extend(analyzer.words(&facility.address));
        tokens
    }
}

/// A folded text without blanks: how whole names are compared.
pub(crate) fn without_blanks(text: &str) -> String {
    fold(text).split_whitespace().collect()
}

/// Concepts that follow from facts, whatever the facility is called.
fn bound_concepts(analyzer: &Analyzer, facility: &FacilityDocument) -> Vec<usize> {
    let modes = facility.modes();
    let accessible = !facility.accessibility.is_empty();
    let concepts = analyzer.lexicon().concepts().iter().enumerate();
    let bound = concepts.filter(|(_, concept)| {
        (concept.accessible && accessible)
            || concept.categories.iter().any(|name| facility.categories.iter().any(|c| c.as_str() == name))
            || concept.mode.as_deref().is_some_and(|name| modes.iter().any(|mode| mode.as_str() == name))
    });
    bound.map(|(id, _)| id).collect()
}

fn concept_names(analyzer: &Analyzer, ids: Vec<usize>) -> impl Iterator<Item = String> {
    ids.into_iter().map(|id| analyzer.lexicon().concepts()[id].name.clone())
}
