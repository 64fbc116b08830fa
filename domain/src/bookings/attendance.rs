//! Check-in 签到: who came, how they showed it, and until when they are waited for.
//!
//! A six-digit code is what a person of eighty can say at the counter; a pass is the same for a scanner.
//! The pass changes every half minute, so a picture of it that was passed on is of no use.

use std::fmt;

use chrono::{DateTime, Duration, Utc};

use crate::{
    Code, Refusal,
    bookings::message,
    ids::{ResidentId, StaffId},
    vocabulary::vocabulary,
};

vocabulary! {
    /// How somebody showed that they are here.
    CheckInBy {
        Code, "code", "签到码", "By the code";
        Pass, "pass", "扫码", "By the pass";
        List, "list", "名单", "From the list";
        Door, "door", "扫门口的码", "By the code at the door";
        WalkIn, "walk_in", "现场", "As a walk-in";
    }
}

/// Who checked somebody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedInBy {
    /// Themselves, or a family member.
    Resident(ResidentId),
    /// The facility's staff.
    Staff(StaffId),
}

/// That somebody came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: DateTime<Utc>,
    /// Who noted it.
    pub by: CheckedInBy,
    /// How they showed it.
    pub how: CheckInBy,
}

/// When one can check in.
#[derive(Clone, Copy, Debug)]
pub struct CheckInWindow {
    /// From then on.
    pub opens_at: DateTime<Utc>,
    /// When the booking ends.
    pub ends_at: DateTime<Utc>,
}

impl CheckInWindow {
    /// Whether it is open.
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        if now >= self.ends_at {
            return Err(Code::BookingOver.into());
        }
        if now < self.opens_at {
            let (zh, en) = (message::when_zh(self.opens_at, None), message::when_en(self.opens_at, None));
            return Err(Refusal::new(Code::CheckInTooEarly)
                .with_detail(format!("{zh}起可以签到"), format!("Check-in opens {en}.")));
        }
        Ok(())
    }
}

/// How long before the start one can check in where nobody said otherwise.
pub const CHECK_IN_BEFORE: Duration = Duration::minutes(30);

/// The code that a booking is found by at its facility on its day: six digits, and not for logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CheckInCode(u32);

const CODES: u32 = 1_000_000;

impl CheckInCode {
    /// A code out of random bytes.
    pub const fn of(random: [u8; 8]) -> Self {
        Self((u64::from_be_bytes(random) % CODES as u64) as u32)
    }

    /// Reads six digits; spaces between them are how people say them.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let six = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit());
        six.then(|| digits.parse().ok().map(Self)).flatten()
    }

    /// The six digits, for the row and for whom it belongs to.
    pub fn expose(self) -> String {
        format!("{:06}", self.0)
    }
}

impl fmt::Debug for CheckInCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CheckInCode(******)")
    }
}

/// How long a pass stays the same, in seconds.
pub const PASS_STEP_S: i64 = 30;

/// The step of a pass that is shown at `now`.
pub fn pass_step(now: DateTime<Utc>) -> u32 {
    u32::try_from(now.timestamp().div_euclid(PASS_STEP_S)).unwrap_or(0)
}

/// When the pass of `step` is followed by the next one.
pub fn pass_ends(step: u32) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Duration::seconds((i64::from(step) + 1) * PASS_STEP_S)
}

/// Whether a pass of `step` counts at `now`: the clocks of two devices are half a minute apart at most.
pub fn pass_counts(step: u32, now: DateTime<Utc>) -> bool {
    pass_step(now).abs_diff(step) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_code_has_six_digits_and_reads_back(random: [u8; 8]) {
            let code = CheckInCode::of(random);
            prop_assert_eq!(code.expose().len(), 6);
            prop_assert_eq!(CheckInCode::parse(&code.expose()), Some(code));
            let printed = format!("{code:?}");
            prop_assert!(!printed.contains(&code.expose()));
        }

        #[test]
        fn a_pass_counts_in_its_step_and_the_ones_beside_it(second in 60_i64..4_000_000_000, late in -300_i64..300) {
            let at = |second| DateTime::UNIX_EPOCH + Duration::seconds(second);
            let step = pass_step(at(second));
            prop_assert!(at(second) < pass_ends(step));
            let counts = pass_counts(step, at(second + late));
            prop_assert!(counts || late.abs() >= PASS_STEP_S);
            prop_assert!(!counts || late.abs() < 2 * PASS_STEP_S);
        }
    }

    #[test]
    fn a_code_is_six_digits_and_nothing_else() {
        assert_eq!(CheckInCode::parse("042 137"), CheckInCode::parse("042137"));
        for text in ["", "12345", "1234567", "12345a", "１２３４５６", "-12345"] {
            assert_eq!(CheckInCode::parse(text), None, "{text}");
        }
    }
}
