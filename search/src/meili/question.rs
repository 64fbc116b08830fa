//! Questions as an index is asked them, and what its scores mean.

use std::fmt::Write;

use linli_domain::{
    Vocabulary,
    geo::{Bounds, Point},
    ids::FacilityId,
    vocabulary::WordSet,
};
use serde::Deserialize;

use super::{
    code::code,
    document::{LONGEST_GRAM, SEARCHED},
    settings::MAX_HITS,
};
use crate::{
    catalogue::{Slot, Snapshot},
    order::Sort,
    rank::TextHit,
    source::{Meeting, Met, Wanted},
    text::{Query, Unit},
    worth::{AROUND, NAMED, NAMED_IN_PART, NAMED_OTHERWISE, OFFERED},
};

/// What meeting a wish in each of the [`SEARCHED`] attributes is worth.
const WORTH: [f32; SEARCHED.len()] = [NAMED, NAMED_OTHERWISE, NAMED_IN_PART, OFFERED, AROUND];
const LAST: u8 = 4;

/// What the whole question being a name adds.
const EXACT: f32 = 1.0;

/// More words than this are not looked at there.
const MAX_WORDS: usize = 10;

/// Facilities in the box round the person that is asked whole.
const NEAR: usize = 1_000;
/// The best of what lies beyond it.
const BEYOND: usize = 200;
/// Facilities of one name.
const SAME_NAME: usize = 50;
/// Half the sides of that box, metres, the widest first.
const BOXES_M: [f64; 7] = [50_000.0, 20_000.0, 8_000.0, 4_000.0, 2_000.0, 1_000.0, 500.0];

/// One search in an index.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Coded words.
    pub q: String,
    /// A filter expression.
    pub filter: Option<String>,
    /// An order other than that of worth.
    pub sort: Option<String>,
    /// How many at the most.
    pub limit: usize,
    reading: Reading,
}

/// How the scores of a search are read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    /// The name is what was said.
    Exact,
    /// So many words were met, which are this share of all wishes.
    Words { words: u16, share: f32 },
}

/// One hit of one search.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct MeiliHit {
    /// The facility.
    pub id: FacilityId,
    /// How far up the one ranking rule puts it, 0 to 1.
    #[serde(rename = "_rankingScore", default)]
    pub score: Option<f32>,
}

/// The searches that answer one question together.
pub struct Plan {
    /// To be asked in one request.
    pub questions: Vec<Question>,
    /// Whether there is nothing in it that only our own tokens know: letters that spell a concept.
    whole: bool,
}

impl Plan {
    /// What to ask. Distance is never asked for: it would cost more than everything else together,
    /// and is known here. So the box round the person is asked whole, and the rest of the city for
    /// its best.
    pub fn new(wanted: &Wanted<'_>) -> Self {
        let ask = wanted.ask;
        let filter = &ask.filter;
        let mut alike = Conditions::default();
        alike.any("category", filter.categories);
        alike.any("fee_kind", filter.fee_kinds);
        alike.any("mode", filter.modes);
        alike.all("accessible", filter.accessibility);
        if let Some(bounds) = filter.bounds {
            alike.within(bounds);
        }
        // What may have to be widened is asked for beyond its reach at once.
        let reach_m = ask.reach.filter(|_| !ask.widen).map(|reach| reach.radius_m(ask.profile));
        if let Some((origin, radius_m)) = ask.origin.zip(reach_m) {
            alike.within(Bounds::around(origin, radius_m + 1.0));
        }
        let mut questions = Vec::new();
        for (q, reading) in texts(wanted.query, wanted.meeting) {
            let asked = |conditions: Conditions, limit| Question {
                q: q.clone(),
                filter: conditions.into_filter(),
                sort: None,
                limit,
                reading,
            };
            match ask.origin {
                Some(origin) if ask.sort != Sort::Relevance => {
                    questions
                        .push(Question { sort: Some(by_distance(origin)), ..asked(alike.clone(), MAX_HITS) });
                }
                Some(origin) => match near_m(wanted.snapshot, origin) {
                    Some(near_m) if reach_m.is_none_or(|reach_m| reach_m > near_m) => {
                        let mut near = alike.clone();
                        near.within(Bounds::around(origin, near_m));
                        questions.push(asked(near, NEAR));
                        questions.push(asked(alike.clone(), BEYOND));
                    }
                    _ => questions.push(asked(alike.clone(), MAX_HITS)),
                },
                None => questions.push(asked(alike.clone(), MAX_HITS)),
            }
        }
        if wanted.meeting == Meeting::All && !wanted.query.units.is_empty() {
            alike.is("exact", &wanted.query.folded);
            questions.push(Question {
                q: String::new(),
                filter: alike.into_filter(),
                sort: None,
                limit: SAME_NAME,
                reading: Reading::Exact,
            });
        }
        let spells = |unit: &Unit| matches!(unit, Unit::Latin { means, .. } if !means.is_empty());
        Self { questions, whole: !wanted.query.units.iter().any(spells) }
    }

    /// The smallest question there is, to see whether anybody answers.
    pub fn probe() -> Self {
        let reading = Reading::Words { words: 0, share: 1.0 };
        let questions = vec![Question { q: String::new(), filter: None, sort: None, limit: 1, reading }];
        Self { questions, whole: false }
    }

