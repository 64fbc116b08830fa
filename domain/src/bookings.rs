//! Bookings 预约: who comes when, and how a booking's life moves.
//!
//! A booking holds its claim while it is live; every move out of a live state gives the claim back,
//! exactly once, because only one move out of a state can succeed.

use chrono::{DateTime, Utc};

use crate::{
    Code, Refusal,
    ids::{ResidentId, StaffId},
    rooms::BookingRules,
};

/// How many characters a purpose or a reason may have.
pub const MAX_TEXT_CHARS: usize = 200;

/// How many slots one booking may join.
pub const MAX_SLOTS: usize = 16;

/// How many people come, the booker included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartySize(u16);

impl PartySize {
    /// At least one person, and no more than fit.
    pub fn new(people: i64, rules: &BookingRules) -> Result<Self, Refusal> {
        let Some(people) = u16::try_from(people).ok().filter(|people| *people > 0) else {
            let (zh, en) = ("人数至少为 1", "At least one person comes.");
            return Err(Refusal::field("party_size", "out_of_range", zh, en));
        };
        if people > rules.max_party_size {
            let most = rules.max_party_size;
            return Err(Refusal::new(Code::PartyTooLarge).with_detail(
                format!("这个房间最多容纳 {most} 人"),
                format!("This room takes {most} people at the most."),
            ));
        }
        Ok(Self(people))
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// When one slot starts and ends.
pub type Times = (DateTime<Utc>, DateTime<Utc>);

/// Joins slots into one stay: each begins when the one before ends.
pub fn join(slots: &mut [Times]) -> Result<Times, Refusal> {
    slots.sort_unstable();
    let gapless = slots.windows(2).all(|pair| pair[0].1 == pair[1].0);
    match (slots.first(), slots.last()) {
        (Some(first), Some(last)) if gapless => Ok((first.0, last.1)),
        _ => Err(Code::SlotsNotContiguous.into()),
    }
}

/// Who cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelledBy {
    /// The resident.
    Resident(ResidentId),
    /// The facility's staff.
    Staff(StaffId),
}

/// Where a booking stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The room is theirs.
    Confirmed,
    /// Given back.
    Cancelled {
        /// By whom.
        by: CancelledBy,
        /// When.
        at: DateTime<Utc>,
        /// Why, if they said.
        reason: Option<String>,
    },
}

impl State {
    /// Stable name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// Whether the booking holds its claim.
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Confirmed)
    }

    /// Gives the booking back. A resident has until `deadline`; staff have as long as it takes.
    pub fn cancel(
        &self,
        by: CancelledBy,
        reason: Option<String>,
        deadline: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        match (self, by) {
            (Self::Cancelled { .. }, _) => Err(Code::BookingAlreadyCancelled.into()),
            (Self::Confirmed, CancelledBy::Resident(_)) if now > deadline => {
                Err(Code::TooLateToCancel.into())
            }
            (Self::Confirmed, _) => Ok(Self::Cancelled { by, at: now, reason }),
        }
    }
}

/// A short free text: trimmed, without control characters, at most [`MAX_TEXT_CHARS`] long.
pub fn short_text(field: &'static str, text: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(text) = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > MAX_TEXT_CHARS {
        return Err(Refusal::field(field, "too_long", "最多 200 个字", "At most 200 characters."));
    }
    if text.chars().any(char::is_control) {
        let (zh, en) = ("不能含有控制字符", "No control characters.");
        return Err(Refusal::field(field, "control_character", zh, en));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration;
    use uuid::Uuid;

    const RULES: BookingRules = BookingRules {
        max_party_size: 10,
        lead: Duration::zero(),
        horizon_days: 14,
        cancel_until: Duration::zero(),
    };

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::minutes(minute)
    }

    #[test]
    fn party_size_is_one_to_what_fits() {
        let code =
            |people| PartySize::new(people, &RULES).map(PartySize::get).map_err(|refusal| refusal.code);
        assert_eq!(code(0), Err(Code::InvalidInput));
        assert_eq!(code(-1), Err(Code::InvalidInput));
        assert_eq!(code(10), Ok(10));
        assert_eq!(code(11), Err(Code::PartyTooLarge));
        assert_eq!(code(i64::MAX), Err(Code::InvalidInput));
    }

    #[test]
    fn slots_join_without_gap_and_without_overlap() {
        let stay = |slots: &[(i64, i64)]| {
            join(&mut slots.iter().map(|&(a, b)| (at(a), at(b))).collect::<Vec<_>>())
                .map_err(|refusal| refusal.code)
        };
        assert_eq!(stay(&[(60, 90), (30, 60)]), Ok((at(30), at(90))));
        for bad in [&[][..], &[(0, 30), (60, 90)], &[(0, 60), (30, 90)], &[(0, 30), (0, 30)]] {
            assert_eq!(stay(bad), Err(Code::SlotsNotContiguous), "{bad:?}");
        }
    }

    #[test]
    fn a_booking_moves_only_along_its_table() {
        let resident = CancelledBy::Resident(Uuid::from_u128(1).into());
        let staff = CancelledBy::Staff(Uuid::from_u128(2).into());
        let cancel =
            |state: &State, by, now| state.cancel(by, None, at(10), at(now)).map_err(|refusal| refusal.code);
        assert!(cancel(&State::Confirmed, resident, 10).is_ok());
        assert_eq!(cancel(&State::Confirmed, resident, 11), Err(Code::TooLateToCancel));
        let cancelled = cancel(&State::Confirmed, staff, 11).unwrap();
        assert!(!cancelled.is_live());
        for by in [resident, staff] {
            assert_eq!(cancel(&cancelled, by, 5), Err(Code::BookingAlreadyCancelled));
        }
    }

    #[test]
    fn free_text_is_short_and_printable() {
        assert_eq!(short_text("purpose", Some("  合唱  ".into())), Ok(Some("合唱".into())));
        assert_eq!(short_text("purpose", Some("   ".into())), Ok(None));
        assert!(short_text("purpose", Some("字".repeat(201))).is_err());
        assert!(short_text("purpose", Some("a\u{0}b".into())).is_err());
    }
}
