//! `linli serve` and `linli worker`.

use linli_migrations::{Migrator, MigratorTrait};
use linli_store::Env;

use super::Outcome;
use crate::{App, Config, serve};

/// Arguments of `linli serve`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Leave the background jobs to `linli worker`.
    #[arg(long)]
    no_jobs: bool,
}

/// Runs `linli serve`.
pub(super) async fn run(args: Args, config: Config) -> Outcome {
    let stopped = serve::signal();
    let app = App::build(config, Env::system()).await?;
    refuse_old_schema(&app).await?;
    let running = serve::start(app, !args.no_jobs).await?;
    tracing::info!(listen = %running.address, internal = %running.internal, "serving");
    stopped.await;
    running.stop().await;
    Ok(())
}

/// Runs `linli worker`.
pub(super) async fn worker(config: Config) -> Outcome {
    let stopped = serve::signal();
    let app = App::build(config, Env::system()).await?;
    refuse_old_schema(&app).await?;
    let running = serve::start_worker(app).await?;
    tracing::info!(internal = %running.internal, "working");
    stopped.await;
    running.stop().await;
    Ok(())
}

/// A server on a schema it does not know would fail request by request; so it does not start.
pub(super) async fn refuse_old_schema(app: &App) -> Outcome {
    let pending = Migrator::get_pending_migrations(app.db.any_write()).await?;
    if pending.is_empty() {
        return Ok(());
    }
    Err(format!("{} migrations are pending; run `linli migrate` first", pending.len()).into())
}
