//! Serving: the public port, the internal port, background work, and going down in order.
//!
//! Shutdown: readiness turns red, listening ends, requests in flight finish within a bound, the
//! jobs end their step, the pools close. Whatever is cut off there is a row, not a future, so it
//! is taken up again.

use std::{net::SocketAddr, time::Duration};

use linli_store::lineage;
use poem::{Endpoint, Response, Route, Server, http::StatusCode};
use tokio_util::sync::CancellationToken;

use crate::{
    App,
    app::{
        StartError,
        discovery::{catalogue, demand, meili},
        gate, sessions,
    },
    health::Part,
    http::{self, listener::GuardedListener},
    telemetry, worker,
};

/// A server that runs until [`Running::stop`].
pub struct Running {
    /// Where the API listens; in a worker, which has none, the internal port.
    pub address: SocketAddr,
    /// Where metrics and health listen.
    pub internal: SocketAddr,
    stop: CancellationToken,
    tasks: tokio::task::JoinSet<()>,
    app: App,
}

impl Running {
    /// What every process has: the internal port, and an eye on itself.
    async fn begin(app: App) -> Result<Self, StartError> {
        let stop = CancellationToken::new();
        let mut tasks = tokio::task::JoinSet::new();
        check_database(&app).await;
        // Before anything reads on from a stored position.
        lineage::keep(&app.db, &app.env).await.map_err(StartError::Lineage)?;
        gate::require(&app).await?;
        let operator = probes(&app).at("/metrics", poem::get(metrics()));
        let internal = spawn(&app, app.config.internal_listen, operator, &stop, &mut tasks).await?;
        tasks.spawn(watch_database(app.clone(), stop.clone()));
        tasks.spawn(gate::watch(app.clone(), stop.clone()));
        tasks.spawn(telemetry::observe(app.clone(), stop.clone()));
        Ok(Self { address: internal, internal, stop, tasks, app })
    }

    fn work(&mut self) {
        self.tasks.spawn(worker::run(self.app.clone(), worker::jobs(), self.stop.clone()));
        for node in self.app.meili.iter().flat_map(|meili| &meili.nodes) {
            self.tasks.spawn(meili::feed(self.app.clone(), node.clone(), self.stop.clone()));
        }
    }

    /// Ends in order and waits for the end.
    pub async fn stop(mut self) {
        self.app.health.stop();
        // Balancers need a moment to see it; until then connections still come and are served.
        tokio::time::sleep(Duration::from_millis(self.app.config.http.drain_ms)).await;
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        if self.app.db.close().await.is_err() {
            tracing::debug!("the pools were closed already");
        }
    }
}

/// Starts the public and the internal port and, where asked, the jobs.
pub async fn start(app: App, with_jobs: bool) -> Result<Running, StartError> {
    catalogue::announce(&app);
    let mut running = Running::begin(app).await?;
    let Running { app, stop, tasks, .. } = &mut running;
    tasks.spawn(catalogue::follow(app.clone(), stop.clone()));
    tasks.spawn(meili::watch(app.clone(), stop.clone()));
    tasks.spawn(demand::keep(app.clone(), stop.clone()));
    tasks.spawn(sessions::follow(app.clone(), stop.clone()));
    running.address = spawn(app, app.config.listen, http::endpoint(app, probes(app)), stop, tasks).await?;
    if with_jobs {
        running.work();
    }
    Ok(running)
}

/// Starts the internal port and the jobs, without the API.
pub async fn start_worker(app: App) -> Result<Running, StartError> {
    let mut running = Running::begin(app).await?;
    running.work();
    Ok(running)
}

async fn spawn<E>(
    app: &App,
    address: SocketAddr,
    endpoint: E,
    stop: &CancellationToken,
    tasks: &mut tokio::task::JoinSet<()>,
) -> Result<SocketAddr, StartError>
where
    E: poem::IntoEndpoint + Send + 'static,
    E::Endpoint: 'static,
{
    let http = &app.config.http;
    let head_deadline = Duration::from_millis(http.head_timeout_ms);
    let listener = GuardedListener::bind(address, http.max_connections, head_deadline)
        .await
        .map_err(|error| StartError::Io("the address cannot be listened on", error))?;
    let bound = listener.address();
    let server =
        Server::new_with_acceptor(listener).idle_timeout(Duration::from_millis(http.idle_timeout_ms));
    let grace = Duration::from_millis(http.shutdown_timeout_ms);
    let stopped = stop.clone().cancelled_owned();
    tasks.spawn(async move {
        if let Err(error) = server.run_with_graceful_shutdown(endpoint, stopped, Some(grace)).await {
            tracing::error!(error = &error as &dyn std::error::Error, "a port stopped serving");
        }
    });
    Ok(bound)
}

/// `/livez` and `/readyz`.
fn probes(app: &App) -> Route {
    let live = poem::endpoint::make_sync(|_| "ok");
    let app = app.clone();
    let ready = poem::endpoint::make_sync(move |_| {
        let (ready, report) = app.health.report();
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Response::builder().status(status).content_type("application/json").body(report.to_string())
    });
    Route::new().at("/livez", poem::get(live)).at("/readyz", poem::get(ready))
}

/// `/metrics`, for the internal port alone.
fn metrics() -> impl Endpoint<Output = Response> {
    let handle = telemetry::metrics();
    poem::endpoint::make_sync(move |_| {
        Response::builder().content_type("text/plain; version=0.0.4").body(handle.render())
    })
}

async fn check_database(app: &App) {
    let state = match app.db.read().ping().await {
        Ok(()) => Part::Ready,
        Err(_) => Part::Down("no answer"),
    };
    app.health.set("database", state);
}

async fn watch_database(app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(2)) => check_database(&app).await,
        }
    }
}

/// Resolves on SIGTERM, on SIGINT and, unless it was started to outlive its terminal (`nohup`), on SIGHUP.
/// Listens from the call on, not from the first poll: a signal that
/// comes while the process still starts must end it in order too.
pub fn signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be listened for");
    let mut interrupt = signal(SignalKind::interrupt()).expect("SIGINT can be listened for");
    let mut hangup =
        (!hangup_is_ignored()).then(|| signal(SignalKind::hangup()).expect("SIGHUP can be listened for"));
    async move {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => _ = hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = hung_up => {}
        }
    }
}

/// Whether it was started to outlive its terminal, where the system tells it.
pub fn hangup_is_ignored() -> bool {
    const SIGHUP_BIT: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & SIGHUP_BIT != 0)
}
