//! Use cases by context, and what they all stand on.

pub mod bookings;
pub mod calendar;
pub mod closures;
pub mod demo;
pub mod discovery;
pub mod exchange;
pub mod facilities;
pub mod gate;
pub mod passwords;
pub mod reconcile;
pub mod residents;
pub mod rooms;
pub mod sessions;
pub mod slot_lists;
pub mod staff;
pub mod timetables;
mod views;

use std::{ops::Deref, sync::Arc, time::Duration};

use linli_store::{Db, DbOptions, Env, Vault, inventory::Inventory};

use crate::{
    Config,
    clients::{meili::Meili, walking::Walking},
    http::signing::Keys,
};

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
    /// Seals and opens personal data.
    pub vault: Vault,
    /// Hashes passwords, a bounded number at once.
    pub passwords: passwords::Passwords,
    /// Who is behind each session, believed for a moment.
    pub sessions: sessions::Cache,
    /// The statutory calendar in memory.
    pub calendar: calendar::Current,
    /// Uploaded photos.
    pub blobs: Box<dyn crate::clients::blobs::BlobStore>,
    /// Everything scarce goes through it.
    pub inventory: Inventory,
    /// What bookings are judged on, as looked up within the last second.
    pub bookings: bookings::Views,
    /// Lists of slots, as they were within the last second.
    pub slot_lists: slot_lists::SlotLists,
    /// What is wrong at the moment, and whether the process is going down.
    pub health: crate::health::Health,
    /// The catalogue of this process.
    pub discovery: discovery::Discovery,
    /// What is looked for in vain.
    pub demand: discovery::demand::Demand,
    /// Who knows real walks, if anybody.
    pub walking: Option<Walking>,
    /// The Meilisearch nodes, if there are any.
    pub meili: Option<Meili>,
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
    /// The keys of the vault cannot be had.
    #[error("the vault cannot be opened")]
    Vault(#[source] linli_store::Error),
    /// The database does not tell what it is.
    #[error("the history of the database cannot be looked at")]
    Lineage(#[source] linli_store::Error),
    /// The operating system refused.
    #[error("{0}")]
    Io(&'static str, #[source] std::io::Error),
    /// Anything else, said plainly.
    #[error("{0}")]
    Other(String),
}

impl App {
    /// Opens everything the configuration names. The schema must be up to date.
    pub async fn build(config: Config, env: Env) -> Result<Self, StartError> {
        for warning in config.check()? {
            tracing::warn!("{warning}");
        }
        let db = Db::connect(&db_options(&config)).await?;
        let keys = Keys::new(&config.auth.signing_key, &config.auth.previous_signing_key);
        let vault = Vault::load(&db, &env, config.vault.keys()?).await.map_err(StartError::Vault)?;
        let passwords = passwords::Passwords::new(&config.passwords)?;
        let sessions = sessions::Cache::new(&config.auth);
        let calendar = calendar::Current::default();
        let blobs = Box::new(crate::clients::blobs::LocalFolder::new(config.data_dir.join("photos")));
        let inventory = gate::inventory(&config)?;
        let (health, discovery) = (crate::health::Health::default(), discovery::Discovery::default());
        let walking = Walking::configured(&config.walking);
        let meili = Meili::configured(&config.search, &config.meili);
        Ok(Self(Arc::new(Inner {
            env,
            db,
            config,
            keys,
            vault,
            passwords,
            sessions,
            calendar,
            blobs,
            inventory,
            bookings: bookings::Views::default(),
            slot_lists: slot_lists::SlotLists::default(),
            health,
            discovery,
            demand: discovery::demand::Demand::default(),
            walking,
            meili,
        })))
    }
}

/// The bounds of the database as configured.
pub fn db_options(config: &Config) -> DbOptions {
    let database = &config.database;
    DbOptions {
        url: database.url.clone(),
        max_connections: database.max_connections,
        acquire_timeout: Duration::from_millis(database.acquire_timeout_ms),
        statement_timeout: Duration::from_millis(database.statement_timeout_ms),
        lock_timeout: Duration::from_millis(database.lock_timeout_ms),
    }
}
