//! Facilities for residents and the public.

mod changes;
mod get;
mod photos;
mod reports;

/// Operations on facilities.
pub type Api = (get::Get, changes::Changes, photos::Photos, reports::Reports);

/// The parts.
pub const fn api() -> Api {
    (get::Get, changes::Changes, photos::Photos, reports::Reports)
}
