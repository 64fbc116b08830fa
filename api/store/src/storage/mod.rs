//! Entities and queries, one folder per context.
//!
//! Finders are scoped by owner or organisation; one that is not is named `any_*`.

pub mod bookings;
pub mod calendar;
pub mod facilities;
pub mod residents;
pub mod rooms;
pub mod schema;
pub mod search_demand;
pub mod search_node;
pub mod sessions;
pub mod staff;
