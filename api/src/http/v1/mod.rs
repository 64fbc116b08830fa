//! Operations of residents and the public, one file per small resource.

pub(crate) mod calendar;
mod facilities;
mod system;
mod vocabulary;

use poem_openapi::Tags;

/// Everything under `/v1`.
pub type Api = (system::System, facilities::Api, vocabulary::Words, calendar::Calendar);

/// The parts of the API.
pub const fn api() -> Api {
    (system::System, facilities::api(), vocabulary::Words, calendar::Calendar)
}

/// Sections of the document.
#[derive(Tags)]
pub enum Tag {
    /// The service itself.
    System,
    /// Facilities, and what residents say about them.
    Facilities,
    /// The statutory calendar.
    Calendar,
}
