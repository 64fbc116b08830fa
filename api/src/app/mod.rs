//! Use cases by context, and what they all stand on.

pub mod demo;
pub mod exchange;

use std::{ops::Deref, sync::Arc};

use linli_store::{Db, DbOptions, Env};

use crate::{Config, http::signing::Keys};

/// The application: cheap to clone, the same in production and in tests.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What a use case may reach.
pub struct Inner {
    /// Clock and randomness.
    pub env: Env,
    /// The truth.
    pub db: Db,
    /// Configuration.
    pub config: Config,
    /// Keys that sign tokens and cursors.
    pub keys: Keys,
    /// What is wrong at the moment, and whether the process is going down.
    pub health: crate::serve::Health,
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Why the application could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The database is away.
    #[error("the database cannot be opened")]
    Database(#[from] sea_orm::DbErr),
    /// The operating system refused.
    #[error("{0}")]
    Io(&'static str, #[source] std::io::Error),
    /// Anything else, said plainly.
    #[error("{0}")]
    Other(String),
}

impl App {
    /// Opens everything the configuration names.
    pub async fn build(config: Config, env: Env) -> Result<Self, StartError> {
        for warning in config.check()? {
            tracing::warn!("{warning}");
        }
        let db = Db::connect(&db_options(&config)).await?;
        let keys = Keys::new(&config.auth.signing_key);
        Ok(Self(Arc::new(Inner { env, db, config, keys, health: crate::serve::Health::default() })))
    }
}

/// The bounds of the database as configured.
pub fn db_options(config: &Config) -> DbOptions {
    use std::time::Duration;
    let database = &config.database;
    DbOptions {
        url: database.url.clone(),
        max_connections: database.max_connections,
        acquire_timeout: Duration::from_millis(database.acquire_timeout_ms),
        statement_timeout: Duration::from_millis(database.statement_timeout_ms),
        lock_timeout: Duration::from_millis(database.lock_timeout_ms),
    }
}
