//! What is left today, for lists of facilities: a view of this process that is at most a second old.
//!
//! A list never fails for it and hardly waits: what is not known in time is not said. Facilities
//! without rooms, which are most, cost a look into a set.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use linli_domain::{bookings::left, ids::FacilityId};
use linli_store::{Error, storage::rooms};
use moka::future::Cache;

use super::plan::AGE;
use crate::{App, app::views::seen};

/// How long a list waits.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long nobody waits after that was in vain.
const SILENCE: Duration = Duration::from_secs(1);
/// Facilities looked up at once.
const AT_ONCE: usize = 500;
/// Facilities remembered; beyond, those of earlier seconds are forgotten.
const MOST_KNOWN: usize = 20_000;

/// What is known, and who wants to know more.
pub struct Left {
    with_rooms: Cache<(), Arc<HashSet<FacilityId>>>,
    state: Mutex<State>,
    /// Whoever has it looks up what all who wait for it want.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    known: HashMap<FacilityId, Known>,
    wanted: HashSet<FacilityId>,
    /// Until when nobody asks, since the database did not answer.
    silent_until: Option<Instant>,
}

/// What was left, and when that was looked up.
#[derive(Clone, Copy)]
struct Known {
    since: Instant,
    left: Option<u32>,
}

impl Default for Left {
    fn default() -> Self {
        Self {
            with_rooms: Cache::builder().max_capacity(1).time_to_live(AGE).build(),
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

/// What residents can still book today at each of `facilities`, in their order; `None` where there is
/// nothing to book any more, and where it is not known.
pub async fn left_today(app: &App, facilities: &[FacilityId]) -> Vec<Option<u32>> {
    let view = &app.bookings.left;
    if view.state().silent_until.is_none_or(|until| until <= Instant::now()) {
        match tokio::time::timeout(PATIENCE, view.look_up(app, facilities)).await {
            Ok(Ok(left)) => return left,
            Ok(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "what is left today is not known");
            }
            Err(_) => tracing::debug!("what is left today is not known in time"),
        }
        metrics::counter!("linli_left_today_unknown_total").increment(1);
        view.state().silent_until = Some(Instant::now() + SILENCE);
    }
    vec![None; facilities.len()]
}

impl Left {
    async fn look_up(&self, app: &App, facilities: &[FacilityId]) -> Result<Vec<Option<u32>>, Error> {
        let all = || async {
            let all = rooms::any_with_rooms(app.db.read()).await?;
            Ok::<_, Error>(Arc::new(all.into_iter().collect::<HashSet<_>>()))
        };
        let with_rooms = seen(&self.with_rooms, (), |_| true, all).await?;
        let asked: Vec<FacilityId> =
            facilities.iter().filter(|id| with_rooms.contains(id)).copied().collect();
        if asked.is_empty() {
            return Ok(vec![None; facilities.len()]);
        }
        if self.state().wants(&asked) {
            let _turn = self.turn.lock().await;
            // Whoever had the turn before may have looked these up as well.
            let batch = self.state().batch(&asked);
            if !batch.is_empty() {
                let (since, now) = (Instant::now(), app.env.now());
                let slots = rooms::any_left(app.db.read(), &batch, now).await?;
                self.state().learn(batch, since, |id| left(slots.get(id)?.iter().copied(), now));
            }
        }
        let state = self.state();
        Ok(facilities.iter().map(|id| state.known(id, AGE)?.left).collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn known(&self, id: &FacilityId, age: Duration) -> Option<Known> {
        self.known.get(id).copied().filter(|known| known.since.elapsed() < age)
    }

    /// What of `asked` has to be looked up: what would be too old by the time it is told.
    fn missing(&self, asked: &[FacilityId]) -> Vec<FacilityId> {
        asked.iter().filter(|id| self.known(id, AGE - PATIENCE).is_none()).copied().collect()
    }

    /// Notes what of `asked` is missing; whether that is anything.
    fn wants(&mut self, asked: &[FacilityId]) -> bool {
        let missing = self.missing(asked);
        self.wanted.extend(&missing);
        !missing.is_empty()
    }

    /// What to look up now: what of `asked` is missing, with what others wait for; nothing without the former.
    fn batch(&mut self, asked: &[FacilityId]) -> Vec<FacilityId> {
        let mut batch = self.missing(asked);
        if batch.is_empty() {
            return batch;
        }
        let mine: HashSet<FacilityId> = batch.iter().copied().collect();
        let others = self.wanted.iter().filter(|id| !mine.contains(id));
        batch.extend(others.take(AT_ONCE.saturating_sub(mine.len())));
        for id in &batch {
            self.wanted.remove(id);
        }
        batch
    }

    fn learn(&mut self, batch: Vec<FacilityId>, since: Instant, left: impl Fn(&FacilityId) -> Option<u32>) {
        if self.known.len() + batch.len() > MOST_KNOWN {
            self.known.retain(|_, known| known.since.elapsed() < AGE);
        }
        self.known.extend(batch.into_iter().map(|id| (id, Known { since, left: left(&id) })));
    }
}
