//! The gate of this process: opened from the configuration, watched, and kept near SQL by jobs.

use std::{collections::HashSet, sync::Arc, time::Duration};

use linli_domain::{Event, time::local_date};
use linli_store::{
    Error,
    inventory::{
        Inventory, InventoryOptions,
        gate::{Gate, Health, OpenGate, RedisGate, RedisGateOptions},
    },
    storage::rooms,
};
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::{
    App, Config,
    config::GateKind,
    health::Part,
    worker::{Job, consume},
};

/// How often a process looks whether the gate is the one it was.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// The engine behind the configured gate. Nothing is connected yet.
pub fn inventory(config: &Config) -> Result<Inventory, StartError> {
    let gate: Arc<dyn Gate> = match config.gate {
        GateKind::Open => Arc::new(OpenGate),
        GateKind::Redis => {
            let urls = config.redis.url.split(',').map(|url| url.trim().to_owned());
            let mut options = RedisGateOptions::new(urls);
            options.timeout = Duration::from_millis(config.redis.timeout_ms);
            options.background_timeout = options.timeout * 10;
            Arc::new(RedisGate::new(options).map_err(|error| {
                StartError::Other(format!("redis.url cannot be used: {:?}", error.kind()))
            })?)
        }
    };
    // One writer on SQLite: a second claim would only wait inside the pool.
    let at_once =
        if config.database.url.starts_with("sqlite:") { 1 } else { config.database.max_connections };
    let options = InventoryOptions { at_once: usize::try_from(at_once).unwrap_or(1) };
    let repeated = Duration::from_millis(config.inventory.repeat_refusals_ms);
    let patience = Duration::from_millis(config.inventory.patience_ms);
    Ok(Inventory::new(gate, options).repeating_refusals(repeated).patient(patience))
}

/// Refuses a start without the gate the configuration asks for.
pub async fn require(app: &App) -> Result<(), StartError> {
    app.inventory.keep_epoch(&app.db, &app.env).await.map_err(|_| {
        StartError::Other(
            "Redis does not answer at redis.url; start it, or write gate = \"open\" to run without"
                .to_owned(),
        )
    })?;
    report(app);
    Ok(())
}

/// Looks after the gate until `stop`: a changed process bumps the epoch, a silent one is named.
pub async fn watch(app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(WATCH_EVERY) => {}
        }
        if let Err(error) = app.inventory.keep_epoch(&app.db, &app.env).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the gate's epoch could not be read");
        }
        report(&app);
    }
}

fn report(app: &App) {
    let part = match app.inventory.health() {
        Health::Ready | Health::Open => Part::Ready,
        Health::Degraded => Part::Degraded("Redis does not answer: every claim goes to SQL"),
    };
    app.health.set("gate", part);
}

/// The jobs that end lapsed holds and keep the gate near SQL.
pub fn jobs() -> [Job; 4] {
    [
        Job {
            name: "inventory.lapse",
            period: Duration::from_secs(1),
            leased: true,
            run: |app| Box::pin(app.inventory.lapse_some(&app.db, &app.env)),
        },
        Job {
            name: "inventory.serve",
            period: Duration::from_secs(1),
            leased: true,
            run: |app| Box::pin(app.inventory.serve_some(&app.db, &app.env)),
        },
        Job {
            name: "gate.sync",
            period: Duration::from_millis(200),
            leased: true,
            run: |app| Box::pin(consume(app, "gate.sync", |events| sync(app, events))),
        },
        Job {
            name: "gate.reconcile",
            period: Duration::from_secs(30),
            leased: true,
            run: |app| Box::pin(reconcile(app)),
        },
    ]
}

/// Re-reads every stock that is named and tells the gate what SQL has.
async fn sync(app: &App, events: Vec<Event>) -> Result<(), Error> {
    let stocks: HashSet<_> = events
        .into_iter()
        .filter_map(|event| match event {
            Event::GateSync(stock) => Some(stock),
            _ => None,
        })
        .collect();
    if stocks.is_empty() {
        return Ok(());
    }
    app.inventory.sync(&app.db, &app.env, &stocks.into_iter().collect::<Vec<_>>()).await
}

/// Compares every loaded tag from today on with SQL, for what no event told.
async fn reconcile(app: &App) -> Result<bool, Error> {
    let today = local_date(app.env.now());
    for tag in rooms::any_tags_from(app.db.read(), today).await? {
        let repaired = app.inventory.reconcile(&app.db, &app.env, &tag).await?;
        if repaired > 0 {
            tracing::warn!(
                gate.tag = tag.as_str(),
                gate.repaired = repaired,
                "the gate had drifted and is repaired"
            );
        }
    }
    Ok(false)
}
