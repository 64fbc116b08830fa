//! The rules of Linli, pure and synchronous.
//!
//! Everything here is a function of its arguments, `now` included: no I/O, no
//! framework, no clock, no random ids. Wire and row types live outside and
//! convert. `serde` is allowed for versioned data (hours, calendars, policies),
//! always with `deny_unknown_fields`.
#![warn(missing_docs)]

pub mod access;
pub mod bookings;
pub mod calendar;
pub mod code;
pub mod consent;
pub mod division;
pub mod event;
pub mod facility;
pub mod generator;
pub mod geo;
pub mod hours;
pub mod ids;
pub mod import;
pub mod inventory;
pub mod person;
pub mod refusal;
pub mod rooms;
pub mod time;
pub mod vocabulary;

pub use code::Code;
pub use event::Event;
pub use refusal::{Alternatives, FieldError, FieldErrors, Refusal};
pub use vocabulary::Vocabulary;
