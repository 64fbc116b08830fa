//! Operations of staff, one file per small resource, each with its permission in the signature.

mod calendar;
mod exchange;
mod facilities;
mod rooms;
mod system;

use poem_openapi::Tags;

/// Everything under `/staff/v1`.
pub type Api = (system::System, rooms::Rooms, facilities::Api, exchange::Exchange, calendar::Calendar);

/// The parts of the API.
pub const fn api() -> Api {
    (system::System, rooms::Rooms, facilities::api(), exchange::Exchange, calendar::Calendar)
}

/// Sections of the document.
#[derive(Tags)]
pub enum Tag {
    /// Rooms and their bookings.
    Rooms,
    /// The service itself.
    System,
    /// Facilities, their notices and photos, and reports about them.
    Facilities,
    /// Facilities as files.
    Exchange,
    /// The statutory calendar.
    Calendar,
}
