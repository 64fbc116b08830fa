//! Places on waiting lists, as residents and staff see them.

use chrono::{DateTime, FixedOffset};
use linli_domain::{
    Vocabulary,
    inventory::waiting::{PassedOver, WaitingState},
    time::local,
};
use poem_openapi::Object;

use crate::{App, app::bookings::waitlist::Seen, http::word::Word};

/// Why somebody was passed over though something came free
#[derive(Object)]
pub struct Passed {
    code: Word<PassedOver>,
    zh: String,
    en: String,
}

/// A place on a waiting list
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct WaitlistEntry {
    /// Also the id of the booking, once it is accepted.
    id: String,
    room_id: String,
    facility_id: String,
    slot_id: String,
    /// Who waits.
    resident_id: String,
    party_size: i32,
    starts_at: DateTime<FixedOffset>,
    /// Not included.
    ends_at: DateTime<FixedOffset>,
    state: Word<WaitingState>,
    /// 1 is the next to be asked; absent unless they wait.
    position: Option<i64>,
    /// Why others behind were asked first, when that happened.
    passed_over: Option<Passed>,
    /// Until when it is kept for them: accept before.
    offer_until: Option<DateTime<FixedOffset>>,
    created_at: DateTime<FixedOffset>,
    ended_at: Option<DateTime<FixedOffset>>,
    /// Signed: who has it can take them off the list without signing in, and nothing else.
    leave_token: Option<String>,
}

impl WaitlistEntry {
    /// As staff see it.
    pub fn new((entry, ahead): Seen) -> Self {
        let (row, state) = (entry.row, entry.state);
        Self {
            id: row.id.to_string(),
            room_id: row.room_id.to_string(),
            facility_id: row.facility_id.to_string(),
            slot_id: row.slot_id.to_string(),
            resident_id: row.resident_id.to_string(),
            party_size: row.party_size,
            starts_at: local(row.starts_at),
            ends_at: local(row.ends_at),
            state: Word(state),
            position: (state == WaitingState::Waiting).then(|| i64::try_from(ahead).unwrap_or(0) + 1),
            passed_over: entry.passed_over.map(|why| Passed {
                code: Word(why),
                zh: why.zh().to_owned(),
                en: why.en().to_owned(),
            }),
            offer_until: entry.offer_until.map(local),
            created_at: local(row.created_at),
            ended_at: entry.ended_at.map(local),
            leave_token: None,
        }
    }

    /// As those see it who may take it off.
    pub fn own(app: &App, seen: Seen) -> Self {
        let leave_token = seen.0.ended_at.is_none().then(|| app.keys.sign_leave(seen.0.id()));
        Self { leave_token, ..Self::new(seen) }
    }
}
