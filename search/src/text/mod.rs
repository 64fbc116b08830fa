//! Chinese text: folding, the lexicon, words, pinyin.
//!
//! Documents and queries pass through the same [`Analyzer`], so what is written
//! one way and typed another meets in the same tokens.

mod analyzer;
mod fold;
mod lexicon;
mod pinyin;

pub use analyzer::{Analyzer, NameTokens, Query, Unit};
pub use fold::fold;
pub use lexicon::{Concept, ConceptId, Lexicon, LexiconError};
