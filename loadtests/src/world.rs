//! What there was to book, and what is booked when everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::Micros;

/// What may run out: a quarter of an hour of a room, the places of a shared slot, a resident's quota.
pub type Unit = String;

/// How many a resident may have of some slots.
#[derive(Clone, Debug)]
pub struct Quota {
    /// The most at any time.
    pub limit: usize,
    /// The slots it counts.
    pub slots: BTreeSet<String>,
}

/// What there was to book. Made by whoever arranged the run, never asked of the server.
#[derive(Clone, Debug, Default)]
pub struct World {
    slots: BTreeMap<String, BTreeSet<Unit>>,
    capacity: BTreeMap<Unit, usize>,
    quotas: Vec<Quota>,
}

impl World {
    /// A slot that takes these units, of each of which there is one.
    pub fn slot(&mut self, id: impl Into<String>, units: impl IntoIterator<Item = Unit>) {
        self.slots.entry(id.into()).or_default().extend(units);
    }

    /// A slot of rooms from one minute of the day to another: the same minute of the same room is
    /// one unit, whichever slot it belongs to.
    pub fn room_time(&mut self, id: impl Into<String>, rooms: &[&str], date: &str, minutes: (u32, u32)) {
        /// Every grid is a multiple.
        const GRAIN: usize = 15;
        let cells = rooms.iter().flat_map(|room| {
            (minutes.0..minutes.1).step_by(GRAIN).map(move |minute| format!("{room} {date} {minute}"))
        });
        self.slot(id, cells);
    }

    /// A slot that several may have.
    pub fn shared(&mut self, id: impl Into<String>, places: usize) {
        let id = id.into();
        let unit = format!("places of {id}");
        self.capacity.insert(unit.clone(), places);
        self.slot(id, [unit]);
    }

    /// Limits every resident.
    pub fn quota(&mut self, quota: Quota) {
        self.quotas.push(quota);
    }

    /// Ids of the slots.
    pub fn slots(&self) -> impl Iterator<Item = &str> {
        self.slots.keys().map(String::as_str)
    }

    /// How many there are of a unit.
    pub fn capacity(&self, unit: &str) -> usize {
        self.capacity.get(unit).copied().unwrap_or(1)
    }

    /// What slots take.
    pub fn units(&self, slots: &[String]) -> BTreeSet<Unit> {
        slots.iter().filter_map(|slot| self.slots.get(slot)).flatten().cloned().collect()
    }

    /// The quotas that a resident's booking of slots counts in, as units with their limits.
    pub(crate) fn quotas(&self, client: u32, slots: &[String]) -> Vec<(Unit, usize)> {
        let counts = |quota: &&Quota| slots.iter().any(|slot| quota.slots.contains(slot));
        let named = |(index, quota): (usize, &Quota)| (format!("quota {index} of {client}"), quota.limit);
        self.quotas.iter().enumerate().filter(|(_, quota)| counts(quota)).map(named).collect()
    }

    pub(crate) fn limit(&self, unit: &str) -> usize {
        let quota =
            unit.strip_prefix("quota ").and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
        match quota.and_then(|index| self.quotas.get(index)) {
            Some(quota) => quota.limit,
            None => self.capacity(unit),
        }
    }
}

/// A booking as the server has it in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub id: String,
    /// Whose it is, where the run knows the resident.
    pub client: Option<u32>,
    /// Its slots.
    pub slots: Vec<String>,
    /// Whether it takes them.
    pub live: bool,
}

/// What the server says once nothing is under way any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AtRest {
    /// Every booking there is.
    pub bookings: Vec<Kept>,
    /// Units free in each slot, as the list for residents says.
    pub free: BTreeMap<String, usize>,
}

/// How long the server may be behind.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// A refusal may rest on what was true this much earlier.
    pub stale: Micros,
    /// A hold may outlive the request that took it and got no answer by this much.
    pub hold: Micros,
    /// Whether 503 is an answer, because the run takes something away that the server needs.
    pub unavailable: bool,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { stale: 1_000_000, hold: 11_000_000, unavailable: false }
    }
}
