//! Operations of residents and the public, one file per small resource.

mod system;

use poem_openapi::Tags;

/// Everything under `/v1`.
pub type Api = (system::System, ());

/// The parts of the API.
pub const fn api() -> Api {
    (system::System, ())
}

/// Sections of the document.
#[derive(Tags)]
pub enum Tag {
    /// The service itself.
    System,
}
