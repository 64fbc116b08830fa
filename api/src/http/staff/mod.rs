//! Operations of staff, one file per small resource, each with its permission in the signature.

mod accounts;
mod audit;
mod auth;
mod booking_rules;
mod booking_series;
mod bookings;
mod calendar;
mod closures;
mod demand;
mod exchange;
mod facilities;
mod organisations;
mod residents;
mod roles;
mod rooms;
mod system;
mod timetables;

use poem_openapi::Tags;

/// Operations on organisations, accounts and residents.
type People = (
    auth::Auth,
    organisations::Organisations,
    accounts::Accounts,
    roles::Roles,
    audit::Audit,
    residents::Residents,
);

/// Operations on rooms and what is booked in them.
type Booking = (
    rooms::Rooms,
    timetables::Timetables,
    closures::Closures,
    bookings::Bookings,
    booking_series::BookingSeries,
    booking_rules::BookingRules,
);

/// Everything under `/staff/v1`.
pub type Api = (
    system::System,
    Booking,
    facilities::Api,
    exchange::Exchange,
    demand::Demand,
    calendar::Calendar,
    People,
);

/// The parts of the API.
pub const fn api() -> Api {
    (
        system::System,
        (
            rooms::Rooms,
            timetables::Timetables,
            closures::Closures,
            bookings::Bookings,
            booking_series::BookingSeries,
            booking_rules::BookingRules,
        ),
        facilities::api(),
        exchange::Exchange,
        demand::Demand,
        calendar::Calendar,
        (
            auth::Auth,
            organisations::Organisations,
            accounts::Accounts,
            roles::Roles,
            audit::Audit,
            residents::Residents,
        ),
    )
}

/// Sections of the document.
#[derive(Tags)]
pub enum Tag {
    /// Rooms and their bookings.
    Rooms,
    /// Bookings, the requests and payments among them.
    Bookings,
    /// What rooms ask of bookings: policies and quotas.
    BookingRules,
    /// The service itself.
    System,
    /// Facilities, their notices and photos, and reports about them.
    Facilities,
    /// Facilities as files.
    Exchange,
    /// The statutory calendar.
    Calendar,
    /// Signing in and out, and one's own account.
    Auth,
    /// Organisations and service areas.
    Organisations,
    /// Staff accounts and roles.
    Accounts,
    /// The audit trail.
    Audit,
    /// Residents and households.
    Residents,
    /// What is asked for.
    Statistics,
}
