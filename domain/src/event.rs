//! Events: hints that say *what to look at*, never *what to do*.
//!
//! A consumer re-reads the current state of the subject, so events may be
//! repeated, merged or late, and a periodic full scan repairs what they missed.

use uuid::Uuid;

use crate::ids::{BookingId, ClaimId, FacilityId, StockId};

/// Something changed; look at it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A facility, its services, hours, notices or status changed.
    FacilityChanged(FacilityId),
    /// The statutory calendar changed.
    CalendarChanged,
    /// Somebody wants to be sure: every catalogue is to be compared with the tables.
    CatalogueDoubted,
    /// A stock changed: send its absolute state to the gate.
    GateSync(StockId),
    /// A hold lapsed and gave back what it had: whoever it was for has lost it.
    ClaimLapsed(ClaimId),
    /// A booking was made, moved or cancelled.
    BookingChanged(BookingId),
    /// Who waits for something was offered it, or need not wait any longer.
    WaitingChanged(ClaimId),
}

impl Event {
    /// The stable name of the topic.
    pub const fn topic(self) -> &'static str {
        match self {
            Self::FacilityChanged(_) => "facility.changed",
            Self::CalendarChanged => "calendar.changed",
            Self::CatalogueDoubted => "catalogue.doubted",
            Self::GateSync(_) => "gate.sync",
            Self::ClaimLapsed(_) => "claim.lapsed",
            Self::BookingChanged(_) => "booking.changed",
            Self::WaitingChanged(_) => "waiting.changed",
        }
    }

    /// The subject, nil where the topic has only one.
    pub const fn subject(self) -> Uuid {
        match self {
            Self::FacilityChanged(id) => id.0,
            Self::CalendarChanged | Self::CatalogueDoubted => Uuid::nil(),
            Self::GateSync(id) => id.0,
            Self::ClaimLapsed(id) => id.0,
            Self::BookingChanged(id) => id.0,
            Self::WaitingChanged(id) => id.0,
        }
    }

    /// Reads an event back from its row; `None` for a topic this version does not know.
    pub fn parse(topic: &str, subject: Uuid) -> Option<Self> {
        Some(match topic {
            "facility.changed" => Self::FacilityChanged(subject.into()),
            "calendar.changed" => Self::CalendarChanged,
            "catalogue.doubted" => Self::CatalogueDoubted,
            "gate.sync" => Self::GateSync(subject.into()),
            "claim.lapsed" => Self::ClaimLapsed(subject.into()),
            "booking.changed" => Self::BookingChanged(subject.into()),
            "waiting.changed" => Self::WaitingChanged(subject.into()),
            _ => return None,
        })
    }
}
