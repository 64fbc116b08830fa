//! The statutory calendar: read by everyone, loaded year by year by the city.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use linli_domain::{
    Event,
    calendar::{Calendar, YearCalendar},
    ids::StaffId,
};
use linli_store::{
    Error,
    audit::{self, Actor},
    outbox,
    storage::calendar,
};
use serde_json::json;
use tokio::sync::Mutex;

use crate::App;

/// How old the copy in memory may grow: a loaded year counts on every server within this.
const FRESH: Duration = Duration::from_secs(1);

/// The calendar in memory.
pub struct Current {
    calendar: ArcSwap<Calendar>,
    read_at: Mutex<Option<Instant>>,
}

impl Default for Current {
    /// The shipped years, until the first read.
    fn default() -> Self {
        Self { calendar: ArcSwap::from_pointee(Calendar::shipped()), read_at: Mutex::new(None) }
    }
}

impl Current {
    /// The calendar as last read; never waits.
    pub fn latest(&self) -> Arc<Calendar> {
        self.calendar.load_full()
    }
}

/// The calendar, read again when the copy is older than a second.
///
/// One caller reads, the others go on with the copy; when the database is away, all of them do.
pub async fn current(app: &App) -> Arc<Calendar> {
    if let Ok(mut read_at) = app.calendar.read_at.try_lock()
        && read_at.is_none_or(|at| at.elapsed() > FRESH)
    {
        match calendar::load(app.db.read()).await {
            Ok(calendar) => app.calendar.calendar.store(Arc::new(calendar)),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the calendar could not be read")
            }
        }
        *read_at = Some(Instant::now());
    }
    app.calendar.latest()
}

/// The calendar as it is stored this moment, with the version of one year: 0 for a year that is only
/// shipped or not known at all.
pub async fn at_version(app: &App, year: i32) -> Result<(Calendar, i64), Error> {
    let version = calendar::find(app.db.read(), year).await?.map_or(0, |row| row.version);
    Ok((calendar::load(app.db.read()).await?, version))
}

/// Loads a year over what was loaded for it; returns its new version.
pub async fn load_year(app: &App, by: StaffId, year: &YearCalendar, version: i64) -> Result<i64, Error> {
    year.validate()?;
    let env = &app.env;
    app.db
        .in_tx("calendar.load_year", |tx| async move {
            let next = calendar::save(tx.conn(), env, by, year, version).await?;
            outbox::emit(tx.conn(), env, &[Event::CalendarChanged]).await?;
            let entry = audit::Entry {
                actor: Actor::Staff(by),
                action: "calendar.load_year",
                subject_kind: "calendar",
                subject_id: None,
                org_path: String::new(),
                detail: json!({ "year": year.year, "version": next }),
            };
            audit::record(tx.conn(), env, entry).await?;
            tx.commit(next).await
        })
        .await
}
