//! The pool of schedules: a city has thousands of facilities and a few hundred ways to be open.

use std::{collections::HashMap, sync::Arc};

use linli_domain::hours::Schedule;

/// Distinct schedules, numbered in order of arrival. A schedule that nothing
/// uses any more stays until the catalogue is built anew.
#[derive(Clone, Default)]
pub(crate) struct Schedules {
    all: Vec<Arc<Schedule>>,
    /// Number of each schedule by its written form.
    numbers: HashMap<Arc<str>, u32>,
}

impl Schedules {
    pub(crate) fn intern(&mut self, schedule: &Arc<Schedule>) -> u32 {
        let written = serde_json::to_string(&**schedule).expect("hours are plain data");
        let next = u32::try_from(self.all.len()).expect("fewer than 2^32 schedules");
        let number = *self.numbers.entry(written.into()).or_insert(next);
        if number == next {
            self.all.push(schedule.clone());
        }
        number
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Arc<Schedule>> {
        self.all.get(number as usize)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Schedule>> {
        self.all.iter()
    }
}
