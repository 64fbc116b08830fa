//! The lexicon: what the people of a city call its facilities, as data.
//!
//! One vocabulary feeds the segmenter's dictionary, the concepts (synonyms bound to
//! categories), the wishes, the readings and what sounds alike, so that they
//! cannot disagree. It is a base and any number of overlays of the same form: an
//! overlay of a city adds words to concepts of the base or brings its own.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};
use serde::Deserialize;

use super::{fold::fold, wish::Wish};

/// A concept's place in the lexicon.
pub type ConceptId = usize;

/// What a lexicon file holds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LexiconFile {
    stop: Vec<String>,
    words: Vec<String>,
    readings: BTreeMap<String, String>,
    wish: Vec<WishWords>,
    concept: Vec<Concept>,
}

/// The phrases that say one wish.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WishWords {
    means: Wish,
    words: Vec<String>,
}

/// Words that mean one thing to the person who searches.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concept {
    /// Stable name, unique in the lexicon.
    pub name: String,
    /// The categories that are about this concept.
    #[serde(default)]
    pub categories: Vec<String>,
    /// The service mode that is this concept.
    #[serde(default)]
    pub mode: Option<String>,
    /// Whether any accessibility feature is this concept.
    #[serde(default)]
    pub accessible: bool,
    /// Says for whom and not what: need not be met where something else is asked.
    #[serde(default)]
    pub hint: bool,
    /// The words, folded, the most usual one first.
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
    wishes: AhoCorasick,
    /// Wish of each pattern of `wishes`.
    wish_of: Vec<Wish>,
    reading_words: AhoCorasick,
    readings: Vec<Vec<String>>,
}

const BASE: &str = include_str!("../../data/lexicon.toml");

/// The cities whose divisions are shipped.
const CITIES: [&str; 4] = [
    include_str!("../../data/cities/hangzhou.toml"),
    include_str!("../../data/cities/haining.toml"),
    include_str!("../../data/cities/chongqing.toml"),
    include_str!("../../data/cities/zibo.toml"),
];

impl Lexicon {
    /// The lexicon that is shipped: the base and every city of the shipped divisions.
    pub fn shipped() -> Self {
        Self::shipped_with(&[]).expect("the shipped lexicon is read in a test")
    }

    /// The shipped lexicon with overlays of one's own.
    pub fn shipped_with(overlays: &[&str]) -> Result<Self, LexiconError> {
        let all: Vec<&str> = [BASE].iter().chain(&CITIES).chain(overlays).copied().collect();
        Self::parse(&all)
    }

    /// Reads a base and its overlays.
    pub fn parse(texts: &[&str]) -> Result<Self, LexiconError> {
        let mut file = LexiconFile::default();
        for text in texts {
            file.lay_over(toml::from_str(text)?)?;
        }
        let patterns = file.concept.iter().flat_map(|concept| &concept.words);
        let concept_words = longest_first(&patterns.collect::<Vec<_>>())?;
        let ids = file.concept.iter().enumerate();
        let concept_of = ids.flat_map(|(id, concept)| std::iter::repeat_n(id, concept.words.len())).collect();
        let phrases: Vec<_> = file
            .wish
            .iter()
            .flat_map(|wish| wish.words.iter().map(|word| (fold(word), wish.means)))
            .collect();
        let (phrases, wish_of): (Vec<_>, Vec<_>) = phrases.into_iter().unzip();
        let (reading_words, readings) = readings(&file.readings)?;
        Ok(Self {
            checksum: crc32fast::hash(texts.concat().as_bytes()),
            stop: file.stop,
            concept_words,
            concept_of,
            wishes: longest_first(&phrases)?,
            wish_of,
            reading_words: longest_first(&reading_words)?,
            words: file.words,
            concepts: file.concept,
            readings,
        })
    }

    /// Tells one lexicon from another: tokens made by one are not those of the other.
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// All concepts; a [`ConceptId`] is the place in this list.
    pub fn concepts(&self) -> &[Concept] {
        &self.concepts
    }

