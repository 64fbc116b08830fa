//! Questions: what is asked for, understood in steps.
//!
//! The first reading takes a question as it was said. Only when it finds nothing
//! is the next one tried: spelt words, what sounds the same, without what could
//! not be met, what sounds alike, slips of the finger. Every reading but the
//! first says what was done to the question, and the person is told.

use std::{collections::HashSet, ops::Range};

use serde::{Deserialize, Serialize};

use super::{
    analyzer::Analyzer,
    fold::{fold, is_han},
    repair,
    terms::{Meaning, Term},
    wish::Wish,
};

/// One thing a question asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A concept of the lexicon.
    Concept {
        /// Its name.
        name: String,
        /// The word that was said.
        word: String,
    },
    /// A place of the city.
    Place {
        /// The word that was said.
        word: String,
        /// The whole names of the divisions it may be.
        names: Vec<String>,
    },
    /// Any other word.
    Word(String),
    /// Latin letters: a word as it stands, or pinyin.
    Latin {
        /// The letters.
        letters: String,
        /// Concepts and their words that the letters may spell.
        means: Vec<(String, String)>,
    },
}

impl Unit {
    /// What was said.
    pub fn said(&self) -> &str {
        match self {
            Self::Concept { word, .. } | Self::Place { word, .. } | Self::Word(word) => word,
            Self::Latin { letters, .. } => letters,
        }
    }

    fn is_concept(&self) -> bool {
        matches!(self, Self::Concept { .. })
    }
}

/// How far from the words as they were said: part of a cursor, so that a later page reads them alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Step {
    /// As it was said.
    #[default]
    Said,
    /// Letters taken for pinyin, full, mixed or initials.
    Spelt,
    /// Characters taken for others of the same sound.
    Heard,
    /// Without the words that nobody knows.
    Known,
    /// Characters taken for others of a similar sound.
    HeardAlike,
    /// One character or letter taken for a slip.
    Slip,
    /// Without place: the thing, wherever it is.
    Anywhere,
    /// All things asked for but one.
    Most,
}

impl Step {
    /// All steps, in the order in which they are tried.
    pub const ALL: [Self; 8] = [
        Self::Said,
        Self::Spelt,
        Self::Heard,
        Self::Known,
        Self::HeardAlike,
        Self::Slip,
        Self::Anywhere,
        Self::Most,
    ];
}

/// A question, understood: what must be met, in the order it was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Which reading this is.
    pub step: Step,
    /// The folded text without blanks.
    pub folded: String,
    /// What is asked for; empty when the question holds only stop words.
    pub units: Vec<Unit>,
    /// Whether all units but one are enough.
    pub all_but_one: bool,
    /// What need not be met but is welcome.
    pub hints: Vec<Unit>,
    /// How it should be.
    pub wishes: Vec<Wish>,
    /// The text that was read instead of what was said.
    pub read_as: Option<String>,
    /// What was said and is not looked for.
    pub let_go: Vec<String>,
}

impl Query {
    /// More than this is a story; what comes first counts.
    pub const MAX_UNITS: usize = 12;

    fn has_concept(&self) -> bool {
        self.units.iter().any(Unit::is_concept)
    }

    /// This reading with only some of its units; `None` if those are all, or none.
    fn keeping(mut self, step: Step, keep: impl Fn(&Unit) -> bool) -> Option<Self> {
        let (kept, gone): (Vec<_>, Vec<_>) = self.units.into_iter().partition(keep);
        if kept.is_empty() || gone.is_empty() {
            return None;
        }
        self.let_go.extend(gone.iter().map(|unit| unit.said().to_owned()));
        Some(Self { step, units: kept, ..self })
    }
}

impl Analyzer {
    /// What a question asks for, as it was said.
    pub fn query(&self, text: &str) -> Query {
        self.as_said(&fold(text))
    }

