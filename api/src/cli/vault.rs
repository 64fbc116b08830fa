//! `linli vault`: keys of personal data, rotated and checked.

use linli_store::{Env, vault};

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
    /// Opens every sealed value and reports those that do not open.
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
        What::Reencrypt => vault::reencrypt(&app.db, &app.env, &app.vault).await?,
        What::Verify => vault::verify(&app.db, &app.env, &app.vault).await?,
    };
    let vault::Report { values, stale, broken } = report;
    say(&format!("{values} sealed values: {stale} under an older key, {broken} do not open"));
    if broken > 0 { Err("some values do not open in their place".into()) } else { Ok(()) }
}
