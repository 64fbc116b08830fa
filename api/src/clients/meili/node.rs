//! One Meilisearch node: what is asked of it, what is written to it, and whether it is away.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use linli_domain::ids::FacilityId;
use linli_search::meili::{MeiliDocument, MeiliHit, Plan};
use meilisearch_sdk::{
    client::Client,
    errors::{Error, ErrorCode},
    indexes::IndexesQuery,
    request::{HttpClient, Method},
    search::{MatchingStrategies, SearchQuery, Selectors},
    task_info::TaskInfo,
};
use serde::Deserialize;
use tokio::{sync::Semaphore, time::Instant};
use uuid::Uuid;

use super::http::MeiliHttp;

/// Failures in a row after which a node is left alone until a probe is answered.
const FAILURES: u32 = 3;
/// Questions under way at once; more are answered by the embedded index.
const IN_FLIGHT: usize = 256;
/// How long a write may take to be answered.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Indexes of a node that are looked through at once.
const MOST_INDEXES: usize = 1_000;
/// How long a task may take, the others of its queue included.
const TASK_TIMEOUT: Duration = Duration::from_mins(5);

/// Why a node did not do it.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It is away, or said no.
    #[error("the search node does not answer or refuses")]
    Away(#[from] Error),
    /// It did not answer in time.
    #[error("the search node is too slow")]
    Slow,
    /// Somebody cancelled the task; the write has to be made again.
    #[error("a task of the search node was cancelled")]
    Canceled,
    /// A task failed; the code says why.
    #[error("a task of the search node failed: {0}")]
    Failed(String),
    /// As many questions as it may be asked at once are under way.
    #[error("the search node is asked too much at once")]
    Busy,
}

impl NodeError {
    /// Whether the node has no such index.
    pub fn is_no_index(&self) -> bool {
        matches!(self, Self::Away(Error::Meilisearch(error)) if error.error_code == ErrorCode::IndexNotFound)
    }
}

/// One node.
pub struct Node {
    /// Its name in the database, in metrics and in logs: never the key.
    pub name: String,
    host: String,
    reading: Client<MeiliHttp>,
    writing: Client<MeiliHttp>,
    http: MeiliHttp,
    timeout: Duration,
    failures: AtomicU32,
    asked: Semaphore,
    /// The index that is read, once there is one.
    index: ArcSwapOption<String>,
}

/// What the library cannot read: its tasks know no `canceled`.
#[derive(Deserialize)]
struct Task {
    status: String,
    error: Option<TaskError>,
}

#[derive(Deserialize)]
struct TaskError {
    code: String,
}

#[derive(Deserialize)]
struct Answers {
    results: Vec<Hits>,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<MeiliHit>,
}

/// Version of a document.
#[derive(Deserialize)]
pub struct Held {
    /// The facility.
    pub id: FacilityId,
    /// The version.
    pub version: i64,
}

#[derive(Deserialize)]
struct HeldPage {
    results: Vec<Held>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexMade {
    created_at: String,
}

impl Node {
    pub(super) fn new(url: &str, key: &str, timeout: Duration) -> Self {
        let host = url.trim_end_matches('/').to_owned();
        let client = |timeout| {
            let http = MeiliHttp { http: super::super::http(timeout), key: key.to_owned() };
            (Client::new_with_client(host.clone(), None::<String>, http.clone()), http)
        };
        let ((reading, _), (writing, http)) = (client(timeout), client(WRITE_TIMEOUT));
        let place = host.split("://").last().unwrap_or_default();
        Self {
            name: format!("meili:{}", place.rsplit('@').next().unwrap_or_default()),
            reading,
            writing,
            http,
            timeout,
            failures: AtomicU32::new(0),
            asked: Semaphore::new(IN_FLIGHT),
            index: ArcSwapOption::empty(),
            host,
        }
    }

    /// Says which index is read from now on.
    pub fn read_from(&self, uid: Option<String>) {
        self.index.store(uid.map(Into::into));
    }

    /// Whether it may be asked: it has an index and answered lately.
    pub fn is_usable(&self) -> bool {
        self.index.load().is_some() && self.failures.load(Ordering::Relaxed) < FAILURES
    }

    /// Asks once and notes how it went.
    pub async fn ask(&self, plan: &Plan) -> Result<Vec<Vec<MeiliHit>>, NodeError> {
        let _one = self.asked.try_acquire().map_err(|_| NodeError::Busy)?;
        let outcome = match tokio::time::timeout(self.timeout, self.search(plan)).await {
            Ok(Ok(answers)) if answers.len() == plan.questions.len() => Ok(answers),
            Ok(Ok(_)) => Err(NodeError::Failed("not as many answers as questions".to_owned())),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(NodeError::Slow),
        };
        if outcome.is_ok() {
            self.failures.store(0, Ordering::Relaxed);
        } else {
            self.failures.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("linli_search_node_failures_total", "node" => self.name.clone()).increment(1);
        }
        outcome
    }

