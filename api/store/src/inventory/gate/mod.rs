//! The gate: says "no" in one round trip, so that a rush never reaches the database.
//!
//! It may be wrong, stale, empty or dead, and still nothing is oversold: only SQL says "yes". So no
//! answer of the gate is an error, and what it missed is told again by `gate.sync`.

mod circuit;
mod open;
mod redis;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use linli_domain::inventory::{KeyDigest, Need, Shortage, Stock, Tag};

use crate::{Env, arrival};

pub use self::{
    open::OpenGate,
    redis::{RedisGate, RedisGateOptions},
};

/// What the gate knows of a stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockState {
    /// The row.
    pub stock: Stock,
    /// When the first SQL hold on it lapses; a refusal after that asks SQL.
    pub lapses_at: Option<DateTime<Utc>>,
    /// Whose claims live on it.
    pub live: Vec<KeyDigest>,
    /// Whose claims on it ended while their answers can still be replayed.
    pub past: Vec<KeyDigest>,
}

/// Who asks a gate or a cache.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// Name of the request.
    pub digest: KeyDigest,
    /// The time.
    pub now: DateTime<Utc>,
    /// When the request arrived. It is refused what anybody was refused since: a retry of it may be
    /// among those, and what was refused in the end must not be done in secret.
    pub since: Instant,
    /// The same on the clock of the database's times.
    pub arrived: DateTime<Utc>,
    /// How long a refusal may be repeated without asking again.
    pub repeated: Duration,
}

impl Asking {
    /// On behalf of the request that is being served.
    pub fn new(digest: KeyDigest, env: &Env, repeated: Duration) -> Self {
        let (since, now) = (arrival::since(), env.now());
        let age = since.elapsed().as_millis().try_into().unwrap_or(i64::MAX);
        let arrived = now.checked_sub_signed(TimeDelta::milliseconds(age)).unwrap_or(now);
        Self { digest, now, since, arrived, repeated }
    }
}

/// A stock that cannot give what was asked, with what a cache needs to repeat the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which stock.
    pub stock: linli_domain::ids::StockId,
    /// Why.
    pub shortage: Shortage,
    /// Units still free; fewer than were asked for.
    pub free: u32,
    /// When a hold on it lapses, and the answer must not be repeated any more.
    pub lapses_at: Option<DateTime<Utc>>,
    /// How long it may be repeated at most: until then nobody gets more than `free`.
    pub until: Instant,
    /// Whose claims or holds are or were on it: a retry of theirs must not be refused.
    pub known: Vec<KeyDigest>,
    /// Whether `known` lacks some who were: only the idempotency record tells a retry from a newcomer.
    pub partial: bool,
}

/// How many ended claims the gate remembers on one stock. A stock with more says so, and whoever it
/// refuses is looked up.
pub(super) const MOST_PAST: usize = 256;

/// The gate's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Units are held; SQL decides.
    Granted,
    /// A claim under this key lives here: the idempotency record has the answer.
    Known,
    /// No. SQL is not asked.
    Refused(Refused),
    /// Full as far as it knows, but a SQL hold has lapsed since, or a claim counts as one that was made and as
    /// one under way because its end is still to be told: SQL decides.
    Unsure,
    /// Not loaded: unknown, never free.
    Cold,
    /// The gate did not answer.
    Unavailable,
}

/// How a hold ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The claim is committed and lives on its stocks.
    Committed,
    /// A live claim was given back.
    Released,
    /// No claim came of it.
    Void,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Released => "released",
            Self::Void => "void",
        }
    }
}

/// When the first hold on a stock lapses, as a settle knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapses {
    /// What the gate believes stays.
    AsBefore,
    /// Then at the latest: one more hold lives there.
    NotAfter(DateTime<Utc>),
    /// Exactly then, or never.
    At(Option<DateTime<Utc>>),
}

/// A stock as a transaction left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The row.
    pub stock: Stock,
    /// When the first hold on it lapses.
    pub lapses: Lapses,
}

/// The gate could not be reached; the caller may try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the gate does not answer")]
pub struct Away;

/// How the gate stands, for `/readyz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Ready,
    /// Everyone is admitted by configuration.
    Open,
    /// It does not answer: everyone is admitted until it does.
    Degraded,
}

/// One node of the gate with the run id of its process.
pub type NodeRun = (String, String);

/// The gate's two forms share this.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Holds `needs` under one tag, all or nothing.
    async fn reserve(&self, tag: &Tag, asking: &Asking, needs: &[Need]) -> Verdict;

    /// Ends the hold `digest` and tells the numbers the transaction returned. Best effort.
    async fn settle(&self, tag: &Tag, digest: KeyDigest, outcome: Outcome, stocks: &[Settled]);

    /// Loads a cold tag under the current epoch.
    async fn load(&self, tag: &Tag, states: &[StockState]) -> Result<(), Away>;

    /// Tells the absolute state of stocks; a tag that is not loaded stays so.
    async fn sync(&self, tag: &Tag, states: &[StockState]) -> Result<(), Away>;

    /// Marks a tag cold after SQL refused what the gate had granted.
    async fn forget(&self, tag: &Tag);

    /// What a loaded tag says of its stocks, for the reconciler; `None` when it is cold.
    async fn dump(&self, tag: &Tag) -> Result<Option<Vec<Stock>>, Away>;

    /// The nodes and the run ids of their processes: a changed one bumps the epoch.
    async fn runs(&self) -> Result<Vec<NodeRun>, Away>;

    /// The epoch all further calls are made under.
    fn set_epoch(&self, epoch: i64);

    /// How it stands.
    fn health(&self) -> Health;
}