    /// Atoms the segmenter must know.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Words that carry no wish of their own.
    pub fn stop_words(&self) -> &[String] {
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

    /// Wishes that a folded text says, as byte ranges.
    pub(crate) fn find_wishes<'a>(
        &'a self,
        folded: &'a str,
    ) -> impl Iterator<Item = (std::ops::Range<usize>, Wish)> + 'a {
        self.wishes.find_iter(folded).map(|found| (found.range(), self.wish_of[found.pattern().as_usize()]))
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

impl LexiconFile {
    /// Takes in what another file says besides.
    fn lay_over(&mut self, other: Self) -> Result<(), LexiconError> {
        let folded = |words: Vec<String>| words.into_iter().map(|word| fold(&word));
        self.stop.extend(folded(other.stop));
        self.words.extend(folded(other.words));
        self.readings.extend(other.readings);
        self.wish.extend(other.wish);
        // Within a file a name stands once; over several, the later adds to the earlier.
        let before = self.concept.len();
        for mut concept in other.concept {
            concept.words = folded(concept.words).collect();
            if self.concept[before..].iter().any(|known| known.name == concept.name) {
                return Err(LexiconError::Content(format!("concept {} stands twice", concept.name)));
            }
            for word in &concept.words {
                let mut known = self.concept.iter().filter(|known| known.words.contains(word));
                if let Some(first) = known.find(|known| known.name != concept.name) {
                    let (first, second) = (&first.name, &concept.name);
                    return Err(LexiconError::Content(format!("{word} is both {first} and {second}")));
                }
            }
            match self.concept[..before].iter_mut().find(|known| known.name == concept.name) {
                Some(known) => known.add(concept),
                None => self.concept.push(concept),
            }
        }
        Ok(())
    }
}

impl Concept {
    fn add(&mut self, other: Self) {
        let new: Vec<_> = other.words.into_iter().filter(|word| !self.words.contains(word)).collect();
        self.words.extend(new);
        self.categories.extend(other.categories);
        self.accessible |= other.accessible;
        self.hint |= other.hint;
        self.mode = other.mode.or(self.mode.take());
    }
}

type Readings = (Vec<String>, Vec<Vec<String>>);

fn readings(written: &BTreeMap<String, String>) -> Result<Readings, LexiconError> {
    let (words, readings): (Vec<_>, Vec<_>) = written
        .iter()
        .map(|(word, reading)| {
            (fold(word), reading.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        })
        .unzip();
    if let Some(at) = (0..readings.len()).find(|&i| words[i].chars().count() != readings[i].len()) {
        return Err(LexiconError::Content(format!("{} has not one syllable for each character", words[at])));
    }
    Ok((words, readings))
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
            let bound =
                lexicon.concepts().iter().any(|c| c.categories.iter().any(|name| name == category.as_str()));
            assert!(bound, "{category} has no concept");
        }
        for concept in lexicon.concepts() {
            assert!(concept.categories.iter().all(|name| Category::parse(name).is_some()), "{concept:?}");
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
        let parse = |text: &str| Lexicon::parse(&[text]);
        assert!(matches!(parse("[readings]\n\"重庆\" = \"chong\""), Err(LexiconError::Content(_))));
        let twice = "[[concept]]\nname='a'\nwords=['x']\n[[concept]]\nname='b'\nwords=['x']";
        assert!(matches!(parse(twice), Err(LexiconError::Content(_))));
        let twice = "[[concept]]\nname='a'\nwords=['x']\n[[concept]]\nname='a'\nwords=['y']";
        assert!(matches!(parse(twice), Err(LexiconError::Content(_))));
        assert!(matches!(parse("wort = []"), Err(LexiconError::Form(_))));
    }

    #[test]
    fn an_overlay_adds_to_the_concepts_of_the_base() {
        let own = "words = ['福满堂']\n[[concept]]\nname='canteen'\nwords=['福满堂','食堂']";
        let lexicon = Lexicon::shipped_with(&[own]).unwrap();
        assert!(lexicon.words().contains(&"福满堂".to_owned()));
        let canteen = lexicon.concepts().iter().find(|concept| concept.name == "canteen").unwrap();
        assert!(canteen.words.contains(&"福满堂".to_owned()) && canteen.words.contains(&"食堂".to_owned()));
        assert_eq!(canteen.words.iter().filter(|word| *word == "食堂").count(), 1);
        assert_ne!(lexicon.checksum(), Lexicon::shipped().checksum());
        let stolen = "[[concept]]\nname='own'\nwords=['食堂']";
        assert!(matches!(Lexicon::shipped_with(&[stolen]), Err(LexiconError::Content(_))));
    }

    /// The vocabulary of the policy documents: whatever they call a thing is understood as it.
    #[test]
    fn the_words_of_the_policy_documents_mean_what_they_say() {
        let lexicon = Lexicon::shipped();
        let means = |word: &str| -> Vec<_> {
            lexicon.find_concepts(word).map(|(_, id)| lexicon.concepts()[id].name.clone()).collect()
        };
        for (concept, words) in [
            (
                "complex",
                "民生综合体 幸福邻里坊 民生幸福共同体 服务综合体 民生一条街 跨社区服务联合体 社区综合服务体 渝邻汇 城镇生活圈中心 社区家园 小区服务中心 邻里中心 居民会客厅",
            ),
            ("service_centre", "党群服务中心 综合服务中心 社区服务中心 街道综合服务中心"),
            ("elderly_care", "居家养老服务中心 养老服务站"),
            ("day_care", "日间照料中心 日间照料"),
            ("canteen", "老年食堂 老年助餐 长者食堂 助餐点 饭堂"),
            ("childcare", "婴幼儿成长驿站 托育机构 全日托 半日托 计时托 临时托 幼托"),
            ("clinic", "智慧健康站"),
            ("women_and_children", "妇女儿童服务驿站"),
            ("elder_university", "社区老年大学"),
            ("children_play", "儿童游憩"),
            ("after_school", "儿童托管"),
            ("accessible", "无障碍"),
        ] {
            for word in words.split(' ') {
                assert_eq!(means(word), [concept], "{word}");
            }
        }
    }
}
