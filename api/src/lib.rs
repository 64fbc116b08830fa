//! The `linli` service: HTTP, use cases, workers, outbound clients, command line.
//!
//! No business rule lives here: a handler parses, calls one use case and renders; a use case opens
//! the one transaction, asks `domain` to decide and writes what it decided.

pub mod app;
pub mod cli;
pub mod clients;
pub mod config;
pub mod health;
pub mod http;
pub mod serve;
pub mod telemetry;
pub mod worker;

pub use app::App;
pub use config::Config;
