//! The gate on Redis 7 or Redis Cluster.
//!
//! | key | type | what | lives |
//! |---|---|---|---|
//! | `<prefix>:gate:{<tag>}` | hash | stocks of a tag and the holds on them (fields: `lua/prelude.lua`) | `KEEP` from its load |
//! | `<prefix>:hold:{<tag>}` | sorted set | digests of holds by their expiry in Redis time | `KEEP` from its last hold |
//!
//! Both carry the tag in braces, so that a script's keys share a slot of Redis Cluster. A tag that
//! expired is cold and loaded again: the longest that a missed message can matter.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::DateTime;
use linli_domain::{
    ids::StockId,
    inventory::{DIGEST_CHARS, KeyDigest, Need, Shortage, Stock, Tag},
};
use redis::{
    Client, RedisError, RedisResult, Script, ScriptInvocation, Value,
    aio::{ConnectionManager, ConnectionManagerConfig},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    from_redis_value,
};
use tokio::sync::OnceCell;

use super::{
    Asking, Away, Gate, Health, Lapses, MOST_PAST, NodeRun, Outcome, Refused, Settled, StockState, Verdict,
    circuit::Circuit,
};

/// How long a loaded tag is believed before it is loaded again.
const KEEP: Duration = Duration::from_mins(15);
/// How long the nodes of a cluster have to make themselves known. No request waits for that.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A tag is not marked cold again sooner than this after its load.
const FORGET_EVERY: Duration = Duration::from_millis(100);

/// How to reach Redis.
#[derive(Clone, Debug)]
pub struct RedisGateOptions {
    /// One URL for a single Redis, several for the nodes of a Redis Cluster.
    pub urls: Vec<String>,
    /// First part of every key.
    pub prefix: String,
    /// How long a call on the way of a request may take.
    pub timeout: Duration,
    /// How long a load, a sync or a look at the nodes may take.
    pub background_timeout: Duration,
    /// How long a hold outlives the process that took it.
    pub hold: Duration,
}

impl RedisGateOptions {
    /// The usual bounds for `urls`.
    pub fn new(urls: impl IntoIterator<Item = String>) -> Self {
        Self {
            urls: urls.into_iter().collect(),
            prefix: "linli".to_owned(),
            timeout: Duration::from_millis(50),
            background_timeout: Duration::from_millis(500),
            // Longer than the queue before SQL plus one statement.
            hold: Duration::from_secs(10),
        }
    }
}

/// The gate on Redis.
pub struct RedisGate {
    link: Link,
    options: RedisGateOptions,
    circuit: Circuit,
    epoch: AtomicI64,
    scripts: Scripts,
    strays: Mutex<HashMap<(Tag, KeyDigest), Instant>>,
}

/// A request whose reservation got no answer asks once more: what it holds is left to it until then.
const ASKED_AGAIN: Duration = Duration::from_millis(600);

/// The most strays that are remembered.
const MOST_STRAYS: usize = 10_000;

enum Link {
    Single { manager: Box<ConnectionManager>, node: String },
    Cluster(Box<ClusterLink>),
}

struct ClusterLink {
    client: ClusterClient,
    connection: Arc<OnceCell<ClusterConnection>>,
}

impl ClusterLink {
    /// The connection, made once. A caller that cannot wait for it leaves it to those who come later: given
    /// up with each of them, it would never be there where it takes longer than a call may.
    async fn connection(&self) -> RedisResult<ClusterConnection> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection.clone());
        }
        let (client, cell) = (self.client.clone(), Arc::clone(&self.connection));
        let made = async move { cell.get_or_try_init(|| client.get_async_connection()).await.cloned() };
        tokio::spawn(made).await.map_err(std::io::Error::other)?
    }
}

struct Scripts {
    reserve: Script,
    settle: Script,
    put: Script,
    forget: Script,
}

macro_rules! script {
    ($file:literal) => {
        Script::new(concat!(include_str!("lua/prelude.lua"), include_str!($file)))
    };
}

