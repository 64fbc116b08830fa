//! The feed of a node: what SQL says of facilities, written to it in order, by one process at a time.
//!
//! An event only says which facility to read again. The cursor moves when the node's task is done,
//! so a task that was cancelled is written again; and what was written is compared with SQL
//! afterwards, so a writer that was overtaken writes again too and an older version never stays.
//! A node that is new, empty, replaced or of another vocabulary is built anew: beside, under another
//! name, compared with SQL, and only then read. Which index is read is a row in SQL, so changing it is atomic.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use linli_domain::{Event, ids::FacilityId};
use linli_search::meili::{self, MeiliDocument};
use linli_store::{
    Error, failpoint, lease, outbox,
    storage::{facilities, search_node},
};
use tokio::{task::spawn_blocking, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::super::{catalogue::analyzer, document::document};
use crate::{
    App,
    clients::meili::{Node, NodeError},
};

/// How often the outbox is asked.
const POLL: Duration = Duration::from_millis(300);
/// How long a node that failed is left alone.
const PAUSE: Duration = Duration::from_secs(2);
/// How often everything a node holds is compared with SQL.
const COMPARE: Duration = Duration::from_mins(10);
/// How long an index that is no longer read stays: longer than readers take to see it.
const LINGER: Duration = Duration::from_secs(10);
/// Events read and facilities written at once.
const EVENTS: u32 = 1_000;
const PAGE: u64 = 1_000;
/// Times that a write is made again because it was cancelled, or overtaken.
const ATTEMPTS: usize = 5;
/// Times that a new index is compared with SQL before it is read.
const ROUNDS: usize = 5;
/// How long a process that stopped keeps the turn.
const TERM_S: i64 = 30;

/// Asks for a node to be built anew, whoever feeds it.
pub async fn want_rebuild(app: &App, node: &str) -> Result<(), Error> {
    let row = search_node::load(app.db.any_write(), &app.env, node).await?;
    let row = search_node::Model { rebuild_wanted: true, done: 0, total: 0, ..row };
    Ok(search_node::save(app.db.any_write(), &app.env, row).await?)
}

/// Feeds `node` until `stop`, whenever it is this process's turn.
pub async fn feed(app: App, node: Arc<Node>, stop: CancellationToken) {
    let mut feeder = Feeder { holder: app.env.id(), app, node, compared: None, swept: None };
    loop {
        let pause = match feeder.step(&stop).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => POLL,
            Err(error) => {
                metrics::counter!("linli_search_feed_failures_total", "node" => feeder.node.name.clone())
                    .increment(1);
                tracing::warn!(
                    search.node = feeder.node.name,
                    error = &error as &dyn std::error::Error,
                    "a search node could not be fed; it will be tried again"
                );
                // It may have lost something meanwhile.
                feeder.compared = None;
                PAUSE
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    if lease::release(feeder.app.db.any_write(), &feeder.node.name, feeder.holder).await.is_err() {
        tracing::debug!(search.node = feeder.node.name, "a lease runs out by itself");
    }
}

struct Feeder {
    app: App,
    node: Arc<Node>,
    holder: Uuid,
    /// When everything was compared last.
    compared: Option<Instant>,
    /// The index beside which the others were removed.
    swept: Option<String>,
}

fn failed(error: NodeError) -> Error {
    Error::internal("feeding a search node", error)
}

impl Feeder {
    /// One bounded step; `true` when there is more to do at once.
    async fn step(&mut self, stop: &CancellationToken) -> Result<bool, Error> {
        if !self.my_turn().await? {
            return Ok(false);
        }
        let row = search_node::load(self.app.db.any_write(), &self.app.env, &self.node.name).await?;
        let fingerprint = meili::fingerprint(analyzer().lexicon());
        let stale = row.rebuild_wanted || row.index_uid.is_empty() || row.fingerprint != fingerprint;
        // A node that was replaced has none of this name, or one that it made for somebody's write.
        if stale || self.node.made_at(&row.index_uid).await.map_err(failed)? != Some(row.made_at.clone()) {
            self.rebuild(&row, fingerprint, stop).await?;
            return Ok(true);
        }
        let more = self.follow(&row.index_uid).await?;
        if self.compared.is_none_or(|compared| compared.elapsed() > COMPARE) {
            let differing = self.differing(&row.index_uid).await?.0;
            if !differing.is_empty() {
                tracing::info!(
                    search.node = self.node.name,
                    search.repaired = differing.len(),
                    "a search node differed"
                );
            }
            self.write(&row.index_uid, differing).await?;
            self.compared = Some(Instant::now());
        }
        if self.swept.as_ref() != Some(&row.index_uid) {
            self.sweep(&row).await?;
        }
        Ok(more)
    }

    /// Removes what nobody reads any more, and what builders left that were stopped or died.
    async fn sweep(&mut self, row: &search_node::Model) -> Result<(), Error> {
        let age = self.app.env.now() - row.updated_at;
        if row.index_uid.is_empty() || age.to_std().is_ok_and(|age| age > LINGER) {
            self.node.remove_others(&self.prefix(), &row.index_uid).await.map_err(failed)?;
            self.swept = Some(row.index_uid.clone());
        }
        Ok(())
    }

    fn prefix(&self) -> String {
        self.app.meili.as_ref().map(|nodes| nodes.prefix.clone()).unwrap_or_default()
    }

    async fn my_turn(&self) -> Result<bool, Error> {
        let term = chrono::Duration::seconds(TERM_S);
        let (db, env) = (self.app.db.any_write(), &self.app.env);
        Ok(lease::acquire(db, env, &self.node.name, self.holder, term).await?)
    }

    /// Takes up what the outbox tells.
    async fn follow(&self, uid: &str) -> Result<bool, Error> {
        let (db, name) = (&self.app.db, &self.node.name);
        let from = outbox::cursor::load(db.any_write(), name).await?;
        let entries = outbox::read_after(db.read(), from, EVENTS).await?;
        let Some(last) = entries.last() else { return Ok(false) };
        let lag_s = (self.app.env.now() - last.at).as_seconds_f64().max(0.0);
        metrics::gauge!("linli_outbox_lag_seconds", "consumer" => name.clone()).set(lag_s);
        let changed: HashSet<FacilityId> = entries
            .iter()
            .filter_map(|entry| match entry.event {
                Some(Event::FacilityChanged(id)) => Some(id),
                _ => None,
            })
            .collect();
        self.write(uid, changed.into_iter().collect()).await?;
        outbox::cursor::save(db.any_write(), name, last.cursor, self.app.env.now()).await?;
        Ok(entries.len() == EVENTS as usize)
    }

    /// Writes what SQL says of these, until SQL still says so afterwards.
    async fn write(&self, uid: &str, mut ids: Vec<FacilityId>) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let mut overtaken = Vec::new();
            for page in ids.chunks(usize::try_from(PAGE).unwrap_or(usize::MAX)) {
                let written = self.write_page(uid, page).await?;
                let now = self.versions(page).await?;
                overtaken.extend(page.iter().copied().filter(|id| written.get(id) != now.get(id)));
            }
            if overtaken.is_empty() {
                return Ok(());
            }
            ids = overtaken;
        }
        Err(Error::internal("feeding a search node", "the same facilities changed again and again"))
    }

    /// Writes one page, again when its task was cancelled; says which versions stand there now.
    async fn write_page(&self, uid: &str, page: &[FacilityId]) -> Result<HashMap<FacilityId, i64>, Error> {
        let stored = facilities::any_by_ids(self.app.db.any_write(), page).await?;
        let documents = spawn_blocking(move || {
            let analyzer = analyzer();
            let listed = stored.iter().filter_map(document);
            listed.map(|facility| MeiliDocument::new(&analyzer, &facility)).collect::<Vec<_>>()
        });
        let documents = documents.await.map_err(|error| Error::internal("making search documents", error))?;
        let written: HashMap<_, _> =
            documents.iter().map(|document| (document.id, document.version)).collect();
        let gone: Vec<_> = page.iter().copied().filter(|id| !written.contains_key(id)).collect();
        let mut attempt = 1;
        loop {
            match self.node.write(uid, &documents, &gone).await {
                Ok(()) => return Ok(written),
                Err(NodeError::Canceled) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// The versions that residents may find now.
    async fn versions(&self, page: &[FacilityId]) -> Result<HashMap<FacilityId, i64>, Error> {
        let stored = facilities::any_by_ids(self.app.db.any_write(), page).await?;
        let listed = stored.into_iter().filter(|stored| stored.status.listed());
        Ok(listed.map(|stored| (stored.id, stored.version)).collect())
    }

    /// What an index holds otherwise than SQL says, and how many SQL lists.
    async fn differing(&self, uid: &str) -> Result<(Vec<FacilityId>, usize), Error> {
        let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let mut held = HashMap::new();
        for offset in (0..).step_by(page) {
            let found = self.node.held(uid, offset, page).await.map_err(failed)?;
            let last = found.len() < page;
            held.extend(found.into_iter().map(|held| (held.id, held.version)));
            if last {
                break;
            }
        }
        let (mut differing, mut listed, mut after) = (Vec::new(), 0, None);
        loop {
            let versions = facilities::any_versions_after(self.app.db.any_write(), after, 20 * PAGE).await?;
            let Some((last, ..)) = versions.last() else { break };
            after = Some(*last);
            for (id, version, status) in versions {
                let expected = status.listed().then_some(version);
                listed += usize::from(expected.is_some());
                if held.remove(&id) != expected {
                    differing.push(id);
                }
            }
        }
        differing.extend(held.into_keys());
        Ok((differing, listed))
    }

    /// Builds an index from nothing and then reads from it.
    async fn rebuild(
        &mut self,
        row: &search_node::Model,
        fingerprint: String,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        // Before anything is added: a node that is full would never come to a sweep afterwards.
        self.sweep(row).await?;
        let began = Instant::now();
        let uid = format!("{}{}", self.prefix(), self.app.env.id::<Uuid>().simple());
        let (row, cursor) = match self.build(&uid, fingerprint, stop).await {
            Ok(built) => built,
            Err(error) => {
                // Or the next attempts would fill the node with what nobody reads.
                let removed = tokio::time::timeout(PAUSE, self.node.remove(&uid)).await;
                if !matches!(removed, Ok(Ok(()))) {
                    tracing::debug!(
                        search.node = self.node.name,
                        "a half-made index stays until the next sweep"
                    );
                }
                return Err(error);
            }
        };
        let listed = row.total;
        self.read_from(row, cursor).await?;
        self.compared = Some(Instant::now());
        tracing::info!(
            search.node = self.node.name,
            search.facilities = listed,
            duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "a search node was built"
        );
        Ok(())
    }

    /// Makes an index that equals SQL as of the cursor.
    async fn build(
        &self,
        uid: &str,
        fingerprint: String,
        stop: &CancellationToken,
    ) -> Result<(search_node::Model, outbox::Cursor), Error> {
        self.node.create(uid, &meili::settings(analyzer().lexicon())).await.map_err(failed)?;
        // Taken before the tables are read: what commits meanwhile is seen twice, never missed.
        let cursor = outbox::tail(self.app.db.any_write()).await?;
        self.fill(uid, stop).await?;
        let mut rounds = 0;
        let listed = loop {
            let (differing, listed) = self.differing(uid).await?;
            let count = self.node.count(uid).await.map_err(failed)?;
            if differing.is_empty() && count == listed {
                break listed;
            }
            rounds += 1;
            // Under steady edits something always differs; what the outbox still holds is replayed.
            if rounds > ROUNDS && differing.len() < EVENTS as usize {
                break listed;
            }
            if rounds > 2 * ROUNDS {
                return Err(Error::internal(
                    "building a search index",
                    "it does not come to equal the database",
                ));
            }
            self.write(uid, differing).await?;
        };
        let made_at = self.node.made_at(uid).await.map_err(failed)?.unwrap_or_default();
        let listed = i64::try_from(listed).unwrap_or(i64::MAX);
        let row = search_node::Model {
            node: self.node.name.clone(),
            index_uid: uid.to_owned(),
            made_at,
            fingerprint,
            rebuild_wanted: false,
            done: listed,
            total: listed,
            updated_at: self.app.env.now(),
        };
        Ok((row, cursor))
    }

    /// The row and the cursor change together.
    async fn read_from(&self, row: search_node::Model, cursor: outbox::Cursor) -> Result<(), Error> {
        let (app, name) = (&self.app, &self.node.name);
        app.db
            .in_tx("search.read_from", |tx| {
                let row = row.clone();
                async move {
                    search_node::save(tx.conn(), &app.env, row).await?;
                    outbox::cursor::save(tx.conn(), name, cursor, app.env.now()).await?;
                    tx.commit(()).await
                }
            })
            .await
    }

    /// Writes every facility there is, page by page.
    async fn fill(&self, uid: &str, stop: &CancellationToken) -> Result<(), Error> {
        let (_, total) = self.differing(uid).await?;
        let (mut after, mut done) = (None, 0);
        loop {
            let page = facilities::any_versions_after(self.app.db.any_write(), after, PAGE).await?;
            let Some((last, ..)) = page.last() else { return Ok(()) };
            after = Some(*last);
            if stop.is_cancelled() || !self.my_turn().await? {
                return Err(Error::internal("building a search index", "it is somebody else's turn"));
            }
            let listed: Vec<_> =
                page.iter().filter(|(.., status)| status.listed()).map(|(id, ..)| *id).collect();
            self.write_page(uid, &listed).await?;
            failpoint::hit("search.fill").await;
            done += listed.len();
            let row = search_node::load(self.app.db.any_write(), &self.app.env, &self.node.name).await?;
            let row = search_node::Model {
                done: i64::try_from(done).unwrap_or(i64::MAX),
                total: i64::try_from(total).unwrap_or(i64::MAX),
                ..row
            };
            search_node::save(self.app.db.any_write(), &self.app.env, row).await?;
        }
    }
}
