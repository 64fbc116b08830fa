//! The `linli` binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request allocates some hundred small things: this gives and takes them faster than the system's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    linli::cli::main()
}
