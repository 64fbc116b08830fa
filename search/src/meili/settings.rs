//! The settings of an index, as code.

use serde_json::{Map, Value, json};

use super::{
    code::{code, concept_code},
    document::SEARCHED,
};
use crate::text::Lexicon;

/// Form of documents and settings. Raise it when tokens change their meaning.
const FORM: u32 = 2;

/// The most hits one search hands out.
pub(super) const MAX_HITS: usize = 1_000;

/// What an index is set to. Words of a concept are synonyms of the concept, in one direction: a
/// document names the concept once, whatever it is called.
///
/// No dictionary and no stop words: nothing is cut there, and what carries no wish is never sent.
/// No typos and no prefixes either: a word is met or not, as in the embedded index.
pub fn settings(lexicon: &Lexicon) -> Value {
    let mut synonyms = Map::new();
    for concept in lexicon.concepts() {
        for word in &concept.words {
            synonyms.insert(code(&crate::text::fold(word)), json!([concept_code(&concept.name)]));
        }
    }
    json!({
        "searchableAttributes": SEARCHED,
        "displayedAttributes": ["id", "version", "name"],
        "filterableAttributes": ["_geo", "category", "fee_kind", "mode", "accessible", "exact"],
        "sortableAttributes": ["_geo"],
        "rankingRules": ["sort", "attributeRank"],
        "synonyms": synonyms,
        "stopWords": [],
        "dictionary": [],
        "typoTolerance": { "enabled": false },
        "prefixSearch": "disabled",
        "proximityPrecision": "byAttribute",
        "facetSearch": false,
        "pagination": { "maxTotalHits": MAX_HITS },
    })
}

/// Tells one form of documents and settings from another: an index made under another is built anew.
pub fn fingerprint(lexicon: &Lexicon) -> String {
    let settings = settings(lexicon).to_string();
    format!("{FORM}-{:08x}-{:08x}", crc32fast::hash(settings.as_bytes()), lexicon.checksum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_lexicon_is_a_synonym_of_its_concept_alone() {
        let lexicon = Lexicon::shipped();
        let settings = settings(&lexicon);
        let synonyms = settings["synonyms"].as_object().unwrap();
        let words: usize = lexicon.concepts().iter().map(|concept| concept.words.len()).sum();
        assert_eq!(synonyms.len(), words);
        let canteen = concept_code("canteen");
        assert_eq!(synonyms[&code("食堂")], json!([canteen]));
        assert!(!synonyms.contains_key(&canteen));
    }

    #[test]
    fn another_vocabulary_has_another_fingerprint() {
        let other = Lexicon::parse(&["stop=[]"]).unwrap();
        assert_ne!(fingerprint(&Lexicon::shipped()), fingerprint(&other));
        assert_eq!(fingerprint(&Lexicon::shipped()), fingerprint(&Lexicon::shipped()));
    }
}
