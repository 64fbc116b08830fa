//! Between a booking and its row: states as columns, personal texts sealed.

use chrono::{DateTime, Utc};
use linli_domain::{
    Vocabulary,
    bookings::{CancelledBy, Channel, LateCancel, State},
    ids::{BookingId, SlotId},
};
use sea_orm::{NotSet, Set, prelude::Uuid};

use super::{BookedBy, Booking, Desk, booking};
use crate::{Error, vault::Place};

const TABLE: &str = "booking";

/// The row of a new booking.
pub(super) fn new(desk: Desk<'_>, booking: &Booking) -> Result<booking::ActiveModel, Error> {
    let (by_resident, by_staff) = match booking.booked_by {
        BookedBy::Resident(id) => (Some(id.0), None),
        BookedBy::Staff(id) => (None, Some(id.0)),
    };
    let companions = match booking.companions.as_slice() {
        [] => None,
        names => Some(serde_json::json!(names).to_string()),
    };
    Ok(booking::ActiveModel {
        resident_id: Set(booking.resident_id.0),
        booked_by_resident_id: Set(by_resident),
        booked_by_staff_id: Set(by_staff),
        channel: Set(booking.channel.as_str().to_owned()),
        party_size: Set(booking.party_size.into()),
        purpose_open: Set(None),
        reason_open: Set(None),
        purpose_sealed: Set(seal(desk, "purpose_sealed", booking.id, booking.purpose.as_deref())?),
        companions_sealed: Set(seal(desk, "companions_sealed", booking.id, companions.as_deref())?),
        late_cancel: Set(booking.late_cancel.as_str().to_owned()),
        price_fen: Set(fen(booking.price_fen)),
        created_at: Set(booking.created_at),
        id: Set(booking.id.0),
        ..moving(desk, booking)?
    })
}

/// What of a row may change in its life.
pub(super) fn moving(desk: Desk<'_>, booking: &Booking) -> Result<booking::ActiveModel, Error> {
    let ended = Ended::of(&booking.state);
    Ok(booking::ActiveModel {
        room_id: Set(booking.room_id.0),
        facility_id: Set(booking.facility_id.0),
        org_path: Set(booking.org_path.clone()),
        starts_at: Set(booking.starts_at),
        ends_at: Set(booking.ends_at),
        cancel_until: Set(booking.cancel_until),
        state: Set(booking.state.as_str().to_owned()),
        kept_until: Set(booking.state.kept_until()),
        lapses_at: Set(booking.state.lapses_at(booking.starts_at)),
        ended_at: Set(ended.at),
        ended_by_resident_id: Set(ended.by_resident),
        ended_by_staff_id: Set(ended.by_staff),
        by_closure: Set(ended.by_closure),
        late: Set(ended.late),
        reason_sealed: Set(seal(desk, "reason_sealed", booking.id, ended.reason)?),
        version: Set(booking.version),
        id: NotSet,
        ..Default::default()
    })
}

/// The columns behind the states that a booking ends in.
#[derive(Default)]
struct Ended<'a> {
    at: Option<DateTime<Utc>>,
    by_resident: Option<Uuid>,
    by_staff: Option<Uuid>,
    by_closure: bool,
    late: bool,
    reason: Option<&'a str>,
}

impl<'a> Ended<'a> {
    fn of(state: &'a State) -> Self {
        match state {
            State::PendingPayment { .. } | State::PendingApproval { .. } | State::Confirmed => {
                Self::default()
            }
            State::Cancelled { by, at, late, reason } => {
                let (by_resident, by_staff, by_closure) = match by {
                    CancelledBy::Resident(id) => (Some(id.0), None, false),
                    CancelledBy::Staff(id) => (None, Some(id.0), false),
                    CancelledBy::Closure(id) => (None, Some(id.0), true),
                };
                let (at, late, reason) = (Some(*at), *late, reason.as_deref());
                Self { at, by_resident, by_staff, by_closure, late, reason }
            }
            State::Declined { by, at, reason } => Self {
                at: Some(*at),
                by_staff: by.map(|id| id.0),
                reason: reason.as_deref(),
                ..Self::default()
            },
            State::Expired { at } => Self { at: Some(*at), ..Self::default() },
        }
    }
}

/// Reads a row; what has lapsed by now is expired.
pub(super) fn read(desk: Desk<'_>, row: booking::Model, slots: Vec<SlotId>) -> Result<Booking, Error> {
    let defect = || Error::internal("reading a booking", "its columns do not make a booking");
    let open = |column: &'static str, sealed: &Option<Vec<u8>>| {
        desk.vault.open_some(Place::new(TABLE, column, row.id), sealed.as_deref())
    };
    let purpose = open("purpose_sealed", &row.purpose_sealed)?.map(|text| text.to_string());
    let purpose = purpose.or_else(|| row.purpose_open.clone());
    let companions = match open("companions_sealed", &row.companions_sealed)? {
        Some(names) => serde_json::from_str(&names).map_err(|_| defect())?,
        None => Vec::new(),
    };
    let reason = open("reason_sealed", &row.reason_sealed)?.map(|text| text.to_string());
    let reason = reason.or_else(|| row.reason_open.clone());
    let state = state(&row, reason).ok_or_else(defect)?;
    let booked_by = match (row.booked_by_resident_id, row.booked_by_staff_id) {
        (Some(id), None) => BookedBy::Resident(id.into()),
        (None, Some(id)) => BookedBy::Staff(id.into()),
        _ => return Err(defect()),
    };
    Ok(Booking {
        id: row.id.into(),
        room_id: row.room_id.into(),
        facility_id: row.facility_id.into(),
        org_path: row.org_path,
        resident_id: row.resident_id.into(),
        booked_by,
        channel: Channel::parse(&row.channel).ok_or_else(defect)?,
        slots,
        party_size: u16::try_from(row.party_size).map_err(|_| defect())?,
        purpose,
        companions,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        cancel_until: row.cancel_until,
        late_cancel: LateCancel::parse(&row.late_cancel).ok_or_else(defect)?,
        price_fen: u32::try_from(row.price_fen).map_err(|_| defect())?,
        state: state.at(row.starts_at, desk.env.now()),
        created_at: row.created_at,
        version: row.version,
    })
}

fn state(row: &booking::Model, reason: Option<String>) -> Option<State> {
    Some(match row.state.as_str() {
        "pending_payment" => State::PendingPayment { until: row.kept_until? },
        "pending_approval" => State::PendingApproval { until: row.kept_until },
        "confirmed" => State::Confirmed,
        "cancelled" => {
            let by = match (row.ended_by_resident_id, row.ended_by_staff_id, row.by_closure) {
                (Some(id), None, false) => CancelledBy::Resident(id.into()),
                (None, Some(id), false) => CancelledBy::Staff(id.into()),
                (None, Some(id), true) => CancelledBy::Closure(id.into()),
                _ => return None,
            };
            State::Cancelled { by, at: row.ended_at?, late: row.late, reason }
        }
        "declined" => {
            State::Declined { by: row.ended_by_staff_id.map(Into::into), at: row.ended_at?, reason }
        }
        "expired" => State::Expired { at: row.ended_at? },
        _ => return None,
    })
}

fn seal(
    desk: Desk<'_>,
    column: &'static str,
    booking: BookingId,
    text: Option<&str>,
) -> Result<Option<Vec<u8>>, Error> {
    let place = Place::new(TABLE, column, booking);
    Ok(text.map(|text| desk.vault.seal(desk.env, place, text)).transpose()?)
}

pub(super) fn fen(amount: u32) -> i32 {
    i32::try_from(amount).unwrap_or(i32::MAX)
}
