//! The analyzer: texts into tokens. What a question asks for is in [`super::question`].

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use jieba_rs::{Jieba, TokenizeMode};

use super::{
    fold::fold,
    lexicon::{ConceptId, Lexicon},
    pinyin,
    terms::{Term, Terms},
    tokens::Tokens,
};

/// Everything a name is found by.
#[derive(Debug, Default)]
pub struct NameTokens {
    /// Words, compounds and their parts alike.
    pub words: Tokens,
    /// Single characters and pairs, so that any part of a name finds it however it is cut.
    pub grams: Tokens,
    /// Full pinyin and initials of runs of words.
    pub spellings: Tokens,
}

/// Cuts, folds and spells Chinese text by one lexicon.
pub struct Analyzer {
    /// The general dictionary, loaded when the first text is cut: it takes a good part of a second.
    jieba: OnceLock<Jieba>,
    lexicon: Lexicon,
    stop: HashSet<String>,
    terms: Terms,
    /// How the words of the concepts are spelt, in the order of the terms.
    spellings: OnceLock<Vec<Vec<String>>>,
    /// Stop words by their pinyin.
    stop_spellings: OnceLock<HashMap<String, String>>,
}

impl Analyzer {
    /// An analyzer of this lexicon: make one and share it.
    pub fn new(lexicon: Lexicon) -> Self {
        let stop = lexicon.stop_words().iter().cloned().collect();
        Self {
            jieba: OnceLock::new(),
            stop,
            terms: Terms::new(&lexicon),
            lexicon,
            spellings: OnceLock::new(),
            stop_spellings: OnceLock::new(),
        }
    }

    /// Loads what the first question would otherwise wait for.
    pub fn warm(&self) {
        self.jieba();
        self.terms.warm(&self.lexicon);
        let _ = self.spelt_concepts();
    }

    pub(super) fn jieba(&self) -> &Jieba {
        self.jieba.get_or_init(|| {
            let mut jieba = Jieba::new();
            for word in self.lexicon.words() {
                jieba.add_word(word, None, None);
            }
            jieba
        })
    }

    /// The lexicon.
    pub fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    pub(super) fn is_stop(&self, word: &str) -> bool {
        self.stop.contains(word)
    }

    /// The words of the concepts that can be spelt, with their syllables.
    pub(super) fn spelt_concepts(&self) -> impl Iterator<Item = (&Term, &[String])> {
        let spellings = self.spellings.get_or_init(|| {
            let spell = |term: &Term| {
                let syllables = pinyin::syllables(&self.lexicon, &term.word).into_iter();
                syllables.map(|syllable| syllable.map(str::to_owned)).collect::<Option<Vec<_>>>()
            };
            self.terms.concept_words().iter().map(|term| spell(term).unwrap_or_default()).collect()
        });
        let spelt = self.terms.concept_words().iter().zip(spellings);
        spelt
            .filter(|(_, syllables)| syllables.len() > 1)
            .map(|(term, syllables)| (term, syllables.as_slice()))
    }

    /// The stop word that letters spell.
    pub(super) fn stop_spelt(&self, letters: &str) -> Option<&str> {
        let spellings = self.stop_spellings.get_or_init(|| {
            let spell = |word: &String| {
                let syllables =
                    pinyin::syllables(&self.lexicon, word).into_iter().collect::<Option<Vec<_>>>()?;
                Some((syllables.concat(), word.clone()))
            };
            self.stop.iter().filter_map(spell).collect()
        });
        spellings.get(letters).map(String::as_str)
    }

    /// The words of a text, compounds and their parts alike.
    pub fn words(&self, text: &str) -> Tokens {
        let folded = fold(text);
        let mut words = Tokens::default();
        for token in self.jieba().cut_for_search(&folded, true) {
            if !token.word.trim().is_empty() {
                words.push(token.word);
            }
        }
        words
    }

    /// The concepts a text names.
    pub fn concepts(&self, text: &str) -> Vec<ConceptId> {
        self.lexicon.find_concepts(&fold(text)).map(|(_, id)| id).collect()
    }

    /// Everything a name is found by.
    pub fn name(&self, name: &str) -> NameTokens {
        let folded = fold(name);
        let mut tokens = NameTokens { grams: grams(&folded), ..NameTokens::default() };
        let mut starts = Vec::new();
        for token in self.jieba().tokenize(&folded, TokenizeMode::Search, true) {
            starts.push(token.start);
            if !token.word.trim().is_empty() {
                tokens.words.push(token.word);
            }
        }
        // A known word begins where it begins, however the dictionary cuts round it.
        for (range, _) in self.terms.find(&folded) {
            starts.extend([range.start, range.end].map(|at| folded[..at].chars().count()));
        }
        starts.retain(|start| *start < folded.chars().count());
        starts.sort_unstable();
        starts.dedup();
        tokens.spellings = pinyin::spellings(&pinyin::syllables(&self.lexicon, &folded), &starts);
        tokens
    }
}

/// Single characters and pairs of neighbours of a folded text.
fn grams(folded: &str) -> Tokens {
    let mut grams = Tokens::default();
    for run in folded.split_whitespace() {
        let mut chars = run.chars().peekable();
        while let Some(c) = chars.next() {
            grams.push_chars([c]);
            if let Some(next) = chars.peek() {
                grams.push_chars([c, *next]);
            }
        }
    }
    grams
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static ANALYZER: LazyLock<Analyzer> = LazyLock::new(|| Analyzer::new(Lexicon::shipped()));

    #[test]
    fn words_of_the_lexicon_stay_whole_and_none_hides_another() {
        let words = ANALYZER.lexicon().words();
        for word in words {
            let cut = ANALYZER.jieba().cut(word, true);
            assert_eq!(cut.len(), 1, "{word} is cut");
            let hidden = words.iter().find(|other| *other != word && word.contains(other.as_str()));
            assert_eq!(hidden, None, "{word} hides a shorter word: list atoms only");
        }
        for word in ["托育", "助餐", "邻里坊", "渝邻汇", "闸弄口", "羽毛球"] {
            assert!(ANALYZER.words(&format!("{word}点")).iter().any(|found| found == word), "{word}");
        }
    }

    #[test]
    fn any_part_of_a_name_is_a_gram() {
        let name = ANALYZER.name("翯翀邻里坊");
        assert_eq!(name.grams.as_str(), "翯 翯翀 翀 翀邻 邻 邻里 里 里坊 坊 ");
    }

    #[test]
    fn a_name_is_spelt_by_its_words() {
        let name = ANALYZER.name("采荷社区老年食堂");
        for spelling in ["lnst", "shitang", "caihe", "caiheshequ"] {
            assert!(name.spellings.iter().any(|found| found == spelling), "{spelling}: {:?}", name.spellings);
        }
    }
}