impl RedisGate {
    /// A gate that connects when it is first asked, so that a dead Redis does not stop a start.
    pub fn new(options: RedisGateOptions) -> RedisResult<Self> {
        let link = match options.urls.as_slice() {
            [url] => {
                let client = Client::open(url.as_str())?;
                let node = client.get_connection_info().addr().to_string();
                let config = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(options.background_timeout))
                    .set_response_timeout(Some(options.background_timeout))
                    .set_max_delay(Duration::from_millis(500));
                let manager = ConnectionManager::new_lazy_with_config(client, config)?;
                Link::Single { manager: Box::new(manager), node }
            }
            urls => {
                let client = ClusterClient::builder(urls.iter().map(String::as_str))
                    .connection_timeout(CONNECT_WITHIN)
                    .response_timeout(options.background_timeout)
                    .retries(2)
                    .build()?;
                Link::Cluster(Box::new(ClusterLink { client, connection: Arc::default() }))
            }
        };
        let scripts = Scripts {
            reserve: script!("lua/reserve.lua"),
            settle: script!("lua/settle.lua"),
            put: script!("lua/put.lua"),
            forget: script!("lua/forget.lua"),
        };
        Ok(Self {
            link,
            options,
            circuit: Circuit::new(),
            epoch: AtomicI64::new(0),
            scripts,
            strays: Mutex::default(),
        })
    }

    /// Asks Redis once, for the check at start.
    pub async fn ping(&self) -> Result<(), Away> {
        self.runs().await.map(drop)
    }

    /// Starts a script on the two keys of `tag` under the current epoch.
    fn on<'a>(&self, script: &'a Script, tag: &Tag) -> ScriptInvocation<'a> {
        let prefix = &self.options.prefix;
        let mut invocation = script.key(format!("{prefix}:gate:{{{tag}}}"));
        invocation.key(format!("{prefix}:hold:{{{tag}}}")).arg(self.epoch.load(Ordering::Acquire));
        invocation
    }

    /// Runs a script within `timeout`, minding the circuit.
    async fn run(
        &self,
        call: &'static str,
        invocation: &ScriptInvocation<'_>,
        timeout: Duration,
    ) -> Result<Value, Away> {
        self.guarded(call, timeout, async {
            match &self.link {
                Link::Single { manager, .. } => invocation.invoke_async(&mut (**manager).clone()).await,
                Link::Cluster(link) => invocation.invoke_async(&mut link.connection().await?).await,
            }
        })
        .await
    }

    async fn guarded<T>(
        &self,
        call: &'static str,
        timeout: Duration,
        work: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Away> {
        if !self.circuit.allows() {
            return Err(Away);
        }
        let error = match tokio::time::timeout(timeout, work).await {
            Ok(Ok(value)) => {
                self.circuit.succeeded();
                return Ok(value);
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        self.circuit.failed();
        metrics::counter!("linli_gate_failures_total", "call" => call).increment(1);
        let error = error.as_ref().map(RedisError::kind);
        tracing::debug!(gate.call = call, gate.error = ?error, "the gate did not answer");
        Err(Away)
    }

    /// Holds that may be there though nobody wants them: of reservations that got no answer, which a
    /// frozen Redis makes when it wakes up, and those whose end it was not told. They would keep what they
    /// took until they expire.
    fn strays(&self) -> MutexGuard<'_, HashMap<(Tag, KeyDigest), Instant>> {
        self.strays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stray(&self, tag: &Tag, digest: KeyDigest) {
        let mut strays = self.strays();
        if strays.len() < MOST_STRAYS {
            strays.entry((tag.clone(), digest)).or_insert_with(Instant::now);
        }
    }

    async fn void_strays(&self) {
        let (young, strays): (HashMap<_, _>, HashMap<_, _>) = std::mem::take(&mut *self.strays())
            .into_iter()
            .partition(|(_, since)| since.elapsed() < ASKED_AGAIN);
        self.strays().extend(young);
        for ((tag, digest), since) in strays {
            if since.elapsed() < self.options.hold {
                self.settle(&tag, digest, Outcome::Void, &[]).await;
            }
        }
    }

    async fn put(&self, mode: &'static str, tag: &Tag, states: &[StockState]) -> Result<bool, Away> {
        let mut invocation = self.on(&self.scripts.put, tag);
        invocation.arg(mode).arg(millis(KEEP));
        let list = |digests: &[KeyDigest]| digests.iter().map(|digest| format!("{digest},")).collect();
        for StockState { stock, lapses_at, live, past } in states {
            let past = if past.len() > MOST_PAST { "*".to_owned() } else { list(past) };
            invocation
                .arg(stock.id.0.simple().to_string())
                .arg(stock.capacity)
                .arg(stock.used)
                .arg(u8::from(stock.open))
                .arg(stock.version)
                .arg(lapses_at.map_or(0, |at| at.timestamp_millis()))
                .arg(list(live))
                .arg(past);
        }
        let reply = self.run(mode, &invocation, self.options.background_timeout).await?;
        Ok(reply == Value::Int(1))
    }
}

#[async_trait]
impl Gate for RedisGate {
    async fn reserve(&self, tag: &Tag, asking: &Asking, needs: &[Need]) -> Verdict {
        let mut invocation = self.on(&self.scripts.reserve, tag);
        let asked_at = Instant::now();
        invocation
            .arg(asking.digest.to_string())
            .arg(millis(self.options.hold))
            .arg(millis(KEEP))
            .arg(asking.now.timestamp_millis())
            .arg(asking.arrived.timestamp_millis())
            .arg(millis(asking.since.elapsed()) + 1)
            .arg(millis(asking.repeated));
        for need in needs {
            invocation.arg(need.stock.0.simple().to_string()).arg(need.units);
        }
        let Ok(reply) = self.run("reserve", &invocation, self.options.timeout).await else {
            self.stray(tag, asking.digest);
            return Verdict::Unavailable;
        };
        self.strays().remove(&(tag.clone(), asking.digest));
        match read_verdict(reply, asked_at) {
            Some((Verdict::Granted, Some(last))) if last.is_since(asking) => {
                self.settle(tag, asking.digest, Outcome::Void, &[]).await;
                Verdict::Refused(last.refused)
            }
            Some((verdict, _)) => verdict,
            None => {
                tracing::error!("the gate gave an answer that cannot be read");
                Verdict::Unavailable
            }
        }
    }

    async fn settle(&self, tag: &Tag, digest: KeyDigest, outcome: Outcome, stocks: &[Settled]) {
        let mut invocation = self.on(&self.scripts.settle, tag);
        invocation.arg(digest.to_string()).arg(outcome.as_str()).arg(MOST_PAST * (DIGEST_CHARS + 1));
        for Settled { stock, lapses } in stocks {
            let (how, lapses_ms) = match lapses {
                Lapses::AsBefore => ("as_before", 0),
                Lapses::NotAfter(at) => ("not_after", at.timestamp_millis()),
                Lapses::At(at) => ("at", at.map_or(0, |at| at.timestamp_millis())),
            };
            invocation
                .arg(stock.id.0.simple().to_string())
                .arg(stock.capacity)
                .arg(stock.used)
                .arg(u8::from(stock.open))
                .arg(stock.version)
                .arg(how)
                .arg(lapses_ms);
        }
        // What committed or was released is told once more by `gate.sync`.
        if self.run("settle", &invocation, self.options.timeout).await.is_err() && outcome == Outcome::Void {
            self.stray(tag, digest);
        }
    }

    async fn load(&self, tag: &Tag, states: &[StockState]) -> Result<(), Away> {
        self.put("load", tag, states).await.map(drop)
    }

    async fn sync(&self, tag: &Tag, states: &[StockState]) -> Result<(), Away> {
        self.put("sync", tag, states).await.map(drop)
    }

    async fn forget(&self, tag: &Tag) {
        let mut invocation = self.on(&self.scripts.forget, tag);
        invocation.arg(millis(FORGET_EVERY));
        let _ = self.run("forget", &invocation, self.options.timeout).await;
    }

    async fn dump(&self, tag: &Tag) -> Result<Option<Vec<Stock>>, Away> {
        let mut command = redis::cmd("HGETALL");
        command.arg(format!("{}:gate:{{{tag}}}", self.options.prefix));
        let fields: Vec<(String, String)> = self
            .guarded("dump", self.options.background_timeout, async {
                match &self.link {
                    Link::Single { manager, .. } => command.query_async(&mut (**manager).clone()).await,
                    Link::Cluster(link) => command.query_async(&mut link.connection().await?).await,
                }
            })
            .await?;
        let epoch = self.epoch.load(Ordering::Acquire).to_string();
        if !fields.iter().any(|(field, value)| field == "@epoch" && *value == epoch) {
            return Ok(None);
        }
        Ok(Some(fields.iter().filter_map(|(field, value)| read_stock(field, value)).collect()))
    }

    async fn runs(&self) -> Result<Vec<NodeRun>, Away> {
        let mut command = redis::cmd("INFO");
        command.arg("server");
        let runs = self
            .guarded("info", self.options.background_timeout, async {
                match &self.link {
                    Link::Single { manager, node } => {
                        let info: String = command.query_async(&mut (**manager).clone()).await?;
                        Ok(vec![(node.clone(), info)])
                    }
                    Link::Cluster(link) => command.query_async(&mut link.connection().await?).await,
                }
            })
            .await?;
        self.void_strays().await;
        Ok(runs.into_iter().filter_map(|(node, info)| Some((node, run_id(&info)?.to_owned()))).collect())
    }

    fn set_epoch(&self, epoch: i64) {
        self.epoch.store(epoch, Ordering::Release);
    }

    fn health(&self) -> Health {
        if self.circuit.is_open() { Health::Degraded } else { Health::Ready }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn run_id(info: &str) -> Option<&str> {
    info.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::trim)
}

/// The last refusal of what was granted, and how long ago it ended when it was.
struct Last {
    quiet: Duration,
    refused: Refused,
}

impl Last {
    /// Whether it may have been told since `asking` came; the way of the answer counts as well.
    fn is_since(&self, asking: &Asking) -> bool {
        self.quiet <= asking.since.elapsed()
    }
}

/// Reads what `reserve.lua` answers to what was asked at `asked_at`.
fn read_verdict(reply: Value, asked_at: Instant) -> Option<(Verdict, Option<Last>)> {
    let parts: Vec<Value> = from_redis_value(reply).ok()?;
    let mut parts = parts.into_iter();
    let name: String = from_redis_value(parts.next()?).ok()?;
    let shortage = match name.as_str() {
        "granted" => return Some((Verdict::Granted, read_last(parts, asked_at))),
        "known" => return Some((Verdict::Known, None)),
        "unsure" => return Some((Verdict::Unsure, None)),
        "cold" => return Some((Verdict::Cold, None)),
        "sold_out" => Shortage::SoldOut,
        "closed" => Shortage::Closed,
        _ => return None,
    };
    let stock: String = from_redis_value(parts.next()?).ok()?;
    let free: u32 = from_redis_value(parts.next()?).ok()?;
    let lapses_ms: i64 = from_redis_value(parts.next()?).ok()?;
    let known: String = from_redis_value(parts.next()?).ok()?;
    let partial: bool = from_redis_value(parts.next()?).ok()?;
    let repeat_ms: u64 = from_redis_value(parts.next()?).ok()?;
    let refused = Refused {
        stock: stock.parse().ok()?,
        shortage,
        free,
        lapses_at: (lapses_ms > 0).then(|| DateTime::from_timestamp_millis(lapses_ms)).flatten(),
        until: asked_at + Duration::from_millis(repeat_ms),
        known: known.split_terminator(',').filter_map(|digest| digest.parse().ok()).collect(),
        partial,
    };
    Some((Verdict::Refused(refused), None))
}

fn read_last(mut parts: impl Iterator<Item = Value>, asked_at: Instant) -> Option<Last> {
    let quiet_ms: i64 = from_redis_value(parts.next()?).ok()?;
    let quiet = Duration::from_millis(quiet_ms.try_into().ok()?);
    let stock: String = from_redis_value(parts.next()?).ok()?;
    let refused = Refused {
        stock: stock.parse().ok()?,
        shortage: Shortage::SoldOut,
        free: from_redis_value(parts.next()?).ok()?,
        lapses_at: None,
        until: asked_at,
        known: Vec::new(),
        partial: true,
    };
    Some(Last { quiet, refused })
}

/// Reads a `stock:<id>` field; `None` for every other one.
fn read_stock(field: &str, value: &str) -> Option<Stock> {
    let id: StockId = field.strip_prefix("stock:")?.parse().ok()?;
    let mut numbers = value.split(' ');
    Some(Stock {
        id,
        capacity: numbers.next()?.parse().ok()?,
        used: numbers.next()?.parse().ok()?,
        open: numbers.next()? == "1",
        version: numbers.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests;
