//! The fields of the index, and a document's tokens in them.

use linli_domain::Vocabulary;
use tantivy::{
    TantivyDocument, Term,
    schema::{FAST, Field, INDEXED, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions},
    tokenizer::{PreTokenizedString, Token},
};

use crate::{
    catalogue::Slot,
    document::FacilityDocument,
    text::{Analyzer, fold},
};

pub(super) const SLOT: &str = "slot";

/// Where a wish may be met.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    slot: Field,
    /// A whole name without blanks.
    pub(super) exact: Field,
    /// Words of the names.
    pub(super) name: Field,
    /// Characters and pairs of characters of the names.
    pub(super) gram: Field,
    /// Full pinyin and initials of runs of words of the names.
    pub(super) pinyin: Field,
    /// Concepts that the names name.
    pub(super) concept: Field,
    /// Words of the services and categories.
    pub(super) offer: Field,
    /// Concepts that the services, categories and facts are.
    pub(super) offer_concept: Field,
    /// Words of the divisions and the address.
    pub(super) place: Field,
    /// Whole names of divisions, without blanks.
    pub(super) division: Field,
}

impl Fields {
    pub(super) fn schema() -> Schema {
        let mut schema = Schema::builder();
        schema.add_u64_field(SLOT, FAST | INDEXED);
        // Only whether a token is there counts: no frequencies, no positions, no norms.
        let indexing =
            TextFieldIndexing::default().set_index_option(IndexRecordOption::Basic).set_fieldnorms(false);
        let tokens = TextOptions::default().set_indexing_options(indexing);
        for name in ["name", "gram", "pinyin", "concept", "offer", "offer_concept", "place"] {
            schema.add_text_field(name, tokens.clone());
        }
        schema.add_text_field("exact", STRING);
        schema.add_text_field("division", STRING);
        schema.build()
    }

    pub(super) fn of(schema: &Schema) -> tantivy::Result<Self> {
        let field = |name| schema.get_field(name);
        Ok(Self {
            slot: field(SLOT)?,
            exact: field("exact")?,
            name: field("name")?,
            gram: field("gram")?,
            pinyin: field("pinyin")?,
            concept: field("concept")?,
            offer: field("offer")?,
            offer_concept: field("offer_concept")?,
            place: field("place")?,
            division: field("division")?,
        })
    }

    pub(super) fn slot_term(&self, slot: Slot) -> Term {
        Term::from_field_u64(self.slot, u64::from(slot))
    }

    pub(super) fn document(
        &self,
        analyzer: &Analyzer,
        slot: Slot,
        facility: &FacilityDocument,
    ) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_u64(self.slot, u64::from(slot));
        for name in facility.names() {
            document.add_text(self.exact, without_blanks(name));
            let tokens = analyzer.name(name);
            add_tokens(&mut document, self.name, tokens.words);
            add_tokens(&mut document, self.gram, tokens.grams);
            add_tokens(&mut document, self.pinyin, tokens.spellings);
            add_tokens(&mut document, self.concept, concept_names(analyzer, analyzer.concepts(name)));
        }
        for service in &facility.services {
            add_tokens(&mut document, self.offer, analyzer.words(&service.name));
            add_tokens(
                &mut document,
                self.offer_concept,
                concept_names(analyzer, analyzer.concepts(&service.name)),
            );
        }
        for category in &facility.categories {
            add_tokens(&mut document, self.offer, analyzer.words(category.zh()));
        }
        add_tokens(
            &mut document,
            self.offer_concept,
            concept_names(analyzer, bound_concepts(analyzer, facility)),
        );
        for division in &facility.divisions {
            document.add_text(self.division, without_blanks(division));
            add_tokens(&mut document, self.place, analyzer.words(division));
            // 采荷 is how people say 采荷街道.
            add_tokens(&mut document, self.place, short_division(division).map(fold));
        }
        add_tokens(&mut document, self.place, analyzer.words(&facility.address));
        document
    }
}

/// A folded text without blanks: how whole names are compared.
pub(super) fn without_blanks(text: &str) -> String {
    fold(text).split_whitespace().collect()
}

/// The name of a division without its kind.
fn short_division(name: &str) -> Option<&str> {
    const KINDS: [&str; 9] =
        ["社区居委会", "社区居民委员会", "村委会", "居委会", "街道", "社区", "区", "镇", "乡"];
    KINDS.iter().find_map(|kind| name.strip_suffix(kind)).filter(|short| short.chars().count() >= 2)
}

/// Concepts that follow from facts, whatever the facility is called.
fn bound_concepts(analyzer: &Analyzer, facility: &FacilityDocument) -> Vec<usize> {
    let modes = facility.modes();
    let accessible = !facility.accessibility.is_empty();
    let concepts = analyzer.lexicon().concepts().iter().enumerate();
    let bound = concepts.filter(|(_, concept)| {
        (concept.accessible && accessible)
            || concept
                .category
                .as_deref()
                .is_some_and(|name| facility.categories.iter().any(|c| c.as_str() == name))
            || concept.mode.as_deref().is_some_and(|name| modes.iter().any(|mode| mode.as_str() == name))
    });
    bound.map(|(id, _)| id).collect()
}

fn concept_names(analyzer: &Analyzer, ids: Vec<usize>) -> impl Iterator<Item = String> {
    ids.into_iter().map(|id| analyzer.lexicon().concepts()[id].name.clone())
}

fn add_tokens(document: &mut TantivyDocument, field: Field, tokens: impl IntoIterator<Item = String>) {
    let tokens = tokens.into_iter().enumerate();
    let tokens: Vec<_> =
        tokens.map(|(position, text)| Token { text, position, ..Token::default() }).collect();
    if !tokens.is_empty() {
        document.add_pre_tokenized_text(field, PreTokenizedString { text: String::new(), tokens });
    }
}
