//! The status of a facility, and the only moves between its states.

use crate::{Code, Refusal, vocabulary::vocabulary};

vocabulary! {
    /// Where a facility stands in its life.
    FacilityStatus {
        /// Not public yet.
        Planned, "planned", "筹建", "Planned";
        Trial, "trial", "试运营", "In trial operation";
        Open, "open", "正常开放", "In operation";
        Suspended, "suspended", "暂停开放", "Suspended";
        /// The end: it stays readable, so that a saved link says what became of it.
        Closed, "closed", "已关停", "Closed for good";
    }
}

impl FacilityStatus {
    /// The states that may follow.
    #[expect(clippy::match_same_arms, reason = "a table is read line by line")]
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Planned => &[Self::Trial, Self::Open, Self::Closed],
            Self::Trial => &[Self::Open, Self::Suspended, Self::Closed],
            Self::Open => &[Self::Trial, Self::Suspended, Self::Closed],
            Self::Suspended => &[Self::Trial, Self::Open, Self::Closed],
            Self::Closed => &[],
        }
    }

    /// Moves along the table; staying is no move and always allowed.
    pub fn to(self, next: Self) -> Result<Self, Refusal> {
        if self == next || self.next().contains(&next) {
            Ok(next)
        } else {
            Err(Refusal::new(Code::FacilityStatusInvalid))
        }
    }

    /// Whether residents find it by nearby and search.
    pub const fn listed(self) -> bool {
        matches!(self, Self::Trial | Self::Open | Self::Suspended)
    }

    /// Whether residents may read it by its id.
    pub const fn public(self) -> bool {
        !matches!(self, Self::Planned)
    }

    /// Whether it takes anyone in at all, whatever its hours say.
    pub const fn operates(self) -> bool {
        matches!(self, Self::Trial | Self::Open)
    }
}
