//! `linli staff`: the first accounts, made by whoever holds the configuration.

use linli_domain::{access::Role, ids::OrganisationId};
use linli_store::Env;

use super::{Outcome, say};
use crate::{App, Config, app::staff::bootstrap};

/// Arguments of `linli staff`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// User name; an existing account gets the role in addition.
    #[arg(long)]
    user: String,
    /// Role, for instance sysadmin, auditor or city_admin.
    #[arg(long)]
    role: String,
    /// Organisation to give the role at; the city when absent.
    #[arg(long)]
    organisation: Option<OrganisationId>,
    /// Name of the city, used when the database has none yet.
    #[arg(long, default_value = "本市")]
    city: String,
}

/// Runs it.
pub(super) async fn run(args: Args, config: Config) -> Outcome {
    let role = Role::parse(&args.role).ok_or_else(|| {
        let names: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("no such role; there are {}", names.join(", "))
    })?;
    let app = App::build(config, Env::system()).await?;
    bootstrap::ensure_city(&app, &args.city).await?;
    let (id, password) = bootstrap::ensure_account(&app, &args.user, role, args.organisation).await?;
    say(&format!("account {} ({id}) is {}", args.user, role.as_str()));
    if let Some(password) = password {
        say(&format!("first password, to be changed at the first sign-in: {}", *password));
    }
    Ok(())
}
