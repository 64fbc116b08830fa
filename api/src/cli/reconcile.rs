//! `linli reconcile`: everything that holds state compared with the tables, and repaired.

use linli_store::Env;

use super::{Outcome, say};
use crate::{
    App, Config,
    app::reconcile::{self, Mode},
};

/// Arguments of `linli reconcile`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Change nothing; end in exit code 1 when something differs.
    #[arg(long)]
    check: bool,
    /// The database was restored from a backup: copies and the gate start over.
    #[arg(long, conflicts_with = "check")]
    after_restore: bool,
    /// Print one JSON array for scripts.
    #[arg(long)]
    json: bool,
}

/// Runs it; fails when something differs and is not repaired.
pub(super) async fn run(args: Args, config: Config) -> Outcome {
    let mode = match (args.check, args.after_restore) {
        (true, _) => Mode::Check,
        (false, true) => Mode::AfterRestore,
        (false, false) => Mode::Repair,
    };
    let app = App::build(config, Env::system()).await?;
    super::serve::refuse_old_schema(&app).await?;
    let found = reconcile::run(&app, mode).await?;
    if args.json {
        say(&serde_json::to_string(&found)?);
    } else {
        for divergence in &found {
            let end = if divergence.repaired { "repaired" } else { "NOT REPAIRED" };
            say(&format!("{:<8} {} {}: {end}", divergence.part, divergence.subject, divergence.found));
        }
        if found.is_empty() {
            say("nothing differs");
        }
    }
    match found.iter().filter(|divergence| !divergence.repaired).count() {
        0 => Ok(()),
        left => Err(format!("{left} of {} divergences are left", found.len()).into()),
    }
}
