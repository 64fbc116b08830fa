//! Meilisearch as a text source: what it is told and asked, as plain data.
//!
//! Chinese is prepared here and not there. Its tokenizer cuts unknown names unpredictably, forgets
//! the tail of long questions and knows no pinyin; so documents and questions carry the tokens of
//! our own [`Analyzer`](crate::text::Analyzer), each written as one Latin word ([`code`]) that
//! nothing cuts. The attributes stand in the order of what meeting a wish in them is worth, and its
//! one ranking rule sums just that, so its score *is* our relevance and both engines rank alike.
//!
//! Nothing here speaks HTTP. Invariant: documents hold public data only, and no text of a caller
//! stands in a filter unescaped.

mod code;
mod document;
mod question;
mod settings;

pub use document::MeiliDocument;
pub use question::{MeiliHit, Plan, Question};
pub use settings::{fingerprint, settings};
