//! Facilities on the wire: the same shape for residents and staff, in and out.

mod hours;
mod profile;
mod view;

pub use hours::{Hours, HoursException, HoursRule, OpenState, TimeSpan};
pub use profile::{Accessibility, ExternalId, Licence, Place, Price, Profile, Service};
pub use view::{Facility, Notice, Photo, Report, StaffFacility, report_kind};
