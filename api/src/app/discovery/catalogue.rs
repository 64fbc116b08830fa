//! The catalogue feed: every `serve` keeps its own catalogue in step with SQL.
//!
//! It starts from the file the last run kept, or from the tables; compares versions once, and then
//! follows the outbox with a cursor of its own, in memory. An event only says which facility to
//! read again. A periodic comparison repairs what no event told, so two servers agree.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::Duration,
};

use linli_domain::{Event, calendar::Calendar, ids::FacilityId};
use linli_search::{
    FacilityDocument, SearchEngine,
    catalogue::{Change, FeedCursor},
    text::{Analyzer, Lexicon},
};
use linli_store::{
    Error, lineage, outbox,
    storage::{
        calendar,
        facilities::{self, Stored},
    },
};
use tokio::{sync::mpsc, task::spawn_blocking, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    document::document,
    folder::{FOLDER, Folder},
};
use crate::{App, health::Part};

/// How often the outbox is asked; an edit is visible within two of these and a commit.
const POLL: Duration = Duration::from_millis(300);
/// How often versions are compared with SQL.
const RECONCILE: Duration = Duration::from_mins(10);
/// How often it is asked whether the database is still the one it was.
const LOOK: Duration = Duration::from_secs(5);
/// How often the catalogue is kept.
const SAVE: Duration = Duration::from_mins(3);
/// Facilities read at once.
const PAGE: u64 = 1_000;
/// Events read at once.
const EVENTS: u32 = 1_000;

/// Says that nothing is found here yet: before anyone may ask whether the process is ready.
pub fn announce(app: &App) {
    app.health.set("catalogue", Part::Down("loading"));
}

/// Loads the catalogue and follows SQL until `stop`, then keeps what it has.
pub async fn follow(app: App, stop: CancellationToken) {
    let Some(mut feed) = open(&app, &stop).await else { return };
    // Nobody else fills it: there is one feed in a process.
    let _ = app.discovery.0.set(Arc::clone(&feed.engine));
    app.health.set("catalogue", feed.state());
    let (mut reconciled, mut saved, mut looked) = (Instant::now(), Instant::now(), Instant::now());
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(POLL) => {}
        }
        let mut outcome = feed.step(&app).await;
        if outcome.is_ok() && looked.elapsed() > LOOK {
            looked = Instant::now();
            outcome = feed.look(&app).await;
        }
        if outcome.is_ok() && reconciled.elapsed() > RECONCILE {
            reconciled = Instant::now();
            outcome = feed.reconcile(&app).await.map(drop);
        }
        if saved.elapsed() > SAVE {
            saved = Instant::now();
            feed.save().await;
        }
        let state = if outcome.is_ok() { feed.state() } else { Part::Degraded("not following the database") };
        if let Err(error) = outcome {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the catalogue could not follow the database"
            );
        }
        app.health.set("catalogue", state);
    }
    feed.save().await;
}

