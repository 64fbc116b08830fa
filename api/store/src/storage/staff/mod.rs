//! Staff: organisations, service areas, accounts and roles.

pub mod account;
pub mod assignment;
pub mod organisation;
pub mod service_area;
pub mod service_area_member;
pub mod tree;
