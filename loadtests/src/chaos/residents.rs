//! What residents do: book, give back, and try again on another server when no answer comes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use linli_loadtests::{
    client::{Crowd, Person, Wish, patience},
    history::Outcome,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::task::JoinHandle;

use super::Town;

/// How they behave.
#[derive(Clone, Copy)]
pub(super) struct Habits {
    pub(super) gives_up: bool,
    pub(super) until: Instant,
    pub(super) seed: u64,
}

/// How long until they try again, in turn.
const RETRY_AFTER_MS: [u64; 3] = [1, 10, 1_000];
/// Tries of one wish.
const TRIES: usize = 40;
/// How long the patient ones wait.
const PATIENCE: Duration = Duration::from_secs(15);

/// Starts everybody.
pub(super) fn live(town: &Town, habits: Habits) -> Vec<JoinHandle<()>> {
    let rooms = Arc::new(town.rooms.clone());
    let start = |person: &Person| {
        let resident = Resident {
            person: person.clone(),
            bases: town.bases.clone(),
            crowd: town.crowd.clone(),
            rng: StdRng::seed_from_u64(habits.seed.wrapping_mul(1_000_003) + u64::from(person.id)),
            habits,
        };
        tokio::spawn(resident.live(Arc::clone(&rooms)))
    };
    town.people.iter().map(start).collect()
}

struct Resident {
    person: Person,
    bases: Vec<String>,
    crowd: Crowd,
    rng: StdRng,
    habits: Habits,
}

impl Resident {
    async fn live(mut self, rooms: Arc<Vec<(String, Vec<String>)>>) {
        let mut has: Vec<String> = Vec::new();
        for turn in 0_u32.. {
            if Instant::now() > self.habits.until {
                return;
            }
            if !has.is_empty() && self.rng.random_bool(0.6) {
                let booking = has.swap_remove(0);
                self.cancel(&booking, turn).await;
            } else {
                let (room, slots) = &rooms[self.rng.random_range(0..rooms.len())];
                let slot = slots[self.rng.random_range(0..slots.len())].clone();
                has.extend(self.book(room, slot, turn).await);
            }
            let pause = self.rng.random_range(0..20);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Tries until somebody says yes or no.
    async fn book(&mut self, room: &str, slot: String, turn: u32) -> Option<String> {
        let mut wish = Wish {
            base: self.base(turn as usize),
            person: self.person.clone(),
            key: format!("b{turn}"),
            room: room.to_owned(),
            slots: vec![slot],
        };
        for attempt in 0..TRIES {
            let limit = self.limit(attempt);
            match self.crowd.create(&wish, patience(limit)).await {
                Outcome::Done { booking, .. } => return Some(booking),
                Outcome::Refused { code } if code != "idempotency_in_progress" => return None,
                _ => {}
            }
            wish.base = self.base(turn as usize + attempt + 1);
            tokio::time::sleep(Duration::from_millis(RETRY_AFTER_MS[attempt % 3])).await;
        }
        None
    }

    async fn cancel(&mut self, booking: &str, turn: u32) {
        let key = format!("c{turn}");
        for attempt in 0..TRIES {
            let base = self.base(turn as usize + attempt);
            let limit = self.limit(attempt);
            match self.crowd.cancel(&base, &self.person, &key, booking, patience(limit)).await {
                Outcome::Done { .. } => return,
                Outcome::Refused { code } if code != "idempotency_in_progress" => return,
                _ => tokio::time::sleep(Duration::from_millis(RETRY_AFTER_MS[attempt % 3])).await,
            }
        }
    }

    fn base(&self, at: usize) -> String {
        self.bases[at % self.bases.len()].clone()
    }

    /// Who gives up does so at the first try, somewhere in the middle of the work.
    fn limit(&mut self, attempt: usize) -> Duration {
        if self.habits.gives_up && attempt == 0 && self.rng.random_bool(0.4) {
            return Duration::from_millis(self.rng.random_range(1..40));
        }
        PATIENCE
    }
}
