//! What clients saw: every request with the moments it began and ended, and what came of it.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Microseconds since the run began, on the one clock of the client program.
pub type Micros = u64;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which resident.
    pub client: u32,
    /// Their idempotency key.
    pub key: String,
    /// What they asked for.
    pub op: Op,
    /// Before the first byte left.
    pub began: Micros,
    /// When the answer was there, or when waiting for it ended.
    pub ended: Micros,
    /// What came of it.
    pub outcome: Outcome,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Book these slots.
    Create {
        /// Their ids.
        slots: Vec<String>,
    },
    /// Give this booking back.
    Cancel {
        /// Its id.
        booking: String,
    },
    /// Have these slots instead.
    Move {
        /// The booking's id, which it keeps.
        booking: String,
        /// The ids of the slots wanted.
        slots: Vec<String>,
    },
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, with this booking.
    Done {
        /// Its id.
        booking: String,
        /// Whether the answer says that an earlier request had this effect.
        replayed: bool,
    },
    /// It was refused: there is no effect.
    Refused {
        /// The stable code.
        code: String,
    },
    /// The server failed and says so: whether there is an effect is not known.
    Failed {
        /// HTTP status.
        status: u16,
        /// The stable code.
        code: String,
    },
    /// No answer: whether there is an effect is not known.
    Unknown,
}

impl Outcome {
    /// Whether the client cannot know if there is an effect.
    pub const fn is_uncertain(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Unknown)
    }
}

/// Collects the calls of one run.
#[derive(Debug)]
pub struct Recorder {
    started: Instant,
    calls: Mutex<Vec<Call>>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { started: Instant::now(), calls: Mutex::default() }
    }
}

impl Recorder {
    /// Now.
    pub fn now(&self) -> Micros {
        Micros::try_from(self.started.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }

    /// Adds a call.
    pub fn record(&self, call: Call) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    /// How many calls have ended.
    pub fn ended(&self) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Everything so far, in the order of its beginning.
    pub fn calls(&self) -> Vec<Call> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        calls.sort_by_key(|call| call.began);
        calls
    }
}