    /// A reading of a question; `None` where the step would change nothing.
    pub fn reading(&self, text: &str, step: Step) -> Option<Query> {
        let folded = fold(text);
        let said = || self.as_said(&folded);
        match step {
            Step::Said => Some(said()),
            Step::Spelt | Step::Heard | Step::HeardAlike | Step::Slip => {
                let read = self.repaired(&folded, step)?;
                let query = self.as_said(&read);
                let spelt = step == Step::Spelt;
                Some(Query { step, read_as: Some(without_blanks(&read)).filter(|_| !spelt), ..query })
            }
            Step::Known => {
                let query = said();
                let concept = query.has_concept();
                query.keeping(step, |unit| concept && !matches!(unit, Unit::Word(_) | Unit::Latin { .. }))
            }
            Step::Anywhere => self.most_promising(&folded).keeping(step, Unit::is_concept),
            Step::Most => {
                let mut query = self.most_promising(&folded);
                let all = query.units.len();
                query.units.retain(Unit::is_concept);
                (query.units.len() > 1 || (query.units.len() == 1 && all > 1)).then_some(())?;
                let several = query.units.len() > 1;
                several.then_some(Query { step, all_but_one: true, ..query })
            }
        }
    }

    /// The reading that knows best what is asked for, whether or not it was found.
    fn most_promising(&self, folded: &str) -> Query {
        let said = self.as_said(folded);
        if said.has_concept() {
            return said;
        }
        let repairs = [Step::Spelt, Step::Heard, Step::HeardAlike, Step::Slip].into_iter();
        let mut readings = repairs.filter_map(|step| self.reading(folded, step));
        readings.find(Query::has_concept).unwrap_or(said)
    }

    /// The text that was meant by a folded one.
    fn repaired(&self, folded: &str, step: Step) -> Option<String> {
        match step {
            Step::Spelt => repair::spelt(self, folded, false),
            Step::Heard => repair::heard(self, folded, false),
            Step::HeardAlike => repair::heard(self, folded, true),
            Step::Slip => repair::slipped(self, folded).or_else(|| repair::spelt(self, folded, true)),
            _ => None,
        }
    }

    fn as_said(&self, folded: &str) -> Query {
        let mut wishes = Vec::new();
        // What says a wish is cut out and parts what stands beside it.
        let mut rest = String::with_capacity(folded.len());
        let mut done = 0;
        for (range, wish) in self.lexicon().find_wishes(folded) {
            rest.push_str(&folded[done..range.start]);
            rest.push(' ');
            done = range.end;
            if !wishes.contains(&wish) {
                wishes.push(wish);
            }
        }
        rest.push_str(&folded[done..]);

        let (mut units, mut hints) = (Vec::new(), Vec::new());
        let mut done = 0;
        for (range, term) in self.terms().find(&rest) {
            self.plain_units(&rest[done..range.start], &mut units, &mut hints);
            done = range.end;
            self.known_unit(term, &mut units, &mut hints);
        }
        self.plain_units(&rest[done..], &mut units, &mut hints);
        if units.is_empty() {
            units.append(&mut hints);
        }
        let mut seen = HashSet::new();
        units.retain(|unit| seen.insert(unit.said().to_owned()));
        units.truncate(Query::MAX_UNITS);
        hints.truncate(Query::MAX_UNITS);
        Query { folded: without_blanks(folded), units, hints, wishes, ..Query::default() }
    }

    fn unit(&self, term: &Term) -> Unit {
        match term.meaning {
            Meaning::Concept(id) => {
                Unit::Concept { name: self.lexicon().concepts()[id].name.clone(), word: term.word.clone() }
            }
            Meaning::Place => Unit::Place { word: term.word.clone(), names: term.names.clone() },
        }
    }

    fn known_unit(&self, term: &Term, units: &mut Vec<Unit>, hints: &mut Vec<Unit>) {
        let unit = self.unit(term);
        if self.is_hint(term) { hints.push(unit) } else { units.push(unit) }
    }

    fn is_hint(&self, term: &Term) -> bool {
        matches!(term.meaning, Meaning::Concept(id) if self.lexicon().concepts()[id].hint)
    }

