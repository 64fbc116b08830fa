//! What is shown to be scanned: a booking's pass.
//!
//! Signed by the current key of the city's servers and read under the one before as well, so that a change
//! of the secret leaves nobody standing at the door. The form has a version of its own in front.

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use linli_domain::{
    Code,
    bookings::attendance::{pass_counts, pass_step},
    ids::BookingId,
};
use uuid::Uuid;

use crate::App;

/// Version 1 of a pass.
const PASS: &str = "LP1.";
/// Bytes of a signature that are kept: a picture with fewer squares is easier to scan.
const TAG: usize = 10;

/// The pass of a booking as it is shown at `now`.
pub(super) fn make(app: &App, booking: BookingId, now: DateTime<Utc>) -> String {
    let said = [&booking.0.as_bytes()[..], &pass_step(now).to_be_bytes()].concat();
    format!("{PASS}{}", sign(app, PASS, &said))
}

/// The booking that a pass names, if it is ours and not too old.
pub(super) fn read(app: &App, pass: &str, now: DateTime<Utc>) -> Result<BookingId, Code> {
    let said =
        pass.trim().strip_prefix(PASS).and_then(|text| open(app, PASS, text)).ok_or(Code::PassInvalid)?;
    let (id, step) = said.split_first_chunk::<16>().ok_or(Code::PassInvalid)?;
    let step = step.try_into().map(u32::from_be_bytes).map_err(|_| Code::PassInvalid)?;
    if pass_counts(step, now) { Ok(BookingId(Uuid::from_bytes(*id))) } else { Err(Code::PassExpired) }
}

/// What is said with its signature; `form` keeps one kind of thing from passing for another.
fn sign(app: &App, form: &str, said: &[u8]) -> String {
    let tag = hmac::sign(&app.keys.passes()[0], &[form.as_bytes(), said].concat());
    URL_SAFE_NO_PAD.encode([said, &tag.as_ref()[..TAG]].concat())
}

fn open(app: &App, form: &str, text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (said, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
    let signed = [form.as_bytes(), said].concat();
    let ours = |key: &hmac::Key| {
        constant_time::verify_slices_are_equal(&hmac::sign(key, &signed).as_ref()[..TAG], tag).is_ok()
    };
    app.keys.passes().iter().any(ours).then(|| said.to_vec())
}
