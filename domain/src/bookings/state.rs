//! Where a booking stands, and the only moves there are.

use chrono::{DateTime, Utc};

use super::{LateCancel, Policy, message::BookingChange};
use crate::{
    Code, Refusal,
    ids::{ResidentId, StaffId},
};

/// Who cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelledBy {
    /// The resident who comes, or a family member who acts for them.
    Resident(ResidentId),
    /// The facility's staff.
    Staff(StaffId),
    /// The facility's staff, because the room closes.
    Closure(StaffId),
}

/// Where a booking stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The room is kept until it is paid for.
    PendingPayment {
        /// It lapses then.
        until: DateTime<Utc>,
    },
    /// Staff have to decide.
    PendingApproval {
        /// The room is kept until then; without, nothing is kept and it lapses at its start.
        until: Option<DateTime<Utc>>,
    },
    /// The room is theirs.
    Confirmed,
    /// Given back.
    Cancelled {
        /// By whom.
        by: CancelledBy,
        /// When.
        at: DateTime<Utc>,
        /// Whether that was after the deadline.
        late: bool,
        /// Why, if they said.
        reason: Option<String>,
    },
    /// Staff said no.
    Declined {
        /// Who; nobody when the room went to another request.
        by: Option<StaffId>,
        /// When.
        at: DateTime<Utc>,
        /// Why, if they said.
        reason: Option<String>,
    },
    /// Nobody paid or decided in time.
    Expired {
        /// When it lapsed.
        at: DateTime<Utc>,
    },
}

/// What a cancellation is judged by: the rules the booking was made under.
#[derive(Clone, Copy, Debug)]
pub struct CancelTerms {
    /// Free until then.
    pub deadline: DateTime<Utc>,
    /// When the first slot starts.
    pub starts_at: DateTime<Utc>,
    /// When the last slot ends.
    pub ends_at: DateTime<Utc>,
    /// What lies between deadline and start.
    pub late: LateCancel,
}