    /// Words of a stretch without known ones. Neighbouring single characters are
    /// a name the dictionary does not know, and neighbouring Latin words are
    /// pinyin typed with blanks: both are joined.
    fn plain_units(&self, folded: &str, units: &mut Vec<Unit>, hints: &mut Vec<Unit>) {
        let mut joinable = false;
        let tokens: Vec<&str> =
            self.jieba().cut(folded, true).into_iter().map(|token| token.word.trim()).collect();
        let bridged = self.bridged(&tokens);
        for (at, word) in tokens.iter().copied().enumerate() {
            if let Some((range, term)) = bridged.iter().find(|(range, _)| range.contains(&at)) {
                if at == range.start {
                    self.known_unit(term, units, hints);
                }
                joinable = false;
                continue;
            }
            if word.is_empty() {
                // A blank joins pinyin but parts Chinese.
                joinable = joinable && matches!(units.last(), Some(Unit::Latin { .. }));
                continue;
            }
            if self.is_stop(word) {
                joinable = false;
                continue;
            }
            let latin = word.chars().all(|c| c.is_ascii_alphabetic());
            let single = word.chars().count() == 1 && word.chars().all(is_han);
            match units.last_mut() {
                Some(Unit::Latin { letters, .. }) if joinable && latin => letters.push_str(word),
                Some(Unit::Word(last)) if joinable && single => last.push_str(word),
                _ if latin => units.push(Unit::Latin { letters: word.to_owned(), means: Vec::new() }),
                _ => units.push(Unit::Word(word.to_owned())),
            }
            joinable = latin || single;
        }
        for unit in units {
            if let Unit::Latin { letters, means } = unit {
                *means = repair::concepts_spelt(self, letters);
            }
        }
    }

    /// Known words whose parts stand apart with nothing but stop words in between, as people speak:
    /// 白天可以照顾 says 白天照顾. Short words would come about by chance.
    fn bridged(&self, tokens: &[&str]) -> Vec<(Range<usize>, &Term)> {
        const SHORTEST: usize = 4;
        let (mut joined, mut begins) = (String::new(), Vec::new());
        for (at, word) in tokens.iter().enumerate() {
            if word.chars().all(is_han) && !word.is_empty() && !self.is_stop(word) {
                begins.push((joined.len(), at));
                joined.push_str(word);
            }
        }
        let part = |offset: usize| begins.binary_search_by_key(&offset, |(begin, _)| *begin).ok();
        let last = joined.len();
        self.terms()
            .find(&joined)
            .filter(|(_, term)| matches!(term.meaning, Meaning::Concept(_)))
            .filter(|(_, term)| term.word.chars().count() >= SHORTEST)
            .filter_map(|(range, term)| {
                let first = part(range.start)?;
                let end = if range.end == last { begins.len() } else { part(range.end)? };
                (end > first + 1).then(|| (begins[first].1..begins[end - 1].1 + 1, term))
            })
            .collect()
    }
}

