//! What a room asks of its bookings beyond time and size: who decides, what it costs, what is kept back.

use chrono::{DateTime, Duration, Utc};

use super::{Channel, State};
use crate::{Refusal, rooms::BookingRules, vocabulary::vocabulary};

vocabulary! {
    /// How a booking becomes firm.
    Approval {
        Auto, "auto", "自动确认", "At once";
        StaffHolds, "staff_holds", "审批，先留位", "Staff decide; the request holds the room";
        StaffCollects, "staff_collects", "审批，不留位", "Staff choose among requests that hold nothing";
    }
}

vocabulary! {
    /// What cancelling is for a resident after the deadline and before the start.
    LateCancel {
        Refused, "refused", "不可自助取消", "They must call";
        Flagged, "flagged", "可取消，记为迟取消", "They can, and it is flagged";
    }
}

/// The policy of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How a booking becomes firm.
    pub approval: Approval,
    /// What one booking costs; 0 is free.
    pub price_fen: u32,
    /// How long the room is kept for somebody who has to pay.
    pub pay_within: Duration,
    /// How long the room is kept for a request that staff decide on.
    pub decide_within: Duration,
    /// What a late cancellation is.
    pub late_cancel: LateCancel,
    /// Whether a resident with a booking here can be nowhere else at the time.
    pub one_place: bool,
    /// Units of each shared slot that only staff can give: by phone, at the counter, to walk-ins.
    pub reserved_units: u16,
}

/// Longest time that a room is kept for a payment or a decision: two weeks.
pub const MAX_KEPT_MINUTES: i32 = 14 * 24 * 60;

/// Highest price of a booking: 10,000 yuan.
pub const MAX_PRICE_FEN: u32 = 1_000_000;

impl Default for Policy {
    fn default() -> Self {
        Self {
            approval: Approval::Auto,
            price_fen: 0,
            pay_within: Duration::minutes(30),
            decide_within: Duration::hours(24),
            late_cancel: LateCancel::Refused,
            one_place: false,
            reserved_units: 0,
        }
    }
}

impl Policy {
    /// Where a booking made at `now` begins its life.
    pub fn begin(&self, starts_at: DateTime<Utc>, now: DateTime<Utc>) -> State {
        match self.approval {
            Approval::Auto => self.after_approval(self.price_fen, starts_at, now),
            // Nobody is kept waiting into the time they asked for.
            Approval::StaffHolds => {
                State::PendingApproval { until: Some(starts_at.min(now + self.decide_within)) }
            }
            Approval::StaffCollects => State::PendingApproval { until: None },
        }
    }

    /// Where a booking at `price_fen` stands once nothing but the price is open.
    pub fn after_approval(&self, price_fen: u32, starts_at: DateTime<Utc>, now: DateTime<Utc>) -> State {
        if price_fen == 0 {
            State::Confirmed
        } else {
            State::PendingPayment { until: starts_at.min(now + self.pay_within) }
        }
    }

    /// Whether a slot can be booked through this door at `now`.
    ///
    /// The lead time keeps phones away shortly before the start and tells people to ask the staff; so
    /// staff can book until the slot begins.
    pub fn check_start(
        rules: &BookingRules,
        channel: Channel,
        starts_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let lead = if channel.by_staff() { Duration::zero() } else { rules.lead };
        BookingRules { lead, ..*rules }.check_start(starts_at, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::minutes(minute)
    }

    #[test]
    fn a_booking_begins_as_the_room_says_and_is_never_kept_past_its_start() {
        let policy = Policy::default();
        assert_eq!(policy.begin(at(600), at(0)), State::Confirmed);
        let priced = Policy { price_fen: 2_000, ..policy };
        assert_eq!(priced.begin(at(600), at(0)), State::PendingPayment { until: at(30) });
        assert_eq!(priced.begin(at(20), at(0)), State::PendingPayment { until: at(20) });
        let holds = Policy { approval: Approval::StaffHolds, ..priced };
        assert_eq!(holds.begin(at(6_000), at(0)), State::PendingApproval { until: Some(at(1_440)) });
        assert_eq!(holds.begin(at(600), at(0)), State::PendingApproval { until: Some(at(600)) });
        let collects = Policy { approval: Approval::StaffCollects, ..policy };
        assert_eq!(collects.begin(at(600), at(0)), State::PendingApproval { until: None });
    }

    #[test]
    fn staff_can_help_where_the_telephone_sends_people_to_them() {
        let rules = BookingRules {
            max_party_size: 10,
            lead: Duration::minutes(30),
            horizon_days: 7,
            cancel_until: Duration::zero(),
        };
        let code = |channel, now| {
            Policy::check_start(&rules, channel, at(60), at(now)).map_err(|refusal| refusal.code)
        };
        assert_eq!(code(Channel::Online, 31), Err(Code::SlotTooSoon));
        assert_eq!(code(Channel::WalkIn, 31), Ok(()));
        assert_eq!(code(Channel::WalkIn, 60), Err(Code::SlotPast));
        assert_eq!(code(Channel::Online, 30), Ok(()));
    }
}
