//! Storage and inventory: everything that speaks SQL or Redis.
//!
//! * [`Db`] opens the one transaction of a use case and retries what the database asks to retry.
//! * [`outbox`], [`audit`] and [`idempotency`] are rows written inside that transaction, so that
//!   nothing that matters happens after the commit.
//! * [`env`] is the only place that reads the clock, makes ids or draws random bytes.
//!
//! Invariant: SQL is the truth; whatever else holds state (gate, index, snapshot) can be rebuilt from it.

pub mod arrival;
pub mod audit;
pub mod audit_seal;
pub mod db;
pub mod env;
pub mod error;
pub mod failpoint;
pub mod idempotency;
pub mod inventory;
pub mod lease;
pub mod lineage;
pub mod outbox;
pub mod retention;
pub mod scope;
pub mod storage;
pub mod vault;

// The test helpers say `linli_store::` because the integration tests of `linli` compile them too.
#[cfg(test)]
extern crate self as linli_store;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use db::{Committed, Db, DbOptions, Tx};
pub use env::Env;
pub use error::{Error, OnConstraint};
pub use scope::{Scope, ScopeCondition};
pub use vault::Vault;
