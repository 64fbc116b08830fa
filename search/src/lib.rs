//! Discovery: what is near, what is meant, what is open.
//!
//! The public catalogue of a city (10^4 to 10^5 facilities) lives in an immutable
//! in-process snapshot, so nearby without text never leaves the process. Text
//! goes to an index beside it. No SQL and no HTTP here: documents come in as
//! plain data, answers go out as plain data. Documents hold public data only.
#![warn(missing_docs)]

mod answer;
pub mod catalogue;
mod distance;
mod document;
mod engine;
pub mod eval;
mod filter;
mod index;
pub mod meili;
mod nearby;
mod order;
mod rank;
mod recent;
#[doc(hidden)]
pub mod sample;
mod sift;
mod source;
mod suggest;
pub mod text;
mod tokens;
mod worth;

pub use answer::{Answer, Ask, Reach, Reading, Understood};
pub use document::{FacilityDocument, ServiceDocument};
pub use engine::{CATALOGUE, EngineError, SearchEngine};
pub use filter::{Counts, Facets, Filter};
pub use nearby::nearby;
pub use order::{Hit, Place, Sort};
pub use rank::{Score, TextHit, Weights};
pub use source::{Meeting, Met, TextSource, Wanted};
pub use suggest::{Suggestion, SuggestionKind};
