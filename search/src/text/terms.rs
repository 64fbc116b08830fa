//! Terms: every word whose meaning is known, concepts and places alike, and how it sounds.
//!
//! One table serves three questions: which known words stand in a text, which
//! known word is spelt by these letters, and which sounds like these characters.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::OnceLock,
};

use aho_corasick::{AhoCorasick, MatchKind};
use linli_domain::division::{Division, Divisions, Level};

use super::{
    fold::fold,
    lexicon::{ConceptId, Lexicon},
    pinyin,
};

/// What a known word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Concept(ConceptId),
    Place,
}

/// A known word.
#[derive(Debug)]
pub(crate) struct Term {
    pub(crate) word: String,
    pub(crate) meaning: Meaning,
    /// The whole names of the divisions it may be; of a place.
    pub(crate) names: Vec<String>,
}

/// All known words.
pub(crate) struct Terms {
    terms: Vec<Term>,
    /// How many of them, from the front, are words of concepts.
    concepts: usize,
    words: AhoCorasick,
    sounds: OnceLock<Sounds>,
}

/// Known words by their sound.
struct Sounds {
    exact: HashMap<String, Vec<u32>>,
    alike: HashMap<String, Vec<u32>>,
}

impl Terms {
    pub(crate) fn new(lexicon: &Lexicon) -> Self {
        let mut terms: Vec<Term> = Vec::new();
        for (id, concept) in lexicon.concepts().iter().enumerate() {
            terms.extend(concept.words.iter().map(|word| Term {
                word: word.clone(),
                meaning: Meaning::Concept(id),
                names: Vec::new(),
            }));
        }
        let concepts = terms.len();
        terms.extend(places(lexicon, Divisions::shipped()));
        let words = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(terms.iter().map(|term| term.word.as_bytes()))
            .expect("tens of thousands of short words fit");
        Self { terms, concepts, words, sounds: OnceLock::new() }
    }

    /// The known words of a folded text, leftmost and longest first.
    pub(crate) fn find<'t>(&'t self, folded: &str) -> impl Iterator<Item = (Range<usize>, &'t Term)> {
        self.words.find_iter(folded).map(|found| (found.range(), &self.terms[found.pattern().as_usize()]))
    }

    /// Words of concepts, the most usual ones of each concept first.
    pub(crate) fn concept_words(&self) -> &[Term] {
        &self.terms[..self.concepts]
    }

    /// Known words that are read exactly like this, syllables without blanks.
    pub(crate) fn spelt(&self, lexicon: &Lexicon, letters: &str) -> impl Iterator<Item = &Term> {
        Self::of(&self.terms, self.sounds(lexicon).exact.get(letters))
    }

    /// Known words that sound like this to someone who does not tell zh from z, n from l or in from ing.
    pub(crate) fn sounding(&self, lexicon: &Lexicon, key: &str) -> impl Iterator<Item = &Term> {
        Self::of(&self.terms, self.sounds(lexicon).alike.get(key))
    }

    fn of<'a>(terms: &'a [Term], at: Option<&'a Vec<u32>>) -> impl Iterator<Item = &'a Term> {
        at.into_iter().flatten().map(|at| &terms[*at as usize])
    }

    /// Works out how every word sounds; the first who asks waits.
    pub(crate) fn warm(&self, lexicon: &Lexicon) {
        self.sounds(lexicon);
    }

    fn sounds(&self, lexicon: &Lexicon) -> &Sounds {
        self.sounds.get_or_init(|| {
            let mut sounds = Sounds { exact: HashMap::new(), alike: HashMap::new() };
            for (at, term) in (0_u32..).zip(&self.terms) {
                let Some(syllables) =
                    pinyin::syllables(lexicon, &term.word).into_iter().collect::<Option<Vec<_>>>()
                else {
                    continue;
                };
                // One syllable is said too often to be a word by its sound.
                if syllables.len() < 2 {
                    continue;
                }
                sounds.exact.entry(syllables.concat()).or_default().push(at);
                let alike: String = syllables.iter().map(|syllable| pinyin::alike(syllable)).collect();
                sounds.alike.entry(alike).or_default().push(at);
            }
            sounds
        })
    }
}

/// Districts, streets and communities by their whole names and as people shorten them.
fn places(lexicon: &Lexicon, divisions: &Divisions) -> impl Iterator<Item = Term> {
    let mut by_word: HashMap<String, Vec<String>> = HashMap::new();
    let mut order = Vec::new();
    let stop: HashSet<&str> = lexicon.stop_words().iter().map(String::as_str).collect();
    // 幸福 is a community somewhere, but whoever says 幸福食堂 does not mean it.
    let concept_words = lexicon.concepts().iter().flat_map(|concept| &concept.words);
    let parts: HashSet<&str> = concept_words.flat_map(|word| parts(word)).collect();
    let usual = |word: &str| stop.contains(word) || parts.contains(word);
    for division in divisions.all().iter().filter(|d| d.code.level() >= Level::District && !d.is_group()) {
        let name = fold(&Division::plain_name(division));
        let stem = short_division(&name).filter(|stem| !usual(stem)).map(str::to_owned);
        for word in stem.into_iter().chain(Some(name.clone()).filter(|name| !usual(name))) {
            let names = by_word.entry(word.clone()).or_insert_with(|| {
                order.push(word);
                Vec::new()
            });
            if !names.contains(&name) {
                names.push(name.clone());
            }
        }
    }
    order.into_iter().filter_map(move |word| {
        let names = by_word.remove(&word)?;
        (word.chars().count() >= 2).then_some(Term { word, meaning: Meaning::Place, names })
    })
}

/// Every part of a word that is two characters or more.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    let ends =
        move |from: usize| word[from..].char_indices().skip(1).map(move |(at, c)| from + at + c.len_utf8());
    word.char_indices().flat_map(move |(from, _)| ends(from).map(move |to| &word[from..to]))
}

/// The name of a division without its kind: 采荷 is how people say 采荷街道.
pub(crate) fn short_division(name: &str) -> Option<&str> {
    const KINDS: [&str; 10] =
        ["社区居委会", "社区居民委员会", "村委会", "居委会", "街道", "社区", "区", "镇", "乡", "村"];
    KINDS.iter().find_map(|kind| name.strip_suffix(kind)).filter(|short| short.chars().count() >= 2)
}