/// Opens the feed, again and again until it succeeds.
async fn open(app: &App, stop: &CancellationToken) -> Option<Feed> {
    loop {
        match Feed::open(app).await {
            Ok(feed) => return Some(feed),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the catalogue could not be loaded");
                app.health.set("catalogue", Part::Down("could not be loaded; trying again"));
            }
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

/// Builds what is kept in the folder of this configuration anew and says how many facilities it
/// holds; `None` when a running server has the folder.
pub async fn rebuild(app: &App) -> Result<Option<usize>, Error> {
    let lineage = lineage::current(app.db.read()).await?;
    let Some(folder) = Folder::claim(&app.config.data_dir.join(FOLDER), lineage) else { return Ok(None) };
    let calendar = Arc::new(calendar::load(app.db.read()).await?);
    let cursor = outbox::tail(app.db.read()).await?;
    let engine = build(app, Some(folder.path.clone()), calendar, cursor).await?;
    let (engine, folder) = (Arc::new(engine), Some(folder));
    let mut feed = Feed { engine, cursor, lineage, saved: None, folder, refused: false };
    feed.save().await;
    Ok(Some(feed.engine.snapshot().len()))
}

struct Feed {
    engine: Arc<SearchEngine>,
    cursor: outbox::Cursor,
    /// The line of history it follows.
    lineage: Option<Uuid>,
    /// What was kept last, so that an unchanged catalogue is not kept again.
    saved: Option<FeedCursor>,
    /// Held as long as the folder is ours.
    folder: Option<Folder>,
    /// Whether the folder could not take the index (a full disk), which is in memory instead.
    refused: bool,
}

impl Feed {
    /// How the catalogue is while it follows.
    const fn state(&self) -> Part {
        if self.refused { Part::Degraded("not kept: its folder cannot be written") } else { Part::Ready }
    }

    async fn open(app: &App) -> Result<Self, Error> {
        let started = Instant::now();
        let lineage = lineage::current(app.db.read()).await?;
        let mut folder = Folder::claim(&app.config.data_dir.join(FOLDER), lineage);
        let calendar = Arc::new(calendar::load(app.db.read()).await?);
        // Taken before the tables are read: what commits meanwhile is seen twice, never missed.
        let cursor = outbox::tail(app.db.read()).await?;
        let kept = match &folder {
            Some(folder) => load(folder.path.clone(), Arc::clone(&calendar)).await,
            None => None,
        };
        let from_file = kept.is_some();
        let claimed = folder.is_some();
        let engine = match kept {
            Some(engine) => engine,
            None => build_kept(app, &mut folder, calendar, cursor).await?,
        };
        let refused = claimed && folder.is_none();
        let mut feed = Self { engine: Arc::new(engine), cursor, lineage, saved: None, folder, refused };
        if !feed.engine.snapshot().is_empty() {
            let engine = Arc::clone(&feed.engine);
            // The dictionary is loaded while versions are compared.
            drop(spawn_blocking(move || engine.warm()));
        }
        if from_file {
            feed.reconcile(app).await?;
        } else {
            feed.save().await;
        }
        tracing::info!(
            catalogue.facilities = feed.engine.snapshot().len(),
            catalogue.from_file = from_file,
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "the catalogue is loaded"
        );
        Ok(feed)
    }

    /// Takes up what the outbox tells, until there is no more.
    async fn step(&mut self, app: &App) -> Result<(), Error> {
        loop {
            let entries = outbox::read_after(app.db.read(), self.cursor, EVENTS).await?;
            let Some(last) = entries.last() else { return Ok(()) };
            let (mut ids, mut doubted) = (HashSet::new(), false);
            for event in entries.iter().filter_map(|entry| entry.event) {
                match event {
                    Event::FacilityChanged(id) => _ = ids.insert(id),
                    Event::CatalogueDoubted => doubted = true,
                    Event::CalendarChanged => {
                        self.engine.set_calendar(Arc::new(calendar::load(app.db.read()).await?));
                    }
                    _ => {}
                }
            }
            let (to, more) = (last.cursor, entries.len() == EVENTS as usize);
            self.reread(app, ids.into_iter().collect(), to).await?;
            self.cursor = to;
            if doubted {
                self.reconcile(app).await?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Reads these facilities again and shows what they are now.
    async fn reread(&self, app: &App, ids: Vec<FacilityId>, cursor: outbox::Cursor) -> Result<(), Error> {
        let snapshot = self.engine.snapshot();
        let shown: HashMap<_, _> = ids.iter().filter_map(|id| Some((*id, snapshot.version(*id)?))).collect();
        let mut changes = Vec::new();
        for page in ids.chunks(usize::try_from(PAGE).unwrap_or(usize::MAX)) {
            let mut stored = HashMap::new();
            for facility in facilities::any_by_ids(app.db.read(), page).await? {
                stored.insert(facility.id, facility);
            }
            changes.extend(page.iter().filter_map(|id| change(*id, stored.get(id), shown.get(id).copied())));
        }
        self.apply(changes, cursor).await
    }

    async fn apply(&self, changes: Vec<Change>, cursor: outbox::Cursor) -> Result<(), Error> {
        let engine = Arc::clone(&self.engine);
        let cursor = FeedCursor { xid: cursor.xid, seq: cursor.seq };
        let applied = spawn_blocking(move || engine.apply(&changes, cursor)).await;
        applied
            .map_err(|error| Error::internal("applying changes to the catalogue", error))?
            .map_err(|error| Error::internal("applying changes to the catalogue", error))
    }

    /// Compares every version with SQL and repairs what differs; says how many did.
    async fn reconcile(&mut self, app: &App) -> Result<usize, Error> {
        let cursor = outbox::tail(app.db.read()).await?;
        let snapshot = self.engine.snapshot();
        let mut shown: HashMap<FacilityId, i64> = snapshot.versions().collect();
        let mut differing = Vec::new();
        let mut after = None;
        loop {
            let page = facilities::any_versions_after(app.db.read(), after, 20 * PAGE).await?;
            let Some((last, ..)) = page.last() else { break };
            after = Some(*last);
            for (id, version, status) in page {
                let is_shown = shown.remove(&id);
                if is_shown != status.listed().then_some(version) {
                    differing.push(id);
                }
            }
        }
        differing.extend(shown.into_keys());
        let count = differing.len();
        if count > 0 {
            tracing::info!(catalogue.repaired = count, "the catalogue differed from the database");
        }
        metrics::counter!("linli_catalogue_repaired_total").increment(count as u64);
        // What was read is at least as new as `cursor`, and an older one is followed again.
        self.reread(app, differing, cursor.max(self.cursor)).await?;
        Ok(count)
    }

    /// Starts over where the database began another line of history: the same version of a facility
    /// may say something else there. What is shown stays until it is read again.
    async fn look(&mut self, app: &App) -> Result<(), Error> {
        let lineage = lineage::current(app.db.read()).await?;
        if lineage == self.lineage {
            return Ok(());
        }
        tracing::warn!("the database began another line of history; everything is read again");
        let cursor = outbox::tail(app.db.read()).await?;
        let mut shown: HashSet<FacilityId> = self.engine.snapshot().versions().map(|(id, _)| id).collect();
        let mut after = None;
        loop {
            let page = facilities::any_after(app.db.read(), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            let mut changes = Vec::new();
            for stored in page {
                // A version that was undone may be the higher one: it has to go first.
                changes.extend(shown.remove(&stored.id).then_some(Change::Remove(stored.id)));
                changes.extend(document(&stored).map(|document| Change::Upsert(Box::new(document))));
            }
            self.apply(changes, cursor).await?;
        }
        self.apply(shown.into_iter().map(Change::Remove).collect(), cursor).await?;
        (self.cursor, self.lineage, self.saved) = (cursor, lineage, None);
        // In this order: a file of the line before must never bear the name of this one.
        self.save().await;
        if let Some(folder) = &self.folder {
            folder.belongs_to(lineage);
        }
        Ok(())
    }

    /// Keeps the catalogue, if it changed.
    async fn save(&mut self) {
        let cursor = self.engine.snapshot().cursor();
        metrics::gauge!("linli_catalogue_facilities").set(self.engine.snapshot().len() as f64);
        if self.saved == Some(cursor) {
            return;
        }
        let engine = Arc::clone(&self.engine);
        match spawn_blocking(move || engine.save()).await {
            Ok(Ok(())) => self.saved = Some(cursor),
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the catalogue could not be kept");
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "keeping the catalogue broke off")
            }
        }
    }
}

/// What to do about a facility, given what SQL says and which version is shown.
fn change(id: FacilityId, stored: Option<&Stored>, shown: Option<i64>) -> Option<Change> {
    match stored.and_then(document) {
        Some(document) if shown == Some(document.version) => None,
        Some(document) => Some(Change::Upsert(Box::new(document))),
        None => shown.map(|_| Change::Remove(id)),
    }
}

/// The engine that the last run kept, if it can still be used.
async fn load(folder: PathBuf, calendar: Arc<Calendar>) -> Option<SearchEngine> {
    let loaded = spawn_blocking(move || SearchEngine::load(analyzer(), calendar, &folder)).await.ok()?;
    loaded.unwrap_or_else(|error| {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the kept catalogue is unusable; building anew"
        );
        None
    })
}

/// The engine of everything in the tables, kept if the folder takes it. Residents find their canteen
/// with a full disk too.
async fn build_kept(
    app: &App,
    folder: &mut Option<Folder>,
    calendar: Arc<Calendar>,
    cursor: outbox::Cursor,
) -> Result<SearchEngine, Error> {
    let Some(path) = folder.as_ref().map(|folder| folder.path.clone()) else {
        return build(app, None, calendar, cursor).await;
    };
    match build(app, Some(path), Arc::clone(&calendar), cursor).await {
        Err(error @ Error::Internal { .. }) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the catalogue cannot be kept");
            *folder = None;
            build(app, None, calendar, cursor).await
        }
        built => built,
    }
}

/// The engine of everything in the tables.
async fn build(
    app: &App,
    folder: Option<PathBuf>,
    calendar: Arc<Calendar>,
    cursor: outbox::Cursor,
) -> Result<SearchEngine, Error> {
    let (pages, mut received) = mpsc::channel::<Vec<Stored>>(4);
    let generation = app.env.id();
    let cursor = FeedCursor { xid: cursor.xid, seq: cursor.seq };
    let building = spawn_blocking(move || {
        let pages = std::iter::from_fn(|| received.blocking_recv());
        let documents = pages.flatten().filter_map(|stored| document(&stored));
        SearchEngine::build(analyzer(), calendar, generation, cursor, documents, folder.as_deref())
    });
    let read = read_all(app, pages).await;
    // Even when reading broke off, the builder must be out of the folder before anyone tries again.
    let built = building.await.map_err(|error| Error::internal("building the catalogue", error))?;
    read?;
    built.map_err(|error| Error::internal("building the catalogue", error))
}

/// Every document there is, and the calendar their hours are read by.
pub(super) async fn documents(app: &App) -> Result<(Vec<FacilityDocument>, Calendar), Error> {
    let (mut documents, mut after) = (Vec::new(), None);
    loop {
        let page = facilities::any_after(app.db.read(), after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        documents.extend(page.iter().filter_map(document));
    }
    Ok((documents, calendar::load(app.db.read()).await?))
}

async fn read_all(app: &App, pages: mpsc::Sender<Vec<Stored>>) -> Result<(), Error> {
    let mut after = None;
    loop {
        let page = facilities::any_after(app.db.read(), after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        // The builder only stops listening when it failed, and then says why itself.
        if pages.send(page).await.is_err() {
            return Ok(());
        }
    }
}

/// The analyzer of this process: its dictionary is large, so there is one.
pub(super) fn analyzer() -> Arc<Analyzer> {
    static ANALYZER: LazyLock<Arc<Analyzer>> = LazyLock::new(|| Arc::new(Analyzer::new(Lexicon::shipped())));
    Arc::clone(&ANALYZER)
}
