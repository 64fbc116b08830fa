//! A question as the index understands it.

use std::ops::Bound;

use tantivy::{
    Searcher, Term,
    query::{
        AllQuery, BooleanQuery, ConstScoreQuery, DisjunctionMaxQuery, Occur, Query as TantivyQuery,
        RangeQuery, TermQuery,
    },
    schema::{Field, IndexRecordOption},
};

use super::fields::Fields;
use crate::{
    text::{Query, Unit},
    worth::{AROUND, HINT, NAMED, NAMED_IN_PART, NAMED_OTHERWISE, OFFERED},
};

/// What the whole question being a name adds: more than any sum over [`Query::MAX_UNITS`] units and hints.
pub(super) const EXACT: f32 = 16.0;

type Boxed = Box<dyn TantivyQuery>;

/// Every unit is met somewhere, or every one but one; hints may be. Nothing but stop words asks for anything.
pub(super) fn meeting(fields: &Fields, query: &Query) -> Boxed {
    if query.units.is_empty() {
        return Box::new(ConstScoreQuery::new(Box::new(AllQuery), NAMED));
    }
    let hints = query.hints.iter().map(|hint| worth(unit_query(fields, hint), HINT));
    let exact = worth(term(fields.exact, &query.folded), EXACT);
    let welcome = hints.chain([exact]).map(|query| (Occur::Should, query));
    let units = query.units.iter().map(|unit| unit_query(fields, unit));
    if query.all_but_one {
        let units: Vec<_> = units.map(|unit| (Occur::Should, unit)).collect();
        let enough = units.len().saturating_sub(1).max(1);
        let units: Boxed = Box::new(BooleanQuery::with_minimum_required_clauses(units, enough));
        return Box::new(BooleanQuery::new(std::iter::once((Occur::Must, units)).chain(welcome).collect()));
    }
    Box::new(BooleanQuery::new(units.map(|unit| (Occur::Must, unit)).chain(welcome).collect()))
}

/// The best of the fields in which the unit is met.
fn unit_query(fields: &Fields, unit: &Unit) -> Boxed {
    let best_of: Vec<Boxed> = match unit {
        Unit::Concept { name, word } => concept(fields, name, word),
        Unit::Place { word, names } => {
            let whole = names.iter().map(|name| worth(term(fields.division, name), NAMED_IN_PART));
            let anywhere = vec![
                worth(term(fields.name, word), NAMED),
                worth(grams(fields, word), NAMED_IN_PART),
                worth(term(fields.place, word), AROUND),
            ];
            whole.chain(anywhere).collect()
        }
        Unit::Word(word) => vec![
            worth(term(fields.name, word), NAMED),
            worth(grams(fields, word), NAMED_IN_PART),
            worth(term(fields.offer, word), OFFERED),
            worth(term(fields.place, word), AROUND),
        ],
        Unit::Latin { letters, means } => {
            let as_it_stands = vec![
                worth(term(fields.name, letters), NAMED),
                worth(term(fields.pinyin, letters), NAMED_OTHERWISE),
                worth(term(fields.offer, letters), OFFERED),
                worth(term(fields.place, letters), AROUND),
            ];
            let spelt = means.iter().flat_map(|(name, word)| concept(fields, name, word));
            as_it_stands.into_iter().chain(spelt).collect()
        }
    };
    Box::new(DisjunctionMaxQuery::new(best_of))
}

fn concept(fields: &Fields, name: &str, word: &str) -> Vec<Boxed> {
    vec![
        worth(term(fields.name, word), NAMED),
        worth(term(fields.concept, name), NAMED_OTHERWISE),
        worth(term(fields.offer, word), OFFERED),
        worth(term(fields.offer_concept, name), AROUND),
    ]
}

/// Every pair of neighbouring characters is in the name: nearly always the word itself.
fn grams(fields: &Fields, word: &str) -> Boxed {
    let chars: Vec<char> = word.chars().collect();
    let length = chars.len().min(2);
    let pairs =
        chars.windows(length).map(|pair| (Occur::Must, term(fields.gram, &pair.iter().collect::<String>())));
    Box::new(BooleanQuery::new(pairs.collect()))
}

/// A name begins like this, in characters or in pinyin.
pub(super) fn name_prefix(fields: &Fields, folded: &str) -> Boxed {
    Box::new(DisjunctionMaxQuery::new(vec![
        worth(prefix(fields.exact, folded), NAMED),
        worth(prefix(fields.pinyin, folded), NAMED_OTHERWISE),
    ]))
}

/// The most frequent terms that begin like this.
pub(super) fn terms_beginning(
    searcher: &Searcher,
    field: Field,
    folded: &str,
    limit: usize,
) -> tantivy::Result<Vec<(String, u32)>> {
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(field)?;
        let mut range = index.terms().range().ge(folded.as_bytes());
        if let Some(end) = after_prefix(folded) {
            range = range.lt(end);
        }
        let mut terms = range.into_stream()?;
        while terms.advance() {
            let text = String::from_utf8_lossy(terms.key()).into_owned();
            *counts.entry(text).or_default() += terms.value().doc_freq;
        }
    }
    let mut terms: Vec<_> = counts.into_iter().collect();
    terms.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    terms.truncate(limit);
    Ok(terms)
}

fn prefix(field: Field, folded: &str) -> Boxed {
    let term = |bytes: &[u8]| {
        let mut term = Term::from_field_text(field, "");
        term.append_bytes(bytes);
        term
    };
    let end = after_prefix(folded).map_or(Bound::Unbounded, |end| Bound::Excluded(term(&end)));
    Box::new(RangeQuery::new(Bound::Included(term(folded.as_bytes())), end))
}

/// The first bytes that sort after everything with the prefix; `None` if there are none.
fn after_prefix(prefix: &str) -> Option<Vec<u8>> {
    let mut bytes = prefix.as_bytes().to_vec();
    // UTF-8 never holds 0xff, so the last byte can always grow.
    *bytes.last_mut()? += 1;
    Some(bytes)
}

fn term(field: Field, text: &str) -> Boxed {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
}

fn worth(query: Boxed, value: f32) -> Boxed {
    Box::new(ConstScoreQuery::new(query, value))
}