impl State {
    /// Stable name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::PendingPayment { .. } => "pending_payment",
            Self::PendingApproval { .. } => "pending_approval",
            Self::Confirmed => "confirmed",
            Self::Cancelled { .. } => "cancelled",
            Self::Declined { .. } => "declined",
            Self::Expired { .. } => "expired",
        }
    }

    /// Whether the booking has a claim on room time.
    pub const fn holds(&self) -> bool {
        matches!(
            self,
            Self::PendingPayment { .. } | Self::PendingApproval { until: Some(_) } | Self::Confirmed
        )
    }

    /// When a claim of it lapses by itself.
    pub const fn kept_until(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::PendingPayment { until } | Self::PendingApproval { until: Some(until) } => Some(*until),
            _ => None,
        }
    }

    /// When it lapses unless somebody moves it first.
    pub fn lapses_at(&self, starts_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::PendingPayment { until } => Some(*until),
            Self::PendingApproval { until } => Some(until.unwrap_or(starts_at)),
            Self::Confirmed | Self::Cancelled { .. } | Self::Declined { .. } | Self::Expired { .. } => None,
        }
    }

    /// The state as it is at `now`: what has lapsed is expired, whether or not anybody wrote it down.
    #[must_use]
    pub fn at(self, starts_at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        match self.lapses_at(starts_at) {
            Some(at) if at <= now => Self::Expired { at },
            _ => self,
        }
    }

    /// What the resident is told who comes to stand here.
    pub const fn news(&self) -> BookingChange {
        match self {
            Self::PendingPayment { .. } => BookingChange::PaymentDue,
            Self::PendingApproval { .. } => BookingChange::Requested,
            Self::Confirmed => BookingChange::Confirmed,
            Self::Cancelled { by: CancelledBy::Resident(_), .. } => BookingChange::Cancelled,
            Self::Cancelled { by: CancelledBy::Staff(_), .. } => BookingChange::CancelledByStaff,
            Self::Cancelled { by: CancelledBy::Closure(_), .. } => BookingChange::CancelledByClosure,
            Self::Declined { .. } => BookingChange::Declined,
            Self::Expired { .. } => BookingChange::Expired,
        }
    }

    /// Gives the booking back. A resident is free to until the deadline and, while nothing is
    /// settled, until the start; staff until it is over.
    pub fn cancel(
        &self,
        by: CancelledBy,
        reason: Option<String>,
        terms: &CancelTerms,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let settled = match self {
            Self::Confirmed => true,
            Self::PendingPayment { .. } | Self::PendingApproval { .. } => false,
            ended => return Err(ended.ended()),
        };
        let late = match by {
            CancelledBy::Resident(_) if !settled || now <= terms.deadline => false,
            CancelledBy::Resident(_) => {
                if terms.late == LateCancel::Refused || now >= terms.starts_at {
                    return Err(Code::TooLateToCancel.into());
                }
                true
            }
            CancelledBy::Staff(_) | CancelledBy::Closure(_) => {
                if now >= terms.ends_at {
                    return Err(Code::BookingOver.into());
                }
                false
            }
        };
        Ok(Self::Cancelled { by, at: now, late, reason })
    }

    /// Staff say yes: firm, or kept until it is paid for.
    pub fn approve(
        &self,
        policy: &Policy,
        price_fen: u32,
        starts_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        match self {
            Self::PendingApproval { .. } => Ok(policy.after_approval(price_fen, starts_at, now)),
            Self::PendingPayment { .. } | Self::Confirmed => Err(Code::BookingNotPending.into()),
            ended => Err(ended.ended()),
        }
    }

    /// Staff say no.
    pub fn decline(
        &self,
        by: Option<StaffId>,
        reason: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        match self {
            Self::PendingApproval { .. } => Ok(Self::Declined { by, at: now, reason }),
            Self::PendingPayment { .. } | Self::Confirmed => Err(Code::BookingNotPending.into()),
            ended => Err(ended.ended()),
        }
    }

    /// It is paid for.
    pub fn pay(&self) -> Result<Self, Refusal> {
        match self {
            Self::PendingPayment { .. } => Ok(Self::Confirmed),
            Self::PendingApproval { .. } | Self::Confirmed => Err(Code::BookingNotPending.into()),
            ended => Err(ended.ended()),
        }
    }

    /// Whether it can move to another time.
    pub fn check_move(&self, terms: &CancelTerms, by_staff: bool, now: DateTime<Utc>) -> Result<(), Refusal> {
        match self {
            Self::Confirmed if now >= terms.starts_at => Err(Code::BookingOver.into()),
            Self::Confirmed if by_staff || now <= terms.deadline => Ok(()),
            Self::Confirmed => Err(Code::TooLateToCancel.into()),
            Self::PendingPayment { .. } | Self::PendingApproval { .. } => {
                Err(Code::BookingNotConfirmed.into())
            }
            ended => Err(ended.ended()),
        }
    }

    /// What somebody is told who wants to move a booking that has ended.
    fn ended(&self) -> Refusal {
        match self {
            Self::Declined { .. } => Code::BookingDeclined.into(),
            Self::Expired { .. } => Code::BookingExpired.into(),
            _ => Code::BookingAlreadyCancelled.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration;
    use uuid::Uuid;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::minutes(minute)
    }

    fn resident() -> CancelledBy {
        CancelledBy::Resident(Uuid::from_u128(1).into())
    }

    fn staff() -> StaffId {
        Uuid::from_u128(2).into()
    }

    /// Free until 10, starts at 20, ends at 30.
    fn terms(late: LateCancel) -> CancelTerms {
        CancelTerms { deadline: at(10), starts_at: at(20), ends_at: at(30), late }
    }

    fn every_state() -> [State; 7] {
        let cancelled = State::Cancelled { by: resident(), at: at(1), late: false, reason: None };
        [
            State::PendingPayment { until: at(15) },
            State::PendingApproval { until: Some(at(15)) },
            State::PendingApproval { until: None },
            State::Confirmed,
            cancelled,
            State::Declined { by: Some(staff()), at: at(1), reason: None },
            State::Expired { at: at(1) },
        ]
    }

    fn outcome(moved: Result<State, Refusal>) -> &'static str {
        moved.map_or_else(|refusal| refusal.code.as_str(), |state| state.as_str())
    }

    /// Rows are the states of [`every_state`]; columns: cancel in time, approve free, approve priced,
    /// decline, pay.
    const TABLE: [[&str; 5]; 7] = [
        ["cancelled", "booking_not_pending", "booking_not_pending", "booking_not_pending", "confirmed"],
        ["cancelled", "confirmed", "pending_payment", "declined", "booking_not_pending"],
        ["cancelled", "confirmed", "pending_payment", "declined", "booking_not_pending"],
        [
            "cancelled",
            "booking_not_pending",
            "booking_not_pending",
            "booking_not_pending",
            "booking_not_pending",
        ],
        ["booking_already_cancelled"; 5],
        ["booking_declined"; 5],
        ["booking_expired"; 5],
    ];

    #[test]
    fn a_booking_moves_only_along_its_table() {
        let policy = Policy::default();
        for (state, row) in every_state().iter().zip(TABLE) {
            let moves = [
                state.cancel(resident(), None, &terms(LateCancel::Refused), at(10)),
                state.approve(&policy, 0, at(20), at(5)),
                state.approve(&policy, 100, at(20), at(5)),
                state.decline(Some(staff()), None, at(5)),
                state.pay(),
            ];
            assert_eq!(moves.map(outcome), row, "{state:?}");
        }
    }

    #[test]
    fn cancelling_is_free_then_late_or_refused_then_over() {
        let cancel = |by, late, now| {
            State::Confirmed
                .cancel(by, None, &terms(late), at(now))
                .map(|state| matches!(state, State::Cancelled { late: true, .. }))
                .map_err(|refusal| refusal.code)
        };
        assert_eq!(cancel(resident(), LateCancel::Flagged, 10), Ok(false));
        assert_eq!(cancel(resident(), LateCancel::Flagged, 11), Ok(true));
        assert_eq!(cancel(resident(), LateCancel::Flagged, 20), Err(Code::TooLateToCancel));
        assert_eq!(cancel(resident(), LateCancel::Refused, 11), Err(Code::TooLateToCancel));
        for by in [CancelledBy::Staff(staff()), CancelledBy::Closure(staff())] {
            assert_eq!(cancel(by, LateCancel::Refused, 29), Ok(false));
            assert_eq!(cancel(by, LateCancel::Refused, 30), Err(Code::BookingOver));
        }
        let waiting = State::PendingApproval { until: Some(at(20)) };
        assert_eq!(
            outcome(waiting.cancel(resident(), None, &terms(LateCancel::Refused), at(15))),
            "cancelled",
            "nothing is settled yet"
        );
    }

    #[test]
    fn what_has_lapsed_is_expired_for_everybody_at_once() {
        let seen = |state: State, now| state.at(at(20), at(now));
        assert_eq!(seen(State::PendingPayment { until: at(15) }, 14).as_str(), "pending_payment");
        assert_eq!(seen(State::PendingPayment { until: at(15) }, 15), State::Expired { at: at(15) });
        assert_eq!(seen(State::PendingApproval { until: Some(at(15)) }, 99), State::Expired { at: at(15) });
        assert_eq!(seen(State::PendingApproval { until: None }, 20), State::Expired { at: at(20) });
        assert_eq!(seen(State::Confirmed, 99), State::Confirmed);
    }

    #[test]
    fn only_a_firm_booking_moves_and_only_in_time() {
        let moved = |state: &State, by_staff, now| {
            state.check_move(&terms(LateCancel::Flagged), by_staff, at(now)).map_err(|refusal| refusal.code)
        };
        assert_eq!(moved(&State::Confirmed, false, 10), Ok(()));
        assert_eq!(moved(&State::Confirmed, false, 11), Err(Code::TooLateToCancel));
        assert_eq!(moved(&State::Confirmed, true, 11), Ok(()));
        assert_eq!(moved(&State::Confirmed, true, 20), Err(Code::BookingOver));
        let codes: Vec<_> = every_state().iter().map(|state| moved(state, false, 5).err()).collect();
        assert_eq!(
            codes,
            [
                Some(Code::BookingNotConfirmed),
                Some(Code::BookingNotConfirmed),
                Some(Code::BookingNotConfirmed),
                None,
                Some(Code::BookingAlreadyCancelled),
                Some(Code::BookingDeclined),
                Some(Code::BookingExpired),
            ]
        );
    }
}
