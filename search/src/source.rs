//! Where a text is looked up: the embedded index, or a server beside it.
//!
//! A source only says which facilities meet the words and how well. Distance, opening hours,
//! filters, order and counts are decided over the catalogue of this process, the same for all.

use crate::{answer::Ask, catalogue::Snapshot, rank::TextHit, text::Query};

/// How much of a question must be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// Every wish.
    All,
    /// All wishes but one.
    AllButOne,
}

/// What is looked for.
pub struct Wanted<'a> {
    /// The catalogue that the slots of the hits are of.
    pub snapshot: &'a Snapshot,
    /// The question, understood.
    pub query: &'a Query,
    /// How much of it must be met.
    pub meeting: Meeting,
    /// Where, how far and what: a source that cannot hand out the whole city looks where it matters.
    pub ask: &'a Ask,
}

/// What a source found.
#[derive(Clone, Debug, Default)]
pub struct Met {
    /// In any order.
    pub hits: Vec<TextHit>,
    /// Whether this is every facility that meets the question.
    pub whole: bool,
}

/// Something that finds facilities by words.
pub trait TextSource: Sync {
    /// Why it could not.
    type Error;

    /// Facilities that meet the question. It may leave out what has no chance to be on the first page;
    /// what is too far or fails a filter is sorted out by the caller.
    fn find(&self, wanted: &Wanted<'_>) -> impl Future<Output = Result<Met, Self::Error>> + Send;
}