    async fn search(&self, plan: &Plan) -> Result<Vec<Vec<MeiliHit>>, NodeError> {
        let uid = self.index.load_full().ok_or(NodeError::Busy)?;
        let index = self.reading.index(uid.as_str());
        let sorts: Vec<Vec<&str>> =
            plan.questions.iter().map(|q| q.sort.as_deref().into_iter().collect()).collect();
        let mut all = self.reading.multi_search();
        for (question, sort) in plan.questions.iter().zip(&sorts) {
            let mut query = SearchQuery::new(&index);
            query
                .with_query(&question.q)
                .with_limit(question.limit)
                .with_matching_strategy(MatchingStrategies::ALL)
                .with_attributes_to_retrieve(Selectors::Some(&["id"]))
                .with_show_ranking_score(true);
            if let Some(filter) = &question.filter {
                query.with_filter(filter);
            }
            if !sort.is_empty() {
                query.with_sort(sort);
            }
            all.with_search_query(query);
        }
        let body = serde_json::to_value(&all).map_err(Error::ParseError)?;
        let url = format!("{}/multi-search", self.host);
        let answers: Answers = self.http.request(&url, Method::Post { query: (), body }, 200).await?;
        Ok(answers.results.into_iter().map(|hits| hits.hits).collect())
    }

    /// Asks a node that was left alone something small; a search, since one that lives may be slow.
    pub async fn probe(&self) {
        if self.failures.load(Ordering::Relaxed) >= FAILURES && self.index.load().is_some() {
            // How it went is noted where it was asked.
            let _ = self.ask(&Plan::probe()).await;
        }
    }

    /// When the node made the index; `None` when it has none of this name.
    pub async fn made_at(&self, uid: &str) -> Result<Option<String>, NodeError> {
        let url = format!("{}/indexes/{uid}", self.host);
        match self.http.request::<(), (), IndexMade>(&url, Method::Get { query: () }, 200).await {
            Ok(made) => Ok(Some(made.created_at)),
            Err(error) => {
                let error = NodeError::from(error);
                if error.is_no_index() { Ok(None) } else { Err(error) }
            }
        }
    }

    /// Makes an index and sets it.
    pub async fn create(&self, uid: &str, settings: &serde_json::Value) -> Result<(), NodeError> {
        let task = self.writing.create_index(uid, Some("id")).await?;
        self.finished(&task).await?;
        let url = format!("{}/indexes/{uid}/settings", self.host);
        let body = Method::Patch { query: (), body: settings };
        let task: TaskInfo = self.http.request(&url, body, 202).await?;
        self.finished(&task).await
    }

    /// Writes documents and removes others, and waits until both are done.
    pub async fn write(
        &self,
        uid: &str,
        put: &[MeiliDocument],
        remove: &[FacilityId],
    ) -> Result<(), NodeError> {
        let index = self.writing.index(uid);
        if !put.is_empty() {
            let task = index.add_or_replace(put, Some("id")).await?;
            self.finished(&task).await?;
        }
        if !remove.is_empty() {
            let ids: Vec<_> = remove.iter().map(ToString::to_string).collect();
            let task = index.delete_documents(&ids).await?;
            self.finished(&task).await?;
        }
        Ok(())
    }

    /// A page of what an index holds.
    pub async fn held(&self, uid: &str, offset: usize, limit: usize) -> Result<Vec<Held>, NodeError> {
        let url =
            format!("{}/indexes/{uid}/documents?fields=id,version&offset={offset}&limit={limit}", self.host);
        let page: HeldPage = self.http.request(&url, Method::<_, ()>::Get { query: () }, 200).await?;
        Ok(page.results)
    }

    /// How many documents an index holds.
    pub async fn count(&self, uid: &str) -> Result<usize, NodeError> {
        Ok(self.writing.index(uid).get_stats().await?.number_of_documents)
    }

    /// Version of the server.
    pub async fn version(&self) -> Result<String, NodeError> {
        Ok(self.writing.get_version().await?.pkg_version)
    }

    /// Removes every index of ours but one: `prefix` and an id.
    pub async fn remove_others(&self, prefix: &str, but: &str) -> Result<(), NodeError> {
        // The library's own list ends after twenty.
        let all = IndexesQuery::new(&self.writing).with_limit(MOST_INDEXES).execute().await?;
        for index in all.results {
            // Another city may keep its own here, by a name that begins like ours.
            let id = index.uid.strip_prefix(prefix).map(Uuid::try_parse);
            if matches!(id, Some(Ok(_))) && index.uid != but {
                self.remove(&index.uid).await?;
            }
        }
        Ok(())
    }

    /// Removes an index.
    pub async fn remove(&self, uid: &str) -> Result<(), NodeError> {
        let task = self.writing.delete_index(uid).await?;
        self.finished(&task).await
    }

    /// Waits for the end of a task.
    async fn finished(&self, task: &TaskInfo) -> Result<(), NodeError> {
        let url = format!("{}/tasks/{}", self.host, task.task_uid);
        let began = Instant::now();
        let mut pause = Duration::from_millis(10);
        loop {
            let task: Task = self.http.request(&url, Method::<_, ()>::Get { query: () }, 200).await?;
            match task.status.as_str() {
                "succeeded" => return Ok(()),
                "canceled" => return Err(NodeError::Canceled),
                "failed" => {
                    return Err(NodeError::Failed(task.error.map(|error| error.code).unwrap_or_default()));
                }
                _ if began.elapsed() > TASK_TIMEOUT => return Err(NodeError::Slow),
                _ => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(250));
        }
    }
}
