//! Judging the search: what people ask, with what they would accept as an answer.
//!
//! An expectation says what a facility must be (what it is for, what its names or services say,
//! where it is), never which one the engine shows; it is compared with the facility's own document.

use std::{collections::HashMap, fmt};

use chrono::{DateTime, Utc};
use linli_domain::{
    facility::{Category, FeeKind},
    geo::{Point, WalkProfile},
    ids::FacilityId,
};
use serde::Deserialize;

use crate::{
    answer::{Answer, Ask},
    document::FacilityDocument,
    engine::{EngineError, SearchEngine},
    filter::Filter,
    order::Sort,
    rank::Weights,
    source::TextSource,
};

/// One question, and what a person would accept as an answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Question {
    /// What kind of question it is.
    pub class: String,
    /// The question.
    pub q: String,
    /// It is for this.
    pub category: Option<Category>,
    /// One of its names or services holds one of these.
    pub words: Vec<String>,
    /// It lies in the division of this name.
    pub place: Option<String>,
    /// It is called exactly this.
    pub name: Option<String>,
    /// It has something free of charge.
    pub free: bool,
    /// It is open.
    pub open: bool,
    /// There is nothing of the kind: no hits, or ones that say what was let go.
    pub nothing: bool,
}

/// A line that is no question.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// It is not what a question looks like.
    #[error("line {line} cannot be read")]
    Form {
        /// Which line, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// It expects nothing in particular.
    #[error("line {0} says no question or not what to expect")]
    Empty(usize),
}

/// Reads questions, one JSON object a line; blank lines and lines that begin with `//` are skipped.
pub fn questions(text: &str) -> Result<Vec<Question>, QuestionError> {
    let lines = text.lines().zip(1..).map(|(text, line)| (text.trim(), line));
    let lines = lines.filter(|(text, _)| !text.is_empty() && !text.starts_with("//"));
    lines
        .map(|(text, line)| {
            let question: Question =
                serde_json::from_str(text).map_err(|source| QuestionError::Form { line, source })?;
            let expects = question.nothing || question.is_answerable();
            if question.q.is_empty() || !expects { Err(QuestionError::Empty(line)) } else { Ok(question) }
        })
        .collect()
}

impl Question {
    fn is_answerable(&self) -> bool {
        self.category.is_some() || !self.words.is_empty() || self.place.is_some() || self.name.is_some()
    }

    /// Whether a person would take this facility for an answer.
    fn accepts(&self, facility: &FacilityDocument, open: Option<bool>) -> bool {
        let said = |word: &String| {
            facility.names().any(|name| name.contains(word.as_str()))
                || facility.services.iter().any(|service| service.name.contains(word.as_str()))
        };
        self.category.is_none_or(|category| facility.categories.contains(&category))
            && (self.words.is_empty() || self.words.iter().any(said))
            && self.place.as_ref().is_none_or(|place| facility.divisions.contains(place))
            && self.name.as_ref().is_none_or(|name| facility.names().any(|known| known == name))
            && (!self.free || facility.fee_kinds().contains(FeeKind::Free))
            && (!self.open || open == Some(true))
    }
}

/// How one question was answered.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The question.
    pub question: Question,
    /// Where the first acceptable answer stands, from 1; of a question without an answer 1 when
    /// that was admitted.
    pub rank: Option<usize>,
    /// The facilities that were shown first.
    pub first: Vec<(FacilityId, String)>,
}

/// As many hits are looked at.
const LOOKED_AT: usize = 10;
/// As many names are listed of an answer that was not acceptable.
const LISTED: usize = 3;

/// A catalogue with the facts that answers are judged by.
pub struct Court<'a> {
    engine: &'a SearchEngine,
    facts: HashMap<FacilityId, &'a FacilityDocument>,
    ask: Ask,
}

impl<'a> Court<'a> {
    /// Judges answers over these documents, of which the engine was built. The person stands in their middle.
    pub fn new(engine: &'a SearchEngine, documents: &'a [FacilityDocument], now: DateTime<Utc>) -> Self {
        let ask = Ask {
            origin: middle(documents),
            reach: None,
            profile: WalkProfile::Adult,
            filter: Filter::default(),
            then: None,
            sort: Sort::Relevance,
            weights: Weights::USUAL,
            facets: false,
            widen: false,
            after: None,
            reading: None,
            limit: LOOKED_AT,
            open_at: now,
            now,
        };
        let facts = documents.iter().map(|document| (document.id, document)).collect();
        Self { engine, facts, ask }
    }

    /// Asks the embedded index.
    pub fn embedded(&self, questions: &[Question]) -> Result<Vec<Judged>, EngineError> {
        let judge =
            |question: &Question| Ok(self.judge(question, &self.engine.search(&question.q, &self.ask)?));
        questions.iter().map(judge).collect()
    }

    /// Asks `source`.
    pub async fn through<S: TextSource>(
        &self,
        source: &S,
        questions: &[Question],
    ) -> Result<Vec<Judged>, S::Error>
    where
        S::Error: From<EngineError>,
    {
        let mut judged = Vec::with_capacity(questions.len());
        for question in questions {
            judged.push(self.judge(question, &self.engine.search_in(source, &question.q, &self.ask).await?));
        }
        Ok(judged)
    }

