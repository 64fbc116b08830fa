//! The command line, one file per subcommand.

mod audit;
mod demo;
mod doctor;
mod eval;
mod export;
mod import;
mod migrate;
mod openapi;
mod photos;
mod reconcile;
mod reindex;
mod serve;
mod staff;
mod token;
mod vault;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{Config, config, telemetry};

/// Linli 邻里: the open back end for the services next door.
#[derive(Parser)]
#[command(name = "linli", version)]
struct Cli {
    /// Configuration file (TOML); `LINLI_*` variables win over it.
    #[arg(long, global = true, env = "LINLI_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A whole city district on this machine, ready to try: no service, no configuration.
    Demo(demo::Args),
    /// Serves the API; also runs the background jobs unless told otherwise.
    Serve(serve::Args),
    /// Runs the background jobs alone.
    Worker,
    /// Brings the schema up to date, alone, under a lock.
    Migrate,
    /// Looks at everything a server needs and says what is wrong.
    Doctor(doctor::Args),
    /// Imports facilities from a file, whole or not at all.
    Import(import::Args),
    /// Exports facilities to a file that an import reads back.
    Export(export::Args),
    /// Builds everything that is searched anew from the tables: the embedded index and Meilisearch.
    Reindex,
    /// Judges the search by questions with what a person would accept as an answer.
    Eval(eval::Args),
    /// Compares gate, outbox and stocks with the tables, repairs them, and says what differed.
    Reconcile(reconcile::Args),
    /// Mints a token for scripts and tests.
    Token(token::Args),
    /// Makes a staff account with a role, or gives one a role.
    Staff(staff::Args),
    /// Rotates and checks the keys of personal data.
    Vault(vault::Args),
    /// Cleans stored photos of what the camera wrote.
    Photos(photos::Args),
    /// Proves that the audit is as it was sealed.
    Audit(audit::Args),
    /// Prints every configuration key with its meaning and its default.
    Config,
    /// Writes or checks the OpenAPI documents.
    Openapi(openapi::Args),
}

/// What a subcommand says when it fails.
pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// A look that succeeded and found guilt; scripts tell it from one that failed by its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Convicted(&'static str);

/// The exit code of [`Convicted`]; 2 is that of a command line nobody understands.
const CONVICTED: u8 = 3;

/// Parses the command line and runs it.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

fn fail(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    eprintln!("linli: {}", sentence(error));
    let mut source = error.source();
    while let Some(error) = source {
        eprintln!("  because: {error}");
        source = error.source();
    }
    if error.is::<Convicted>() { CONVICTED.into() } else { ExitCode::FAILURE }
}

/// What a person reads: of a refusal what the API would say, with the fields by name.
fn sentence(error: &(dyn std::error::Error + 'static)) -> String {
    let refusal = error.downcast_ref::<linli_store::Error>().and_then(linli_store::Error::refusal);
    let Some(refusal) = refusal else { return error.to_string() };
    let mut text = refusal.detail.as_ref().map_or(refusal.code.en(), |(_, en)| en).to_owned();
    for wrong in &refusal.errors {
        text.push_str(&format!(" {}: {}", wrong.field, wrong.en));
    }
    text
}

async fn run(cli: Cli) -> Outcome {
    // Needs no configuration at all.
    if let Command::Openapi(args) = cli.command {
        return openapi::run(&args);
    }
    if let Command::Config = cli.command {
        say(config::DEFAULTS.trim_end());
        return Ok(());
    }
    let config = Config::load(cli.config.as_deref());
    if let Command::Doctor(args) = cli.command {
        return doctor::run(args, config).await;
    }
    let config = config?;
    if let Command::Demo(args) = cli.command {
        return demo::run(args, config).await;
    }
    telemetry::log(&config.log);
    match cli.command {
        Command::Serve(args) => serve::run(args, config).await,
        Command::Worker => serve::worker(config).await,
        Command::Migrate => migrate::run(&config).await,
        Command::Import(args) => import::run(args, config).await,
        Command::Export(args) => export::run(args, config).await,
        Command::Reindex => reindex::run(config).await,
        Command::Eval(args) => eval::run(args, config).await,
        Command::Reconcile(args) => reconcile::run(args, config).await,
        Command::Token(args) => token::run(args, config).await,
        Command::Staff(args) => staff::run(args, config).await,
        Command::Vault(args) => vault::run(args, config).await,
        Command::Photos(args) => photos::run(args, config).await,
        Command::Audit(args) => audit::run(args, config).await,
        Command::Config | Command::Demo(_) | Command::Doctor(_) | Command::Openapi(_) => {
            unreachable!("handled above")
        }
    }
}

/// Writes a line of output.
pub(crate) fn say(text: &str) {
    use std::io::Write;
    // A closed pipe is not our failure.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
