//! Background work: jobs under a lease, each one idempotent and safe to stop at any await.
//!
//! Events are hints: a consumer re-reads what they point at, and a periodic full scan repairs what
//! they missed. A job that fails is logged, counted and tried again at its next turn.

mod consumer;

use std::{future::Future, pin::Pin, time::Duration};

use linli_store::{Error, audit_seal, lease, lineage, retention, vault};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use consumer::consume;

use crate::{
    App,
    app::{bookings, gate, reconcile, timetables},
};

/// The future of one run; `true` when there is more to do at once.
pub type Run<'a> = Pin<Box<dyn Future<Output = Result<bool, Error>> + Send + 'a>>;

/// A job: what it does and how often.
#[derive(Clone, Copy)]
pub struct Job {
    /// Name of its lease and in metrics.
    pub name: &'static str,
    /// Pause between two runs that found nothing.
    pub period: Duration,
    /// Whether it must run once in the city; otherwise in every process.
    pub leased: bool,
    /// One bounded step.
    pub run: for<'a> fn(&'a App) -> Run<'a>,
}

/// How long a job waits for a process that may only be slow.
const PATIENCE: Duration = Duration::from_secs(15);
/// A job that comes more often is one that people wait for.
const AWAITED: Duration = Duration::from_millis(500);

impl Job {
    /// How long its lease holds. What people wait for goes on at once when the process that did it is
    /// killed: a unit that was given back then is bookable within a second all the same.
    fn term(&self) -> Duration {
        let turns = self.period * 3;
        if self.period < AWAITED { turns } else { turns.max(PATIENCE) }
    }
}

/// Every job of the city.
pub fn jobs() -> Vec<Job> {
    let mut jobs = vec![
        // One entry per job, beside the context that owns it.
        Job {
            name: "vault_keys",
            period: Duration::from_secs(60),
            // Every process must know a new data key before it becomes active.
            leased: false,
            run: |app| Box::pin(async move { app.vault.reload(&app.db).await.map(|()| false) }),
        },
        Job {
            name: "vault.seal",
            period: Duration::from_mins(10),
            leased: true,
            run: |app| Box::pin(vault::seal_some(&app.db, &app.env, &app.vault)),
        },
        Job {
            name: "audit_seal",
            period: Duration::from_secs(30),
            leased: true,
            run: |app| Box::pin(audit_seal::seal(&app.db, &app.env)),
        },
        Job {
            // After a failover, not only after a restart.
            name: "lineage",
            period: Duration::from_secs(60),
            leased: true,
            run: |app| Box::pin(async move { lineage::keep(&app.db, &app.env).await.map(|_| false) }),
        },
        Job {
            name: "stock.reconcile",
            period: Duration::from_mins(10),
            leased: true,
            run: |app| Box::pin(async move { reconcile::stocks(app, true).await.map(|_| false) }),
        },
        Job {
            name: "erasure",
            period: Duration::from_secs(600),
            leased: true,
            run: |app| Box::pin(crate::app::residents::erasure::run(app)),
        },
        Job {
            name: "retention",
            period: Duration::from_mins(10),
            leased: true,
            run: |app| Box::pin(async move { Ok(retention::sweep(app.db.any_write(), &app.env).await? > 0) }),
        },
    ];
    jobs.extend(gate::jobs());
    jobs.extend(bookings::follow::jobs());
    jobs.push(timetables::job());
    jobs
}

/// Runs `jobs` until `stop`, then waits for the steps under way.
pub async fn run(app: App, jobs: Vec<Job>, stop: CancellationToken) {
    let holder: Uuid = app.env.id();
    let mut tasks = tokio::task::JoinSet::new();
    for job in jobs {
        tasks.spawn(turn(app.clone(), job, holder, stop.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

async fn turn(app: App, job: Job, holder: Uuid, stop: CancellationToken) {
    loop {
        let more = step(&app, &job, holder).await;
        let pause = if more { Duration::ZERO } else { job.period };
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    if job.leased && lease::release(app.db.any_write(), job.name, holder).await.is_err() {
        tracing::debug!(job.name, "a lease runs out by itself");
    }
}

/// One step under the lease; `true` when there is more to do at once.
async fn step(app: &App, job: &Job, holder: Uuid) -> bool {
    let term = chrono::Duration::from_std(job.term()).unwrap_or_default();
    let outcome = async {
        if job.leased && !lease::acquire(app.db.any_write(), &app.env, job.name, holder, term).await? {
            return Ok(false);
        }
        (job.run)(app).await
    };
    match outcome.await {
        Ok(more) => more,
        Err(error) => {
            metrics::counter!("linli_job_failures_total", "job" => job.name).increment(1);
            tracing::warn!(
                job.name,
                error = &error as &dyn std::error::Error,
                "a job failed; it will be tried again"
            );
            false
        }
    }
}
