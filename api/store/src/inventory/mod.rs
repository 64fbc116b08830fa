//! The inventory engine: everything scarce goes through it.
//!
//! ```text
//! claim ─► sold-out cache ─► gate.reserve ── refused ─► 409, SQL never touched
//!                                │ granted (a hold) · known · lapsed · cold · away
//!                                ▼
//!                              queue ─► one SQL transaction, locks always in this order:
//!                                idempotency row → own row → inserts → stocks by id → COMMIT
//!                                ▼
//!                              gate.settle, absolute
//! ```
//!
//! Invariant: the units of the live claims on a stock are its `used`, and `used` ≤ `capacity`, at
//! every instant and under every fault. SQL alone keeps it: the conditional update and the CHECK.
//! The gate, the cache and the queue only keep a rush away from SQL.

mod claims;
mod engine;
pub mod gate;
mod queue;
mod repair;
mod sold_out;
mod states;
mod upkeep;

pub use self::{
    claims::{claim, claim_stock, stock},
    engine::{Answered, Inventory, InventoryOptions, Order, Return},
    repair::repair,
    states::of_stocks,
    upkeep::{Divergence, divergence_of_claims, gate_epoch},
};

#[cfg(test)]
mod tests;
