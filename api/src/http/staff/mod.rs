//! Operations of staff, one file per small resource, each with its permission in the signature.

mod exchange;
mod system;

use poem_openapi::Tags;

/// Everything under `/staff/v1`.
pub type Api = (system::System, exchange::Exchange);

/// The parts of the API.
pub const fn api() -> Api {
    (system::System, exchange::Exchange)
}

/// Sections of the document.
#[derive(Tags)]
pub enum Tag {
    /// The service itself.
    System,
    /// Facilities as files.
    Exchange,
}
