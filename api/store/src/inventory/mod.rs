//! The inventory engine: everything scarce goes through it.
//!
//! ```text
//! claim ─► sold-out cache ─► gate.reserve ── refused ─► 409, SQL never touched
//!                                │ granted (a hold) · known · lapsed · cold · away
//!                                ▼
//!                              queue ─► one SQL transaction, locks always in this order:
//!                                idempotency row → own row → inserts → quotas by key → stocks by id → COMMIT
//!                                ▼
//!                              gate.settle, absolute
//! ```
//!
//! Invariant: the units of the live claims on a stock are its `used`, and `used` ≤ `capacity`, at
//! every instant and under every fault. SQL alone keeps it: the conditional update and the CHECK.
//! The gate, the cache and the queue only keep a rush away from SQL.

mod changes;
mod claims;
mod engine;
mod entities;
pub mod gate;
mod holds;
mod lapse;
mod moves;
mod queue;
mod release;
mod repair;
mod sold_out;
mod states;
mod upkeep;
mod waiting;
mod within;

pub use self::{
    engine::{Answered, Inventory, InventoryOptions, Order},
    entities::{
        claim, claim_quota, claim_stock, quota, stock, waiting as waiting_row, waiting_quota, waiting_stock,
    },
    release::{Confirm, Return},
    repair::repair,
    states::of_stocks,
    upkeep::{
        Divergence, QuotaDivergence, divergence_of_claims, divergence_of_lines, divergence_of_quotas,
        gate_epoch,
    },
    waiting::{NotWaiting, answer_within, leave_within, wait_within},
    within::{claim_all_within, claim_within, release_within, swap_within},
};

#[cfg(test)]
mod tests;
