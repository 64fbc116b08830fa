//! Lists of slots as they were at most a second ago, written once for everybody who reads them.
//!
//! At eight o'clock thousands look at the same days. Whoever books or cancels through this process sees it
//! at once, since a list does not outlive what moved on its days; what another process did shows within
//! the second.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, NaiveDate, Utc};
use linli_domain::{Code, ids::RoomId, inventory::Tag};
use linli_store::{Error, storage::rooms as storage};
use moka::future::Cache;

use super::{
    rooms::{self, Slot},
    views::seen,
};
use crate::App;

/// How old a list may be.
const AGE: Duration = Duration::from_secs(1);
/// Lists that are kept at once.
const MOST: u64 = 10_000;

/// The lists of this process.
pub struct SlotLists {
    lists: Cache<(RoomId, NaiveDate, NaiveDate), List>,
    edits: AtomicU64,
}

/// A list, with what tells whether it still stands.
#[derive(Clone)]
struct List {
    written: Arc<str>,
    read_at: Instant,
    /// The same by the clock of the times in it.
    now: DateTime<Utc>,
    tags: Arc<[Tag]>,
    moves: u64,
}

impl Default for SlotLists {
    fn default() -> Self {
        let lists = Cache::builder().max_capacity(MOST).time_to_live(AGE).build();
        Self { lists, edits: AtomicU64::new(0) }
    }
}

impl fmt::Debug for SlotLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotLists").finish_non_exhaustive()
    }
}

impl SlotLists {
    /// Staff changed what can be booked: no list outlives it.
    pub fn edited(&self) {
        self.edits.fetch_add(1, Ordering::Relaxed);
    }
}

/// What moved on the days of a list so far, as this process knows.
fn moves(app: &App, tags: &[Tag]) -> u64 {
    app.slot_lists.edits.load(Ordering::Relaxed).wrapping_add(app.inventory.moves(tags))
}

/// The slots of a room from `from` (today when absent) to `to` (six days on), both included, as `write`
/// writes them.
pub async fn written(
    app: &App,
    id: RoomId,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    write: fn(Vec<Slot>) -> String,
) -> Result<Arc<str>, Error> {
    let now = app.env.now();
    let (from, to) = rooms::days(app, from, to)?;
    let stands = |list: &List| {
        let age = (now - list.now).to_std().unwrap_or_default();
        list.read_at.elapsed().max(age) < AGE && list.moves == moves(app, &list.tags)
    };
    let look_up = || async {
        let room = storage::find_public(app.db.read(), id).await?.ok_or(Code::NotFound)?;
        let days = from.iter_days().take_while(|day| *day <= to);
        let tags: Arc<[Tag]> = days.map(|day| Tag::facility_day(room.facility_id, day)).collect();
        // Before the rows are read, so that nothing that moves meanwhile is missed.
        let (moves, read_at, now) = (moves(app, &tags), Instant::now(), app.env.now());
        let slots = rooms::slots(app, &room, (from, to), now).await?;
        Ok(List { written: write(slots).into(), read_at, now, tags, moves })
    };
    Ok(seen(&app.slot_lists.lists, (id, from, to), stands, look_up).await?.written)
}