    /// What the answers mean, one list for each question. A facility that this catalogue does not
    /// know (yet, or any more) is left out; of several ways to be found the best counts.
    pub fn read(&self, snapshot: &Snapshot, answers: &[Vec<MeiliHit>]) -> Met {
        let cut = self.questions.iter().zip(answers).any(|(question, hits)| hits.len() >= question.limit);
        let mut found: Vec<(Slot, f32, bool)> = Vec::new();
        for (question, hits) in self.questions.iter().zip(answers) {
            for hit in hits {
                let Some(slot) = snapshot.slot(hit.id) else { continue };
                match question.reading {
                    Reading::Exact => found.push((slot, 0.0, true)),
                    Reading::Words { words, share } => {
                        found.push((slot, share * worth(hit.score.unwrap_or(0.0), words), false));
                    }
                }
            }
        }
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let hits = found.chunk_by(|a, b| a.0 == b.0).map(|same| {
            let exact = same.iter().any(|(_, _, exact)| *exact);
            let (slot, met, _) = same[0];
            // The exact name alone meets every wish in a name.
            let met = if exact && met == 0.0 { WORTH[0] } else { met };
            TextHit { slot, relevance: met + if exact { EXACT } else { 0.0 } }
        });
        Met { hits: hits.collect(), whole: self.whole && !cut }
    }
}

/// The texts to ask for, with how their scores are read.
fn texts(query: &Query, meeting: Meeting) -> Vec<(String, Reading)> {
    let words: Vec<Vec<String>> = query.units.iter().map(unit_words).collect();
    let text = |left_out: Option<usize>| {
        let kept = words.iter().enumerate().filter(|(at, _)| Some(*at) != left_out);
        let kept: Vec<_> = kept.flat_map(|(_, words)| words).take(MAX_WORDS).cloned().collect();
        let units = words.len().max(1);
        let met = units - usize::from(left_out.is_some());
        let share = f32::from(u16::try_from(met).unwrap_or(1)) / f32::from(u16::try_from(units).unwrap_or(1));
        let words = u16::try_from(kept.len()).unwrap_or(u16::MAX);
        (kept.join(" "), Reading::Words { words, share })
    };
    match meeting {
        Meeting::All => vec![text(None)],
        Meeting::AllButOne => (0..words.len()).map(|at| text(Some(at))).collect(),
    }
}

/// The coded words of a wish: one, unless it is a longer part of a name than is kept.
fn unit_words(unit: &Unit) -> Vec<String> {
    match unit {
        Unit::Concept { word, .. } | Unit::Place { word, .. } => vec![code(word)],
        // Between quotes, since a word alone would also be met by its two halves: lnst by ln and st.
        Unit::Latin { letters, .. } => vec![format!("\"{}\"", code(letters))],
        Unit::Word(word) => {
            let chars: Vec<char> = word.chars().collect();
            let length = chars.len().min(LONGEST_GRAM);
            chars.windows(length.max(1)).map(|part| code(&String::from_iter(part))).collect()
        }
    }
}

/// What a score says about how well the words were met. The rule adds up, over the words, the place
/// of the best attribute each was met in, and says `(most + 1 - sum) / (most + 1)`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place is between 0 and 4")]
fn worth(score: f32, words: u16) -> f32 {
    if words == 0 {
        return WORTH[0];
    }
    let most = f32::from(LAST) * f32::from(words);
    let place = ((1.0 - score) * (most + 1.0)).round().clamp(0.0, most) / f32::from(words);
    // Between two attributes, when words were met in different ones.
    let (at, next) = (usize::from(place as u8), usize::from((place as u8 + 1).min(LAST)));
    WORTH[at] + (WORTH[next] - WORTH[at]) * place.fract()
}

/// Half the side of the widest box round the person with no more than [`NEAR`] facilities in it.
fn near_m(snapshot: &Snapshot, origin: Point) -> Option<f64> {
    // The circle through the corners holds all that the box does.
    let fits = |half_m: &f64| {
        snapshot.count_within(origin, half_m * std::f64::consts::SQRT_2 + 1.0, NEAR + 1) <= NEAR
    };
    BOXES_M.get(BOXES_M.partition_point(|half_m| !fits(half_m))).copied()
}

fn by_distance(origin: Point) -> String {
    format!("_geoPoint({:.6},{:.6}):asc", origin.lat(), origin.lng())
}

/// Conditions that must all hold, as a filter expression.
#[derive(Clone, Default)]
struct Conditions(String);

impl Conditions {
    fn and(&mut self, condition: std::fmt::Arguments<'_>) {
        if !self.0.is_empty() {
            self.0.push_str(" AND ");
        }
        self.0.write_fmt(condition).expect("a string takes everything");
    }

    fn is(&mut self, attribute: &str, value: &str) {
        self.and(format_args!("{attribute} = {}", quoted(value)));
    }

    fn any<V: Vocabulary>(&mut self, attribute: &str, words: WordSet<V>) {
        if !words.is_empty() {
            let words: Vec<_> = words.iter().map(|word| quoted(word.as_str())).collect();
            self.and(format_args!("{attribute} IN [{}]", words.join(", ")));
        }
    }

    fn all<V: Vocabulary>(&mut self, attribute: &str, words: WordSet<V>) {
        for word in words.iter() {
            self.is(attribute, word.as_str());
        }
    }

    /// The north-eastern corner first, then the south-western one.
    fn within(&mut self, bounds: Bounds) {
        let Bounds { south, west, north, east } = bounds;
        self.and(format_args!("_geoBoundingBox([{north:.6}, {east:.6}], [{south:.6}, {west:.6}])"));
    }

    fn into_filter(self) -> Option<String> {
        Some(self.0).filter(|filter| !filter.is_empty())
    }
}

/// A value that cannot end its quotes.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests;
