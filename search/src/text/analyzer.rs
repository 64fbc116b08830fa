//! The analyzer: texts into tokens, questions into what is wanted.

use std::{collections::HashSet, sync::OnceLock};

use jieba_rs::{Jieba, TokenizeMode};

use super::{
    fold::{fold, is_han},
    lexicon::{ConceptId, Lexicon},
    pinyin,
};

/// Everything a name is found by.
#[derive(Debug, Default)]
pub struct NameTokens {
    /// Words, compounds and their parts alike.
    pub words: Vec<String>,
    /// Single characters and pairs, so that any part of a name finds it however it is cut.
    pub grams: Vec<String>,
    /// Full pinyin and initials of runs of words.
    pub spellings: Vec<String>,
}

/// One thing a question asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The name of a concept of the lexicon, and the word that was said.
    Concept(String, String),
    /// Any other word.
    Word(String),
    /// Latin letters: a word as it stands, or pinyin.
    Latin(String),
}

/// A question, understood: what must be met, in the order it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The folded text without blanks.
    pub folded: String,
    /// What is asked for; empty when the question holds only stop words.
    pub units: Vec<Unit>,
}

impl Query {
    /// More than this is a story; what comes first counts.
    const MAX_UNITS: usize = 12;
}

/// Cuts, folds and spells Chinese text by one lexicon.
pub struct Analyzer {
    /// The general dictionary, loaded when the first text is cut: it takes a good part of a second.
    jieba: OnceLock<Jieba>,
    lexicon: Lexicon,
    stop: HashSet<String>,
}

impl Analyzer {
    /// An analyzer of this lexicon: make one and share it.
    pub fn new(lexicon: Lexicon) -> Self {
        let stop = lexicon.stop_words().iter().cloned().collect();
        Self { jieba: OnceLock::new(), lexicon, stop }
    }

    fn jieba(&self) -> &Jieba {
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

    /// The words of a text, compounds and their parts alike.
    pub fn words(&self, text: &str) -> Vec<String> {
        let folded = fold(text);
        let cut = self.jieba().cut_for_search(&folded, true).into_iter();
        cut.map(|token| token.word).filter(|word| !word.trim().is_empty()).map(str::to_owned).collect()
    }

    /// The concepts a text names.
    pub fn concepts(&self, text: &str) -> Vec<ConceptId> {
        self.lexicon.find_concepts(&fold(text)).map(|(_, id)| id).collect()
    }

    /// Everything a name is found by.
    pub fn name(&self, name: &str) -> NameTokens {
        let folded = fold(name);
        let mut tokens = NameTokens { grams: grams(&folded).collect(), ..NameTokens::default() };
        let mut starts = Vec::new();
        for token in self.jieba().tokenize(&folded, TokenizeMode::Search, true) {
            starts.push(token.start);
            if !token.word.trim().is_empty() {
                tokens.words.push(token.word.to_owned());
            }
        }
        starts.sort_unstable();
        starts.dedup();
        tokens.spellings = pinyin::spellings(&pinyin::syllables(&self.lexicon, &folded), &starts);
        tokens
    }

    /// What a question asks for: words of the lexicon first, then what the dictionary knows of the rest.
    pub fn query(&self, text: &str) -> Query {
        let folded = fold(text);
        let mut units = Vec::new();
        let mut done = 0;
        for (range, concept) in self.lexicon.find_concepts(&folded) {
            self.plain_units(&folded[done..range.start], &mut units);
            done = range.end;
            let name = self.lexicon.concepts()[concept].name.clone();
            units.push(Unit::Concept(name, folded[range].to_owned()));
        }
        self.plain_units(&folded[done..], &mut units);
        units.truncate(Query::MAX_UNITS);
        Query { folded: folded.split_whitespace().collect(), units }
    }

    /// Words of a stretch without concepts. Neighbouring single characters are
    /// a name the dictionary does not know, and neighbouring Latin words are
    /// pinyin typed with blanks: both are joined.
    fn plain_units(&self, folded: &str, units: &mut Vec<Unit>) {
        let mut joinable = false;
        for token in self.jieba().cut(folded, true) {
            let word = token.word.trim();
            if word.is_empty() {
                // A blank joins pinyin but parts Chinese.
                joinable = joinable && matches!(units.last(), Some(Unit::Latin(_)));
                continue;
            }
            if self.stop.contains(word) {
                joinable = false;
                continue;
            }
            let latin = word.chars().all(|c| c.is_ascii_alphabetic());
            let single = word.chars().count() == 1 && word.chars().all(is_han);
            match units.last_mut() {
                Some(Unit::Latin(last)) if joinable && latin => last.push_str(word),
                Some(Unit::Word(last)) if joinable && single => last.push_str(word),
                _ if latin => units.push(Unit::Latin(word.to_owned())),
                _ => units.push(Unit::Word(word.to_owned())),
            }
            joinable = latin || single;
        }
    }
}

/// Single characters and pairs of neighbours of a folded text.
pub(crate) fn grams(folded: &str) -> impl Iterator<Item = String> + '_ {
    folded.split_whitespace().flat_map(|run| {
        let next = run.chars().skip(1).map(Some).chain([None]);
        run.chars().zip(next).flat_map(|(c, next)| {
            [Some(c.to_string()), next.map(|next| [c, next].iter().collect())].into_iter().flatten()
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static ANALYZER: LazyLock<Analyzer> = LazyLock::new(|| Analyzer::new(Lexicon::shipped()));

    fn understood(question: &str) -> Vec<String> {
        let units = ANALYZER.query(question).units;
        units
            .into_iter()
            .map(|unit| match unit {
                Unit::Concept(name, _) => format!("<{name}>"),
                Unit::Word(word) | Unit::Latin(word) => word,
            })
            .collect()
    }

    #[test]
    fn questions_are_reduced_to_what_is_wanted() {
        assert_eq!(understood("食堂"), ["<canteen>"]);
        assert_eq!(understood("長者飯堂"), ["<canteen>"]);
        assert_eq!(
            understood("我家附近哪里有可以给老人送餐上门的社区食堂"),
            ["老人", "<meal_delivery>", "<canteen>"]
        );
        assert_eq!(understood("采荷 食堂"), ["采荷", "<canteen>"]);
        assert_eq!(understood("附近有什么"), Vec::<String>::new());
        assert_eq!(understood("lnst"), ["lnst"]);
        assert_eq!(understood("lao nian shi tang"), ["laonianshitang"]);
    }

    #[test]
    fn words_of_the_lexicon_stay_whole() {
        for word in ["托育", "助餐", "邻里坊", "渝邻汇", "闸弄口", "羽毛球"] {
            assert!(ANALYZER.words(&format!("{word}点")).contains(&word.to_owned()), "{word}");
        }
    }

    #[test]
    fn a_name_the_dictionary_does_not_know_stays_one_wish() {
        assert_eq!(ANALYZER.query("翯翀").units, [Unit::Word("翯翀".to_owned())]);
        let name = ANALYZER.name("翯翀邻里坊");
        assert!(name.grams.contains(&"翯翀".to_owned()) && name.grams.contains(&"坊".to_owned()));
    }

    #[test]
    fn a_name_is_spelt_by_its_words() {
        let name = ANALYZER.name("采荷社区老年食堂");
        for spelling in ["lnst", "shitang", "caihe", "caiheshequ"] {
            assert!(name.spellings.contains(&spelling.to_owned()), "{spelling}: {:?}", name.spellings);
        }
    }
}
