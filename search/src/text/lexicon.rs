//! The lexicon: what the people of a city call its facilities, as data.
//!
//! One file feeds the segmenter's dictionary, the concepts (synonyms bound to
//! categories) and the readings, so that they cannot disagree.

use aho_corasick::{AhoCorasick, MatchKind};
use serde::Deserialize;

use super::fold::fold;

/// A concept's place in the lexicon.
pub type ConceptId = usize;

/// What a lexicon file holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LexiconFile {
    stop: Vec<String>,
    words: Vec<String>,
    readings: std::collections::BTreeMap<String, String>,
    concept: Vec<Concept>,
}

/// Words that mean one thing to the person who searches.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concept {
    /// Stable name, unique in the file.
    pub name: String,
    /// The category that is about this concept.
    #[serde(default)]
    pub category: Option<String>,
    /// The service mode that is this concept.
    #[serde(default)]
    pub mode: Option<String>,
    /// Whether any accessibility feature is this concept.
    #[serde(default)]
    pub accessible: bool,
    /// The words, the most usual one first.
    pub words: Vec<String>,
}

/// A lexicon that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum LexiconError {
    /// The file is not what a lexicon looks like.
    #[error("the lexicon cannot be read")]
    Form(#[from] toml::de::Error),
    /// The file contradicts itself.
    #[error("the lexicon contradicts itself: {0}")]
    Content(String),
    /// The words are too many to match at once.
    #[error("the lexicon cannot be compiled")]
    Size(#[from] aho_corasick::BuildError),
}

/// A compiled lexicon.
pub struct Lexicon {
    checksum: u32,
    concepts: Vec<Concept>,
    words: Vec<String>,
    stop: Vec<String>,
    concept_words: AhoCorasick,
    /// Concept of each pattern of `concept_words`.
    concept_of: Vec<ConceptId>,
    reading_words: AhoCorasick,
    readings: Vec<Vec<String>>,
}

impl Lexicon {
    /// The lexicon that is shipped.
    pub fn shipped() -> Self {
        Self::parse(include_str!("../../data/lexicon.toml")).expect("the shipped lexicon is parsed in a test")
    }

    /// Reads a lexicon file.
    pub fn parse(text: &str) -> Result<Self, LexiconError> {
        let file: LexiconFile = toml::from_str(text)?;
        let mut patterns = Vec::new();
        let mut concept_of: Vec<ConceptId> = Vec::new();
        for (id, concept) in file.concept.iter().enumerate() {
            if file.concept[..id].iter().any(|other| other.name == concept.name) {
                return Err(LexiconError::Content(format!("concept {} stands twice", concept.name)));
            }
            for word in &concept.words {
                let word = fold(word);
                if let Some(at) = patterns.iter().position(|known| *known == word) {
                    let first = &file.concept[concept_of[at]].name;
                    return Err(LexiconError::Content(format!(
                        "{word} is both {first} and {}",
                        concept.name
                    )));
                }
                patterns.push(word);
                concept_of.push(id);
            }
        }
        let (reading_words, readings): (Vec<_>, Vec<_>) = file
            .readings
            .iter()
            .map(|(word, reading)| {
                (fold(word), reading.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            })
            .unzip();
        if let Some(at) = (0..readings.len()).find(|&i| reading_words[i].chars().count() != readings[i].len())
        {
            let word = &reading_words[at];
            return Err(LexiconError::Content(format!("{word} has not one syllable for each character")));
        }
        Ok(Self {
            checksum: crc32fast::hash(text.as_bytes()),
            stop: file.stop.iter().map(|word| fold(word)).collect(),
            concept_words: longest_first(&patterns)?,
            reading_words: longest_first(&reading_words)?,
            words: file.words.iter().map(|word| fold(word)).collect(),
            concepts: file.concept,
            concept_of,
            readings,
        })
    }

    /// Tells one lexicon from another: tokens made by one are not those of the other.
    pub(crate) fn checksum(&self) -> u32 {
        self.checksum
    }

    /// All concepts; a [`ConceptId`] is the place in this list.
    pub fn concepts(&self) -> &[Concept] {
        &self.concepts
    }

    /// Atoms the segmenter must know.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// Words that carry no wish of their own.
    pub(crate) fn stop_words(&self) -> &[String] {
        &self.stop
    }

    /// Concepts that a folded text names, leftmost and longest first, as byte ranges.
    pub(crate) fn find_concepts<'a>(
        &'a self,
        folded: &'a str,
    ) -> impl Iterator<Item = (std::ops::Range<usize>, ConceptId)> + 'a {
        self.concept_words
            .find_iter(folded)
            .map(|found| (found.range(), self.concept_of[found.pattern().as_usize()]))
    }

    /// Words of a folded text whose reading is written down: byte range and syllables.
    pub(crate) fn find_readings<'a>(
        &'a self,
        folded: &'a str,
    ) -> impl Iterator<Item = (std::ops::Range<usize>, &'a [String])> + 'a {
        self.reading_words
            .find_iter(folded)
            .map(|found| (found.range(), self.readings[found.pattern().as_usize()].as_slice()))
    }
}

fn longest_first<S: AsRef<str>>(words: &[S]) -> Result<AhoCorasick, aho_corasick::BuildError> {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(words.iter().map(|word| word.as_ref().as_bytes()))
}

#[cfg(test)]
mod tests {
    use linli_domain::{
        Vocabulary,
        facility::{Category, ServiceMode},
    };

    use super::*;

    #[test]
    fn the_shipped_lexicon_knows_every_category_and_only_those() {
        let lexicon = Lexicon::shipped();
        for category in Category::ALL {
            let bound = lexicon.concepts().iter().any(|c| c.category.as_deref() == Some(category.as_str()));
            assert!(bound, "{category} has no concept");
        }
        for concept in lexicon.concepts() {
            assert!(
                concept.category.as_deref().is_none_or(|name| Category::parse(name).is_some()),
                "{concept:?}"
            );
            assert!(
                concept.mode.as_deref().is_none_or(|name| ServiceMode::parse(name).is_some()),
                "{concept:?}"
            );
        }
    }

    #[test]
    fn the_longest_name_of_a_concept_wins() {
        let lexicon = Lexicon::shipped();
        let text = "采荷社区老年助餐点";
        let found: Vec<_> = lexicon
            .find_concepts(text)
            .map(|(range, id)| (&text[range], lexicon.concepts()[id].name.as_str()))
            .collect();
        assert_eq!(found, [("老年助餐点", "canteen")]);
    }

    #[test]
    fn a_lexicon_that_contradicts_itself_is_refused() {
        let text = r#"
            stop = []
            words = []
            [readings]
            "重庆" = "chong"
        "#;
        assert!(Lexicon::parse(&format!("{text}\nconcept = []")).is_err());
        let twice = "stop=[]\nwords=[]\nreadings={}\n[[concept]]\nname='a'\nwords=['x']\n[[concept]]\nname='b'\nwords=['x']";
        assert!(matches!(Lexicon::parse(twice), Err(LexiconError::Content(_))));
    }
}
