//! The inventory engine: everything scarce goes through it.
