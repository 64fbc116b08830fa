//! Residents: records, identities, households, family links, consents, favourites, merges.

pub mod consent;
pub mod family_link;
pub mod favourite;
pub mod household;
pub mod household_member;
pub mod identity;
pub mod merge;
pub mod resident;
