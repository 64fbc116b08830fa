//! Load and proof over HTTP, as a client does it: nothing of the server is linked in.
//!
//! Speeds are ratios of two measurements in one run, on one machine with one client, because a
//! number of requests per second says more about the machine than about the code.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what is measured is printed")]

mod chaos;
mod discovery;
mod inventory;
mod pgbench;
mod processes;
mod server;
mod wrk;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use linli_loadtests::client::Failure;

/// Measures a Linli server.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Nearby and search against the yardstick `GET /v1/ping`; time to ready and memory.
    Discovery(discovery::Args),
    /// Bookings against the yardstick and against pgbench; beside a million old ones.
    Inventory(inventory::Args),
    /// Bookings while processes die, Redis forgets and replies get lost, judged by their history.
    Chaos(chaos::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().bench {
        Bench::Discovery(args) => discovery::run(&args),
        Bench::Inventory(args) => inventory::run(&args),
        Bench::Chaos(args) => chaos::run(&args),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
