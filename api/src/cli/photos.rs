//! `linli photos`: what stands in stored photos beside the picture.

use linli_store::Env;

use super::{Outcome, say};
use crate::{
    App, Config,
    app::facilities::photos::{self, Cleaned},
};

/// Arguments of `linli photos`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Takes out of stored photos what the camera wrote into them: where, when, with what.
    Clean,
}

/// Runs it.
pub(super) async fn run(args: Args, config: Config) -> Outcome {
    let What::Clean = args.what;
    let app = App::build(config, Env::system()).await?;
    let Cleaned { photos, cleaned, unreadable } = photos::clean(&app).await?;
    say(&format!("{photos} photos: {cleaned} cleaned, {unreadable} cannot be read"));
    Ok(())
}
