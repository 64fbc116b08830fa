//! `linli token`: a token for scripts, where the configuration holds the keys.

use linli_domain::person::Phone;
use linli_store::Env;

use super::{Outcome, say};
use crate::{
    App, Config,
    app::{residents::profile, staff::bootstrap},
};

/// Arguments of `linli token`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    whose: Whose,
    /// How long the token is good, in seconds.
    #[arg(long, global = true, default_value_t = 86_400)]
    ttl: u64,
}

#[derive(clap::Subcommand)]
enum Whose {
    /// A resident's; the record is made if there is none.
    Resident {
        /// Telephone number; of several each gets a line.
        #[arg(long = "phone", required = true, num_args = 1..)]
        phones: Vec<String>,
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
    match args.whose {
        Whose::Resident { phones } => {
            for phone in phones {
                say(&profile::token(&app, &Phone::parse(&phone)?, args.ttl).await?);
            }
        }
        Whose::Staff { user } => say(&bootstrap::token(&app, &user, args.ttl).await?),
    }
    Ok(())
}
