//! The inventory engine: everything scarce goes through it.

pub mod gate;
