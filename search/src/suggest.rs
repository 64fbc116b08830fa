//! Suggestions while someone types: categories, services, places, facilities.

use linli_domain::{Vocabulary, facility::Category, ids::FacilityId};

use crate::text::{Analyzer, fold};

/// What a suggestion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuggestionKind {
    /// A field of service.
    Category,
    /// Something one gets.
    Service,
    /// A division of the city.
    Place,
    /// One facility.
    Facility,
}

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// What it is.
    pub kind: SuggestionKind,
    /// What to show, and to search for.
    pub text: String,
    /// The category, if it is one.
    pub category: Option<Category>,
    /// The facility, if it is one.
    pub facility: Option<FacilityId>,
}

impl Suggestion {
    pub(crate) fn place(text: String) -> Self {
        Self { kind: SuggestionKind::Place, text, category: None, facility: None }
    }

    pub(crate) fn facility(id: FacilityId, name: &str) -> Self {
        Self { kind: SuggestionKind::Facility, text: name.to_owned(), category: None, facility: Some(id) }
    }
}

/// Words that can be suggested without looking at any facility, by every way to type them.
pub(crate) struct Wordlist(Vec<(Vec<String>, Suggestion)>);

impl Wordlist {
    pub(crate) fn new(analyzer: &Analyzer) -> Self {
        let categories = Category::ALL.iter().map(|category| Suggestion {
            kind: SuggestionKind::Category,
            text: category.zh().to_owned(),
            category: Some(*category),
            facility: None,
        });
        let words = analyzer.lexicon().concepts().iter().flat_map(|concept| &concept.words);
        let services = words.map(|word| Suggestion {
            kind: SuggestionKind::Service,
            text: word.clone(),
            category: None,
            facility: None,
        });
        let with_keys = |suggestion: Suggestion| {
            let spellings = analyzer.name(&suggestion.text).spellings;
            let keys = spellings.iter().map(str::to_owned).chain([fold(&suggestion.text)]).collect();
            (keys, suggestion)
        };
        Self(categories.chain(services).map(with_keys).collect())
    }

    /// At most so many of a kind that begin as typed, the shortest first.
    pub(crate) fn beginning(&self, folded: &str, kind: SuggestionKind, limit: usize) -> Vec<Suggestion> {
        let begins = |keys: &[String]| keys.iter().any(|key| key.starts_with(folded));
        let of_kind = self.0.iter().filter(|(keys, suggestion)| suggestion.kind == kind && begins(keys));
        let mut found: Vec<_> = of_kind.map(|(_, suggestion)| suggestion.clone()).collect();
        found.sort_by_key(|suggestion| suggestion.text.chars().count());
        found.truncate(limit);
        found
    }
}
