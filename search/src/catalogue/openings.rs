//! What is open at an instant.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use linli_domain::{
    calendar::Calendar,
    hours::{Schedule, State},
};

use super::{Facts, Snapshot};

/// The state of every schedule in one minute, each worked out when it is first asked for.
pub struct Openings {
    minute: i64,
    at: DateTime<Utc>,
    calendar: Arc<Calendar>,
    schedules: Box<[Arc<Schedule>]>,
    states: Box<[OnceLock<State>]>,
}

/// Opening times are whole minutes, so one answer holds for a minute.
pub(super) fn minute_of(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(60)
}

impl Openings {
    pub(super) fn new(at: DateTime<Utc>, snapshot: &Snapshot) -> Self {
        let schedules: Box<[_]> = snapshot.schedules.iter().cloned().collect();
        let states = schedules.iter().map(|_| OnceLock::new()).collect();
        Self { minute: minute_of(at), at, calendar: snapshot.calendar.clone(), schedules, states }
    }

    pub(super) fn is_for(&self, at: DateTime<Utc>) -> bool {
        self.minute == minute_of(at)
    }

    /// The instant.
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// What the facility's hours say.
    pub fn state(&self, facts: &Facts) -> &State {
        let at = facts.schedule as usize;
        self.states[at].get_or_init(|| self.schedules[at].state_at(self.at, &self.calendar))
    }

    /// Whether one can go in: it works and its hours say so; `None` when the hours are unknown.
    pub fn is_open(&self, facts: &Facts) -> Option<bool> {
        if facts.status.operates() { self.state(facts).open } else { Some(false) }
    }
}
