//! `linli vault`: keys of personal data, rotated and checked.

use indicatif::ProgressBar;
use linli_store::{
    Env,
    vault::{self, Reindexed, Report},
};

use super::{Outcome, say};
use crate::{App, Config};

/// Arguments of `linli vault`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Makes a new data key, active in ten minutes, when every server knows it.
    Rotate,
    /// Seals every value anew that is under a data key no longer active.
    Reencrypt,
    /// Wraps the data keys with the newest master key.
    Rewrap,
    /// Makes a new key of the blind indexes, when the one in use has leaked; active in ten minutes.
    RotateIndex,
    /// Carries every blind index over to the newest key and forgets the one before. May be repeated.
    Reindex,
    /// Opens every sealed value, compares every blind index, and reports what does not fit.
    Verify,
}

/// Runs it.
pub(super) async fn run(args: Args, config: Config) -> Outcome {
    let app = App::build(config, Env::system()).await?;
    let report = match args.what {
        What::Rotate => {
            let version = app.vault.rotate(&app.db, &app.env).await?;
            say(&format!(
                "data key {version} becomes active in ten minutes; then run `linli vault reencrypt`"
            ));
            return Ok(());
        }
        What::Rewrap => {
            let keys = app.vault.rewrap(&app.db, &app.env).await?;
            say(&format!("{keys} keys are under the newest master key now"));
            return Ok(());
        }
        What::RotateIndex => {
            let Some(version) = app.vault.rotate_index(&app.db, &app.env).await? else {
                return Err("an index key is being changed already: run `linli vault reindex`".into());
            };
            say(&format!(
                "index key {version} becomes active in ten minutes; then run `linli vault reindex`"
            ));
            return Ok(());
        }
        What::Reindex => return reindex(&app).await,
        What::Reencrypt => vault::reencrypt(&app.db, &app.env, &app.vault).await?,
        What::Verify => {
            let Report { values, stale, .. } = vault::check_indexes(&app.db, &app.env, &app.vault).await?;
            say(&format!("{values} indexed values: {stale} not under the active key"));
            vault::verify(&app.db, &app.env, &app.vault).await?
        }
    };
    let Report { values, stale, broken } = report;
    say(&format!("{values} sealed values: {stale} under an older key, {broken} do not open"));
    if broken > 0 { Err("some values do not open in their place".into()) } else { Ok(()) }
}

async fn reindex(app: &App) -> Outcome {
    let bar = ProgressBar::new_spinner().with_message("values");
    let progress = |values| bar.set_position(values);
    let outcome = vault::reindex(&app.db, &app.env, &app.vault, progress).await?;
    bar.finish_and_clear();
    let refused = match outcome {
        Reindexed::Done(Report { values, stale, .. }) => {
            say(&format!("{values} indexed values: {stale} carried over; the key before is gone"));
            return Ok(());
        }
        Reindexed::TooEarly(wait) => {
            format!(
                "not every server knows the new key yet: run this again in {} minutes",
                wait.num_minutes() + 1
            )
        }
        Reindexed::Broken(Report { broken, .. }) => {
            format!(
                "{broken} values do not open in their place; the key before stays until they do or are gone"
            )
        }
        Reindexed::Contested(_) => {
            "a server still writes under the key before, which stays: look at its clock, then run this again"
                .to_owned()
        }
    };
    Err(refused.into())
}
