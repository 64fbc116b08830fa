//! A facility as a document of an index.

use linli_domain::{
    facility::{AccessFeature, Category, FeeKind, ServiceMode},
    ids::FacilityId,
    vocabulary::WordSet,
};
use serde::Serialize;

use super::code::{code, concept_code};
use crate::{
    document::FacilityDocument,
    text::{Analyzer, fold, short_division},
    tokens::Tokenizer,
};

/// The attributes that are searched, the worthiest first; see [`super::question`] for the worth.
pub(super) const SEARCHED: [&str; 5] = ["named", "named_otherwise", "named_in_part", "offered", "around"];

/// The longest part of a name that finds it as one word.
pub(super) const LONGEST_GRAM: usize = 4;

/// What an index holds of a facility: its tokens, what it is filtered by, and its version.
///
/// Whether it is open and what is free there is never in an index: that is joined when asked.
#[derive(Serialize)]
pub struct MeiliDocument {
    /// The facility.
    pub id: FacilityId,
    /// The version it was made of.
    pub version: i64,
    /// For the eyes of an operator.
    name: String,
    #[serde(rename = "_geo", skip_serializing_if = "Option::is_none")]
    geo: Option<Geo>,
    category: WordSet<Category>,
    fee_kind: WordSet<FeeKind>,
    mode: WordSet<ServiceMode>,
    accessible: WordSet<AccessFeature>,
    exact: Vec<String>,
    named: String,
    named_otherwise: String,
    named_in_part: String,
    offered: String,
    around: String,
}

#[derive(Serialize)]
struct Geo {
    lat: f64,
    lng: f64,
}

impl MeiliDocument {
    /// The document of a facility.
    pub fn new(analyzer: &Analyzer, facility: &FacilityDocument) -> Self {
        let tokens = Tokenizer::new(analyzer).document(facility);
        let parts = facility.names().flat_map(|name| parts(&fold(name)));
        // The division it lies in says more than a word of its address.
        let short = facility.divisions.iter().filter_map(|name| short_division(name).map(fold));
        let divisions: Vec<String> = tokens.division.iter().cloned().chain(short).collect();
        Self {
            id: facility.id,
            version: facility.version,
            name: facility.name.clone(),
            geo: facility.point.map(|point| Geo { lat: point.lat(), lng: point.lng() }),
            category: facility.categories.iter().copied().collect(),
            fee_kind: facility.fee_kinds(),
            mode: facility.modes(),
            accessible: facility.accessibility,
            named: words(tokens.name.iter().map(code)),
            named_otherwise: words(
                tokens.concept.iter().map(concept_code).chain(tokens.pinyin.iter().map(code)),
            ),
            named_in_part: words(parts.chain(divisions).map(|part| code(&part))),
            offered: words(tokens.offer.iter().map(code)),
            around: words(tokens.offer_concept.iter().map(concept_code).chain(tokens.place.iter().map(code))),
            exact: tokens.exact,
        }
    }
}

/// Each word once: where a word stands and how often does not count.
fn words(tokens: impl Iterator<Item = String>) -> String {
    let unique: std::collections::BTreeSet<String> = tokens.collect();
    unique.into_iter().collect::<Vec<_>>().join(" ")
}

/// Every run of one to [`LONGEST_GRAM`] characters of a folded text.
fn parts(folded: &str) -> Vec<String> {
    let runs = folded.split_whitespace().map(|run| run.chars().collect::<Vec<_>>());
    runs.flat_map(|run| {
        (1..=LONGEST_GRAM)
            .flat_map(|length| run.windows(length).map(String::from_iter).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    })
    .collect()
}
