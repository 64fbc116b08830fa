//! Telemetry: JSON lines with dotted fields, and metrics for Prometheus.
//!
//! Never logged: query strings, bodies, addresses of people, anything a person typed.

use std::time::Duration;

use linli_store::outbox;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use sea_orm::{DbErr, EntityTrait};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    App,
    config::{Log, LogFormat},
    health::Part,
};

/// Pause between two looks at ourselves.
const OBSERVE_EVERY: Duration = Duration::from_secs(5);

/// Upper bounds of the latency histogram, in seconds.
const LATENCY_BUCKETS_S: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Starts logging to stderr; a second call in one process (tests) changes nothing.
pub fn log(config: &Log) {
    let filter = EnvFilter::try_new(&config.level).unwrap_or_else(|_| EnvFilter::new("info"));
    // Every look at the schema makes PostgreSQL remark that its table is there.
    let filter = match "sqlx::postgres::notice=warn".parse() {
        Ok(quiet) => filter.add_directive(quiet),
        Err(_) => filter,
    };
    let registry = tracing_subscriber::registry().with(filter);
    // Already started: tests build several servers in one process.
    let _ = match config.format {
        LogFormat::Json => registry
            .with(
                fmt::layer().json().flatten_event(true).with_current_span(false).with_writer(std::io::stderr),
            )
            .try_init(),
        LogFormat::Text => registry.with(fmt::layer().with_writer(std::io::stderr)).try_init(),
    };
}

/// Installs the process's metrics recorder, once; later calls share it.
pub fn metrics() -> PrometheusHandle {
    static HANDLE: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    HANDLE
        .get_or_init(|| {
            PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), LATENCY_BUCKETS_S)
                .and_then(PrometheusBuilder::install_recorder)
                .expect("the buckets are not empty and no other recorder is installed")
        })
        .clone()
}

/// Keeps the gauges that nobody else sets, and the recorder itself, until `stop`.
pub async fn observe(app: App, stop: CancellationToken) {
    let handle = metrics();
    loop {
        // Without upkeep, histograms keep every sample since the last scrape.
        handle.run_upkeep();
        for (part, state) in app.health.parts() {
            let ready = if state == Part::Ready { 1.0 } else { 0.0 };
            metrics::gauge!("linli_part_ready", "part" => part).set(ready);
        }
        if observe_outbox(&app).await.is_err() {
            // The database being away shows in its own part.
            tracing::debug!("the outbox could not be looked at");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(OBSERVE_EVERY) => {}
        }
    }
}

/// How old the oldest event is that a consumer has not seen; 0 when it has seen all.
async fn observe_outbox(app: &App) -> Result<(), DbErr> {
    for row in outbox::cursor::Entity::find().all(app.db.read()).await? {
        let cursor = outbox::Cursor { xid: row.xid, seq: row.seq };
        let waiting = outbox::read_after(app.db.read(), cursor, 1).await?;
        let lag = waiting.first().map_or(chrono::Duration::zero(), |entry| app.env.now() - entry.at);
        let lag_s = lag.as_seconds_f64().max(0.0);
        metrics::gauge!("linli_outbox_lag_seconds", "consumer" => row.consumer).set(lag_s);
    }
    Ok(())
}
