//! Objects that residents and staff both see of rooms and bookings.

use chrono::{DateTime, FixedOffset};
use linli_domain::{
    bookings::{CancelledBy, Channel, State},
    time::local,
};
use linli_store::storage::{
    bookings::{self, BookedBy},
    rooms,
};
use poem_openapi::{Enum, Object, types::ToJSON};
use serde_json::Value;

use super::word::Word;

/// A room
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Room {
    id: String,
    facility_id: String,
    /// The room it is a part of: whoever books that one has this one too.
    part_of: Option<String>,
    name: String,
    /// What one should know before coming.
    description: Option<String>,
    /// Slots start and end on this grid, in minutes.
    grid_minutes: i32,
    /// People that fit.
    max_party_size: i32,
    /// A slot can be booked until this long before its start.
    lead_minutes: i64,
    /// A slot can be booked from this many days before its date.
    horizon_days: i32,
    /// A booking can be cancelled until this long before its start.
    cancel_until_minutes: i64,
}

impl From<rooms::Room> for Room {
    fn from(room: rooms::Room) -> Self {
        Self {
            id: room.id.to_string(),
            facility_id: room.facility_id.to_string(),
            part_of: room.part_of.map(|whole| whole.to_string()),
            name: room.name,
            description: room.description,
            grid_minutes: room.grid.minutes().into(),
            max_party_size: room.rules.max_party_size.into(),
            lead_minutes: room.rules.lead.num_minutes(),
            horizon_days: room.rules.horizon_days.into(),
            cancel_until_minutes: room.rules.cancel_until.num_minutes(),
        }
    }
}

/// Where a booking stands
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
pub enum BookingState {
    /// The room is kept until it is paid for.
    PendingPayment,
    /// Staff have to decide.
    PendingApproval,
    /// The room is theirs.
    Confirmed,
    /// It was given back.
    Cancelled,
    /// Staff said no.
    Declined,
    /// Nobody paid or decided in time.
    Expired,
}

/// Who did something to a booking
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
pub enum Party {
    /// The resident who comes.
    Resident,
    /// A family member who acts for them.
    Family,
    /// The facility's staff.
    Staff,
    /// The facility's staff, because the room closes.
    Closure,
}

/// How a booking was cancelled
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Cancellation {
    at: DateTime<FixedOffset>,
    by: Party,
    /// Whether that was after the deadline.
    late: bool,
    reason: Option<String>,
}

/// How a request was declined
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Declination {
    at: DateTime<FixedOffset>,
    reason: Option<String>,
}

/// A booking
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Booking {
    id: String,
    room_id: String,
    facility_id: String,
    /// The slots it joins, by start.
    slot_ids: Vec<String>,
    /// Who comes.
    resident_id: String,
    booked_by: Party,
    channel: Word<Channel>,
    party_size: i32,
    purpose: Option<String>,
    /// Who comes along.
    companions: Option<Vec<String>>,
    starts_at: DateTime<FixedOffset>,
    /// Not included.
    ends_at: DateTime<FixedOffset>,
    /// Until when the resident can cancel freely.
    cancel_until: DateTime<FixedOffset>,
    /// What it costs; 0 is free.
    price_fen: i32,
    state: BookingState,
    /// Until when the room is kept for a payment or a decision.
    kept_until: Option<DateTime<FixedOffset>>,
    cancelled: Option<Cancellation>,
    declined: Option<Declination>,
    /// When it lapsed.
    expired_at: Option<DateTime<FixedOffset>>,
    created_at: DateTime<FixedOffset>,
    /// Grows with every change.
    version: i64,
}

impl From<&bookings::Booking> for Booking {
    fn from(booking: &bookings::Booking) -> Self {
        let resident = |id| if id == booking.resident_id { Party::Resident } else { Party::Family };
        let (mut cancelled, mut declined, mut expired_at) = (None, None, None);
        let state = match &booking.state {
            State::PendingPayment { .. } => BookingState::PendingPayment,
            State::PendingApproval { .. } => BookingState::PendingApproval,
            State::Confirmed => BookingState::Confirmed,
            State::Cancelled { by, at, late, reason } => {
                let by = match by {
                    CancelledBy::Resident(id) => resident(*id),
                    CancelledBy::Staff(_) => Party::Staff,
                    CancelledBy::Closure(_) => Party::Closure,
                };
                cancelled = Some(Cancellation { at: local(*at), by, late: *late, reason: reason.clone() });
                BookingState::Cancelled
            }
            State::Declined { at, reason, .. } => {
                declined = Some(Declination { at: local(*at), reason: reason.clone() });
                BookingState::Declined
            }
            State::Expired { at } => {
                expired_at = Some(local(*at));
                BookingState::Expired
            }
        };
        Self {
            id: booking.id.to_string(),
            room_id: booking.room_id.to_string(),
            facility_id: booking.facility_id.to_string(),
            slot_ids: booking.slots.iter().map(ToString::to_string).collect(),
            resident_id: booking.resident_id.to_string(),
            booked_by: match booking.booked_by {
                BookedBy::Resident(id) => resident(id),
                BookedBy::Staff(_) => Party::Staff,
            },
            channel: Word(booking.channel),
            party_size: booking.party_size.into(),
            purpose: booking.purpose.clone(),
            companions: Some(booking.companions.clone()).filter(|names| !names.is_empty()),
            starts_at: local(booking.starts_at),
            ends_at: local(booking.ends_at),
            cancel_until: local(booking.cancel_until),
            price_fen: i32::try_from(booking.price_fen).unwrap_or(i32::MAX),
            state,
            kept_until: booking.state.kept_until().map(local),
            cancelled,
            declined,
            expired_at,
            created_at: local(booking.created_at),
            version: booking.version,
        }
    }
}

/// A booking as it is stored for replay.
pub fn stored(booking: &bookings::Booking) -> Value {
    Booking::from(booking).to_json().unwrap_or_default()
}

/// A page of bookings
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Bookings {
    items: Vec<Booking>,
    /// Send it back as `cursor` for the next page; absent on the last.
    next_cursor: Option<String>,
}

impl Bookings {
    /// A page and where the next one begins.
    pub fn new(items: &[bookings::Booking], next_cursor: Option<String>) -> Self {
        Self { items: items.iter().map(Booking::from).collect(), next_cursor }
    }
}