    fn judge(&self, question: &Question, answer: &Answer) -> Judged {
        let shown = |slot| {
            let (card, facts) = answer.snapshot.card(slot).zip(answer.snapshot.facts(slot))?;
            Some((self.facts.get(&card.id).copied()?, answer.openings.is_open(facts)))
        };
        let rank = if question.nothing {
            (answer.hits.is_empty() || answer.relaxed).then_some(1)
        } else {
            let mut hits = answer.hits.iter();
            let accepts = |slot| shown(slot).is_some_and(|(facility, open)| question.accepts(facility, open));
            hits.position(|hit| accepts(hit.slot)).map(|at| at + 1)
        };
        let first = answer.hits.iter().take(LISTED).filter_map(|hit| shown(hit.slot));
        let first = first.map(|(facility, _)| (facility.id, facility.name.clone())).collect();
        Judged { question: question.clone(), rank, first }
    }
}

/// The mean of all places that are known.
fn middle(documents: &[FacilityDocument]) -> Option<Point> {
    let (mut lat, mut lng, mut known) = (0.0, 0.0, 0.0);
    for point in documents.iter().filter_map(|document| document.point) {
        (lat, lng, known) = (lat + point.lat(), lng + point.lng(), known + 1.0);
    }
    (known > 0.0).then(|| Point::wgs84(lat / known, lng / known)).flatten()
}

/// How well a list of questions was answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks {
    /// How many questions.
    pub questions: usize,
    /// Answered by the first hit.
    pub first: usize,
    /// Answered by one of the first three.
    pub third: usize,
    /// The reciprocals of the ranks, added up.
    pub reciprocals: f64,
}

#[expect(clippy::cast_precision_loss, reason = "nobody writes 2^52 questions")]
impl Marks {
    fn add(&mut self, rank: Option<usize>) {
        self.questions += 1;
        self.first += usize::from(rank == Some(1));
        self.third += usize::from(rank.is_some_and(|rank| rank <= 3));
        self.reciprocals += rank.map_or(0.0, |rank| 1.0 / rank as f64);
    }

    fn share(self, of: f64) -> f64 {
        of / self.questions.max(1) as f64
    }

    /// The share that the first hit answers.
    pub fn hit_1(self) -> f64 {
        self.share(self.first as f64)
    }

    /// The share that one of the first three hits answers.
    pub fn hit_3(self) -> f64 {
        self.share(self.third as f64)
    }

    /// The mean reciprocal rank.
    pub fn mrr(self) -> f64 {
        self.share(self.reciprocals)
    }
}

/// The marks of each class in the order of the questions, of all together, and every miss.
pub struct Report<'a>(pub &'a [Judged]);

impl Report<'_> {
    /// Of all questions together.
    pub fn all(&self) -> Marks {
        self.marks(|_| true)
    }

    fn marks(&self, of: impl Fn(&Question) -> bool) -> Marks {
        let mut marks = Marks::default();
        self.0.iter().filter(|judged| of(&judged.question)).for_each(|judged| marks.add(judged.rank));
        marks
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut classes: Vec<&str> = Vec::new();
        for judged in self.0 {
            if !classes.contains(&judged.question.class.as_str()) {
                classes.push(&judged.question.class);
            }
        }
        writeln!(out, "{:<16} {:>9} {:>6} {:>6} {:>6}", "class", "questions", "hit@1", "hit@3", "MRR")?;
        let rows = classes.into_iter().map(|class| (class, self.marks(|question| question.class == class)));
        for (class, marks) in rows.chain([("all", self.all())]) {
            let Marks { questions, .. } = marks;
            writeln!(
                out,
                "{class:<16} {questions:>9} {:>6.3} {:>6.3} {:>6.3}",
                marks.hit_1(),
                marks.hit_3(),
                marks.mrr()
            )?;
        }
        for judged in self.0.iter().filter(|judged| judged.rank != Some(1)) {
            let rank = judged.rank.map_or("none".to_owned(), |rank| rank.to_string());
            let names: Vec<_> = judged.first.iter().map(|(_, name)| name.as_str()).collect();
            let Question { class, q, .. } = &judged.question;
            writeln!(out, "missed [{class}] {q}: rank {rank}; shown {}", names.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_without_an_expectation_is_refused_by_its_line() {
        let read = |text: &str| questions(text).map(|read| read.len());
        assert_eq!(read("// a comment\n\n{\"q\":\"食堂\",\"words\":[\"食堂\"]}").unwrap(), 1);
        let second = "{\"q\":\"火锅\",\"nothing\":true}\n{\"q\":\"食堂\"}";
        assert!(matches!(read(second), Err(QuestionError::Empty(2))));
        assert!(matches!(read("{\"frage\":\"食堂\"}"), Err(QuestionError::Form { line: 1, .. })));
    }

    #[test]
    fn marks_are_shares_of_all_questions() {
        let mut marks = Marks::default();
        [Some(1), Some(2), Some(4), None].into_iter().for_each(|rank| marks.add(rank));
        assert!((marks.hit_1() - 0.25).abs() < 1e-9 && (marks.hit_3() - 0.5).abs() < 1e-9);
        assert!((marks.mrr() - 1.75 / 4.0).abs() < 1e-9);
    }
}