fn without_blanks(folded: &str) -> String {
    folded.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::text::Lexicon;

    static ANALYZER: LazyLock<Analyzer> = LazyLock::new(|| Analyzer::new(Lexicon::shipped()));

    fn shown(query: &Query) -> Vec<String> {
        let show = |unit: &Unit| match unit {
            Unit::Concept { name, .. } => format!("<{name}>"),
            Unit::Place { word, .. } => format!("@{word}"),
            other => other.said().to_owned(),
        };
        let hints = query.hints.iter().map(|unit| format!("?{}", unit.said()));
        let wishes = query.wishes.iter().map(|wish| format!("!{}", wish.as_str()));
        query.units.iter().map(show).chain(hints).chain(wishes).collect()
    }

    fn understood(question: &str) -> Vec<String> {
        shown(&ANALYZER.query(question))
    }

    /// The readings after the first, by step.
    fn read(question: &str, step: Step) -> Option<Vec<String>> {
        ANALYZER.reading(question, step).as_ref().map(shown)
    }

    #[test]
    fn questions_are_reduced_to_what_is_wanted() {
        assert_eq!(understood("食堂"), ["<canteen>"]);
        assert_eq!(understood("長者飯堂"), ["<canteen>"]);
        assert_eq!(
            understood("我家附近哪里有可以给老人送餐上门的社区食堂"),
            ["<meal_delivery>", "<canteen>", "?老人"]
        );
        assert_eq!(understood("采荷 食堂"), ["@采荷", "<canteen>"]);
        assert_eq!(understood("采荷街道的食堂"), ["@采荷街道", "<canteen>"]);
        assert_eq!(understood("附近有什么"), Vec::<String>::new());
        assert_eq!(understood("lnst"), ["lnst"]);
        assert_eq!(understood("lao nian shi tang"), ["laonianshitang"]);
        assert_eq!(understood("老人"), ["<for_the_old>"]);
        assert_eq!(understood("我妈妈腿脚不好想找一个白天可以照顾她的地方"), ["<day_care>", "?腿脚不好"]);
        assert_eq!(
            understood("白天有没有人照顾"),
            ["白天", "人", "照顾"],
            "only stop words may stand between"
        );
    }

    #[test]
    fn wishes_are_taken_only_when_surely_meant() {
        assert_eq!(understood("现在开门的食堂"), ["<canteen>", "!open_now"]);
        assert_eq!(understood("周末开门的图书馆"), ["<reading>", "!open_weekend"]);
        assert_eq!(understood("离我最近的托育园"), ["<childcare>", "!nearest"]);
        assert_eq!(understood("免费理发"), ["<haircut>", "!free"]);
        assert_eq!(understood("最近有什么讲座"), ["<lectures>"], "lately is not nearest");
    }

    #[test]
    fn a_name_the_dictionary_does_not_know_stays_one_wish() {
        assert_eq!(ANALYZER.query("翯翀").units, [Unit::Word("翯翀".to_owned())]);
    }

    #[test]
    fn letters_are_read_as_pinyin_full_mixed_and_initial() {
        let canteen = |letters: &str| {
            let units = ANALYZER.query(letters).units;
            let [Unit::Latin { means, .. }] = units.as_slice() else { panic!("{letters}: {units:?}") };
            means.iter().any(|(name, _)| name == "canteen")
        };
        for letters in ["shitang", "lnst", "laonst", "laonianshitang", "zhangzheshitang", "zzst"] {
            assert!(canteen(letters), "{letters}");
        }
        assert_eq!(read("老年st", Step::Spelt).unwrap(), ["<canteen>"]);
        assert_eq!(read("caiheshitang", Step::Spelt).unwrap(), ["@采荷", "<canteen>"]);
        assert_eq!(read("采荷st", Step::Spelt).unwrap(), ["@采荷", "<canteen>"]);
        assert_eq!(read("fujindetuoyuyuan", Step::Spelt).unwrap(), ["<childcare>"]);
        assert_eq!(read("食堂", Step::Spelt), None);
    }

    #[test]
    fn what_was_heard_wrongly_is_recovered_and_said() {
        for (heard, meant) in [("食糖", "食堂"), ("托于园", "托育园"), ("老年食糖", "老年食堂")]
        {
            let query = ANALYZER.reading(heard, Step::Heard).unwrap();
            assert_eq!(query.read_as.as_deref(), Some(meant));
            assert!(query.has_concept());
        }
        let query = ANALYZER.reading("采和食堂", Step::Heard).unwrap();
        assert_eq!(query.read_as.as_deref(), Some("采荷食堂"));
        assert_eq!(ANALYZER.reading("四堂", Step::HeardAlike).unwrap().read_as.as_deref(), Some("食堂"));
        assert_eq!(read("火锅", Step::Heard), None);
        assert_eq!(read("食堂", Step::Heard), None, "what is known is not heard otherwise");
    }

    #[test]
    fn one_slip_is_forgiven_and_said() {
        for (typed, meant) in
            [("日间料中心", "日间照料中心"), ("shitnag", "食堂"), ("党群务中心", "党群服务中心")]
        {
            let query = ANALYZER.reading(typed, Step::Slip).unwrap();
            assert_eq!(query.read_as.as_deref(), Some(meant));
        }
        assert_eq!(read("电影院", Step::Slip), None);
        assert_eq!(read("加油站", Step::Slip), None);
    }

    #[test]
    fn what_cannot_be_met_is_let_go_and_said() {
        let query = ANALYZER.reading("清波 食堂", Step::Anywhere).unwrap();
        assert_eq!((shown(&query), query.let_go), (vec!["<canteen>".to_owned()], vec!["清波".to_owned()]));
        let query = ANALYZER.reading("翯翀食堂", Step::Known).unwrap();
        assert_eq!(query.let_go, ["翯翀"]);
        assert_eq!(read("采荷 火锅", Step::Anywhere), None, "a place alone is not what was asked for");
        assert!(ANALYZER.reading("理发 食堂", Step::Most).unwrap().all_but_one);
    }
}
