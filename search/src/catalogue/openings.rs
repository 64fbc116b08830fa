//! What is open at an instant.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};
use linli_domain::{
    calendar::Calendar,
    hours::{Moment, Schedule, State},
    time::{instant, local_date},
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

/// A time that people say in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Some time on the coming Saturday or Sunday.
    Weekend,
    /// At eight this evening.
    Evening,
    /// At three in the coming night.
    AllNight,
}

const EVENING_MINUTE: i32 = 20 * 60;
const NIGHT_MINUTE: i32 = 3 * 60;

/// What is open then, schedule by schedule, each worked out when it is first asked for.
pub(crate) struct OpenThen<'a> {
    then: Then,
    today: NaiveDate,
    openings: &'a Openings,
    answers: Box<[OnceLock<bool>]>,
}

impl<'a> OpenThen<'a> {
    pub(crate) fn new(then: Then, now: DateTime<Utc>, openings: &'a Openings) -> Self {
        let answers = openings.schedules.iter().map(|_| OnceLock::new()).collect();
        Self { then, today: local_date(now), openings, answers }
    }

    /// Whether its hours say that it is open then; what is unknown is not said.
    pub(crate) fn holds(&self, facts: &Facts) -> bool {
        let at = facts.schedule as usize;
        facts.status.operates()
            && *self.answers[at].get_or_init(|| self.evaluate(&self.openings.schedules[at]))
    }

    fn evaluate(&self, schedule: &Schedule) -> bool {
        let calendar = &self.openings.calendar;
        let open_at =
            |date, minute| schedule.is_open_at(&Moment::new(instant(date, minute), calendar)) == Some(true);
        match self.then {
            Then::Evening => open_at(self.today, EVENING_MINUTE),
            Then::AllNight => open_at(self.today + Days::new(1), NIGHT_MINUTE),
            Then::Weekend => {
                let opens = |date| schedule.spans_on(date, calendar).is_some_and(|spans| !spans.is_empty());
                let first = match self.today.weekday() {
                    Weekday::Sun => self.today,
                    day => self.today + Days::new(u64::from(5 - day.num_days_from_monday())),
                };
                opens(first) || (first.weekday() == Weekday::Sat && opens(first + Days::new(1)))
            }
        }
    }
}
