//! Chinese text: folding, the lexicon, words, pinyin.
//!
//! Documents and queries pass through the same [`Analyzer`], so what is written
//! one way and typed another meets in the same tokens.

mod analyzer;
mod fold;
mod lexicon;
mod pinyin;
mod question;
mod repair;
mod terms;
mod tokens;
mod wish;

pub use analyzer::{Analyzer, NameTokens};
pub use fold::fold;
pub use lexicon::{Concept, ConceptId, Lexicon, LexiconError};
pub use question::{Query, Step, Unit};
pub(crate) use terms::short_division;
pub use tokens::Tokens;
pub use wish::Wish;
