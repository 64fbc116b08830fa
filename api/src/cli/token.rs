//! `linli token`: a token for scripts, where the configuration holds the signing key.

use linli_store::Env;

use super::{Outcome, say};
use crate::{App, Config, http::auth};

/// Arguments of `linli token`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    whose: Whose,
}

#[derive(clap::Subcommand)]
enum Whose {
    /// A resident's.
    Resident {
        /// Mobile number.
        #[arg(long)]
        phone: String,
    },
    /// A staff member's.
    Staff {
        /// User name.
        #[arg(long)]
        user: String,
    },
}

/// Runs it.
pub(super) async fn run(args: Args, config: Config) -> Outcome {
    let app = App::build(config, Env::system()).await?;
    let audience = match args.whose {
        Whose::Resident { phone: _ } => "resident",
        Whose::Staff { user: _ } => "staff",
    };
    let claims = auth::Claims {
        sub: app.env.id(),
        aud: audience.to_owned(),
        exp: app.env.now().timestamp() + 86_400,
        paths: Vec::new(),
    };
    say(&auth::mint(&app.keys, &claims)?);
    Ok(())
}
