//! What stands against what the bands say: publishing is the difference between the two.
//!
//! Invariants: applied, the slots on offer are exactly the wanted ones and the difference is empty; a
//! booking's slot is kept or *concerned*, never dropped.

use chrono::{DateTime, Utc};

use super::{Face, PlannedSlot};
use crate::ids::SlotId;

/// A slot that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Id.
    pub id: SlotId,
    /// When it starts.
    pub starts_at: DateTime<Utc>,
    /// When it ends, not included.
    pub ends_at: DateTime<Utc>,
    /// How many people share it, if it is not for one party alone.
    pub seats: Option<u16>,
    /// What the room is then; nothing where a day was published by hand.
    pub face: Option<Face>,
    /// Whether it is on offer no more.
    pub withdrawn: bool,
    /// Whether a booking has or wants it.
    pub booked: bool,
}

impl Standing {
    /// Whether it is the slot that is wanted, with other words or another number of seats at most.
    fn is(&self, wanted: &PlannedSlot) -> bool {
        // A slot that was published by hand is whatever the band says of it.
        let function = match (&self.face, &wanted.face) {
            (Some(mine), Some(other)) => mine.function == other.function,
            (None, _) => true,
            (Some(_), None) => false,
        };
        let times = (self.starts_at, self.ends_at) == (wanted.starts_at, wanted.ends_at);
        times && function && self.seats.is_some() == wanted.seats.is_some()
    }

    fn differs(&self, wanted: &PlannedSlot) -> bool {
        self.seats != wanted.seats || self.face != wanted.face
    }
}

/// What publishing has to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Slots that are there as they should be.
    pub keep: usize,
    /// New slots.
    pub create: Vec<PlannedSlot>,
    /// Slots that get other words or another number of seats.
    pub amend: Vec<(SlotId, PlannedSlot)>,
    /// Withdrawn slots that are on offer again.
    pub restore: Vec<(SlotId, PlannedSlot)>,
    /// Slots that are on offer no more.
    pub withdraw: Vec<SlotId>,
    /// Withdrawn slots, now or before, that a booking has or wants.
    pub concerned: Vec<SlotId>,
}

/// What makes `wanted` of what stands.
pub fn difference(standing: &[Standing], wanted: Vec<PlannedSlot>) -> Difference {
    let mut difference = Difference::default();
    let mut settled = vec![false; standing.len()];
    for slot in wanted {
        let same = standing.iter().enumerate().filter(|(at, one)| !settled[*at] && one.is(&slot));
        // What is on offer first, then what somebody has: that one is concerned no more.
        let found = same.min_by_key(|(_, one)| (one.withdrawn, !one.booked));
        let Some((at, one)) = found else {
            difference.create.push(slot);
            continue;
        };
        settled[at] = true;
        match (one.withdrawn, one.differs(&slot)) {
            (true, _) => difference.restore.push((one.id, slot)),
            (false, true) => difference.amend.push((one.id, slot)),
            (false, false) => difference.keep += 1,
        }
    }
    for one in standing.iter().zip(settled).filter(|(_, settled)| !settled).map(|(one, _)| one) {
        if !one.withdrawn {
            difference.withdraw.push(one.id);
        }
        if one.booked {
            difference.concerned.push(one.id);
        }
    }
    difference
}
