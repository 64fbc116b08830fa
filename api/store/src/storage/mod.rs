//! Entities and queries, one folder per context.
//!
//! Finders are scoped by owner or organisation; one that is not is named `any_*`.
