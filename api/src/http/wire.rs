//! Objects that residents and staff both see of rooms and bookings.

use chrono::{DateTime, FixedOffset};
use linli_domain::{
    bookings::{CancelledBy, State},
    time::local,
};
use linli_store::storage::{bookings, rooms};
use poem_openapi::{Enum, Object, types::ToJSON};
use serde_json::Value;

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
    /// The room is theirs.
    Confirmed,
    /// It was given back.
    Cancelled,
}

/// Who cancelled
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
pub enum Canceller {
    /// The resident.
    Resident,
    /// The facility's staff.
    Staff,
}

/// How a booking was cancelled
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Cancellation {
    at: DateTime<FixedOffset>,
    by: Canceller,
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
    resident_id: String,
    party_size: i32,
    purpose: Option<String>,
    starts_at: DateTime<FixedOffset>,
    /// Not included.
    ends_at: DateTime<FixedOffset>,
    /// Until when the resident can cancel.
    cancel_until: DateTime<FixedOffset>,
    state: BookingState,
    cancelled: Option<Cancellation>,
    created_at: DateTime<FixedOffset>,
}

impl From<&bookings::Booking> for Booking {
    fn from(booking: &bookings::Booking) -> Self {
        let (state, cancelled) = match &booking.state {
            State::Confirmed => (BookingState::Confirmed, None),
            State::Cancelled { by, at, reason } => {
                let by = match by {
                    CancelledBy::Resident(_) => Canceller::Resident,
                    CancelledBy::Staff(_) => Canceller::Staff,
                };
                let cancelled = Cancellation { at: local(*at), by, reason: reason.clone() };
                (BookingState::Cancelled, Some(cancelled))
            }
        };
        Self {
            id: booking.id.to_string(),
            room_id: booking.room_id.to_string(),
            facility_id: booking.facility_id.to_string(),
            slot_ids: booking.slots.iter().map(ToString::to_string).collect(),
            resident_id: booking.resident_id.to_string(),
            party_size: booking.party_size.into(),
            purpose: booking.purpose.clone(),
            starts_at: local(booking.starts_at),
            ends_at: local(booking.ends_at),
            cancel_until: local(booking.cancel_until),
            state,
            cancelled,
            created_at: local(booking.created_at),
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
