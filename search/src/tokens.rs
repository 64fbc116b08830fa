//! What a facility is found by: the same tokens for every engine, so that engines agree.

use std::collections::HashMap;

use linli_domain::{
    Vocabulary,
    facility::{Category, ServiceMode},
    vocabulary::WordSet,
};

use crate::{
    document::FacilityDocument,
    text::{Analyzer, ConceptId, Tokens, fold, short_division},
};

/// The tokens of a document, by where a wish meets them; one may stand there twice.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DocumentTokens {
    /// Whole names without blanks.
    pub(crate) exact: Vec<String>,
    /// Words of the names.
    pub(crate) name: Tokens,
    /// Characters and pairs of characters of the names.
    pub(crate) gram: Tokens,
    /// Full pinyin and initials of runs of words of the names.
    pub(crate) pinyin: Tokens,
    /// Concepts that the names name.
    pub(crate) concept: Tokens,
    /// Words of the services and categories.
    pub(crate) offer: Tokens,
    /// Concepts that the services, categories and facts are.
    pub(crate) offer_concept: Tokens,
    /// Words of the divisions and the address.
    pub(crate) place: Tokens,
    /// Whole names of divisions, without blanks.
    pub(crate) division: Vec<String>,
}

/// Makes the tokens of many documents, and remembers what many of them say alike.
pub(crate) struct Tokenizer<'a> {
    analyzer: &'a Analyzer,
    /// By the text of a service, category or division.
    phrases: HashMap<String, Phrase>,
    /// By the facts they follow from.
    bound: HashMap<Facts, Tokens>,
}

/// What a text that many facilities share is found by.
struct Phrase {
    whole: String,
    /// Without the kind of division: 采荷 is how people say 采荷街道.
    short: Option<String>,
    words: Tokens,
    concepts: Tokens,
}

/// Categories, modes, and whether anything is accessible.
type Facts = (WordSet<Category>, WordSet<ServiceMode>, bool);

/// More texts than this are not what many share.
const MAX_PHRASES: usize = 10_000;

impl<'a> Tokenizer<'a> {
    pub(crate) fn new(analyzer: &'a Analyzer) -> Self {
        Self { analyzer, phrases: HashMap::new(), bound: HashMap::new() }
    }

    pub(crate) fn document(&mut self, facility: &FacilityDocument) -> DocumentTokens {
        let analyzer = self.analyzer;
        let mut tokens = DocumentTokens::default();
        for name in facility.names() {
            tokens.exact.push(without_blanks(name));
            let of_name = analyzer.name(name);
            tokens.name.extend(&of_name.words);
            tokens.gram.extend(&of_name.grams);
            tokens.pinyin.extend(&of_name.spellings);
            tokens.concept.extend(&named(analyzer, analyzer.concepts(name)));
        }
        for service in &facility.services {
            let phrase = self.phrase(&service.name);
            tokens.offer.extend(&phrase.words);
            tokens.offer_concept.extend(&phrase.concepts);
        }
        for category in &facility.categories {
            tokens.offer.extend(&self.phrase(category.zh()).words);
        }
        tokens.offer_concept.extend(self.bound_concepts(facility));
        for division in &facility.divisions {
            let phrase = self.phrase(division);
            tokens.place.push(&phrase.whole);
            tokens.place.extend(&phrase.words);
            if let Some(short) = &phrase.short {
                tokens.place.push(short);
            }
            tokens.division.push(phrase.whole.clone());
        }
        tokens.place.extend(&analyzer.words(&facility.address));
        tokens
    }

    fn phrase(&mut self, text: &str) -> &Phrase {
        if self.phrases.len() >= MAX_PHRASES {
            self.phrases.clear();
        }
        // Two look-ups, so that a known text need not be copied to be looked up.
        if !self.phrases.contains_key(text) {
            let phrase = Phrase {
                whole: without_blanks(text),
                short: short_division(text).map(fold),
                words: self.analyzer.words(text),
                concepts: named(self.analyzer, self.analyzer.concepts(text)),
            };
            self.phrases.insert(text.to_owned(), phrase);
        }
        &self.phrases[text]
    }

    /// Concepts that follow from facts, whatever the facility is called.
    fn bound_concepts(&mut self, facility: &FacilityDocument) -> &Tokens {
        let facts: Facts = (
            facility.categories.iter().copied().collect(),
            facility.modes(),
            !facility.accessibility.is_empty(),
        );
        let analyzer = self.analyzer;
        self.bound.entry(facts).or_insert_with(|| {
            let (categories, modes, accessible) = facts;
            let concepts = analyzer.lexicon().concepts().iter().enumerate();
            let bound = concepts.filter(|(_, concept)| {
                (concept.accessible && accessible)
                    || concept.categories.iter().any(|name| categories.iter().any(|c| c.as_str() == name))
                    || concept
                        .mode
                        .as_deref()
                        .is_some_and(|name| modes.iter().any(|mode| mode.as_str() == name))
            });
            named(analyzer, bound.map(|(id, _)| id))
        })
    }
}

/// A folded text without blanks: how whole names are compared.
pub(crate) fn without_blanks(text: &str) -> String {
    fold(text).split_whitespace().collect()
}

fn named(analyzer: &Analyzer, concepts: impl IntoIterator<Item = ConceptId>) -> Tokens {
    let mut names = Tokens::default();
    for id in concepts {
        names.push(&analyzer.lexicon().concepts()[id].name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{sample, text::Lexicon};

    #[test]
    fn what_many_say_alike_is_found_by_the_same_tokens_every_time() {
        let analyzer = Analyzer::new(Lexicon::shipped());
        let mut tokenizer = Tokenizer::new(&analyzer);
        for facility in sample::city(200, 0.01) {
            let alone = Tokenizer::new(&analyzer).document(&facility);
            assert_eq!(tokenizer.document(&facility), alone, "{}", facility.name);
            assert!(alone.offer_concept.iter().count() > 0 && !alone.division.is_empty());
        }
    }
}
