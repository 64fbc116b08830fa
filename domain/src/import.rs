//! Import and export: facilities as rows of a table.
//!
//! Pure: one row's cells in, a facility or everything that is wrong with it out, and back again.
//! Reading files and writing rows to storage is the caller's work. Invariant: cells written by
//! [`write()`] are read back as the same facility.

mod column;
pub mod hours;
mod row;
pub mod services;
mod text;

pub use column::{Cells, Column};
pub use row::{Row, Rules, write};
