//! Facilities for staff.

mod create;
mod edit;
mod history;
mod licences;
mod list;
mod notices;
mod photos;
mod reports;

/// Operations on facilities.
pub type Api = (
    list::List,
    edit::Edit,
    history::History,
    licences::Licences,
    notices::Notices,
    photos::Photos,
    reports::Reports,
);

/// The parts.
pub const fn api() -> Api {
    (
        list::List,
        edit::Edit,
        history::History,
        licences::Licences,
        notices::Notices,
        photos::Photos,
        reports::Reports,
    )
}
