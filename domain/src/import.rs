//! Import and export: facilities as rows of a table.
//!
//! Pure: one row's cells in, a facility or everything that is wrong with it out.
//! Reading files and writing rows to storage is the caller's work.

pub mod hours;
