//! Operations of residents and the public, one file per small resource.

pub(crate) mod auth;
pub(crate) mod booking_series;
pub(crate) mod bookings;
pub(crate) mod calendar;
mod calendar_feed;
mod discovery;
mod facilities;
mod family;
mod me;
mod messages;
mod rooms;
mod system;
mod vocabulary;

use poem_openapi::Tags;

/// What a resident has booked.
type Booked =
    (bookings::Bookings, booking_series::BookingSeries, calendar_feed::CalendarFeed, messages::Messages);

/// Everything under `/v1`.
pub type Api = (
    system::System,
    discovery::Discovery,
    Booked,
    rooms::Rooms,
    facilities::Api,
    vocabulary::Words,
    calendar::Calendar,
    (auth::Auth, me::Me, family::Family),
);

/// The parts of the API.
pub const fn api() -> Api {
    (
        system::System,
        discovery::Discovery,
        (bookings::Bookings, booking_series::BookingSeries, calendar_feed::CalendarFeed, messages::Messages),
        rooms::Rooms,
        facilities::api(),
        vocabulary::Words,
        calendar::Calendar,
        (auth::Auth, me::Me, family::Family),
    )
}

/// Sections of the document.
#[derive(Tags)]
pub enum Tag {
    /// Rooms and their slots.
    Rooms,
    /// Bookings.
    Bookings,
    /// Messages about what one has booked.
    Messages,
    /// What is near, what is meant, what is open.
    Discovery,
    /// The service itself.
    System,
    /// Facilities, and what residents say about them.
    Facilities,
    /// The statutory calendar.
    Calendar,
    /// Signing in and out.
    Auth,
    /// One's own record, family and favourites.
    Me,
}
