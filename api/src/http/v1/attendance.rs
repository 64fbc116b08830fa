//! What a resident shows to check in.

use chrono::{DateTime, FixedOffset};
use linli_domain::{ids::BookingId, time::local};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::bookings::attendance,
    http::{Problem, auth::Resident},
};

/// Checking in.
pub struct Attendance;

/// What is shown at the counter
#[derive(Object)]
pub struct BookingPass {
    /// Six digits to be said or typed; those of this booking alone, at its facility, on its day.
    code: String,
    /// To be shown as a QR code. It counts until the next one is there.
    pass: String,
    /// When to ask for the next one.
    renew_at: DateTime<FixedOffset>,
    /// From when on one can check in.
    check_in_from: DateTime<FixedOffset>,
    /// Until when one can.
    check_in_until: DateTime<FixedOffset>,
}

#[OpenApi(tag = "Tag::Bookings")]
impl Attendance {
    /// Shows the pass of a booking of yours, or of a family member who lets you book for them
    ///
    /// The code stays; the pass changes every half minute.
    #[oai(path = "/bookings/:id/pass", method = "get", operation_id = "getBookingPass")]
    async fn pass(
        &self,
        app: Data<&App>,
        resident: Resident,
        id: Path<Uuid>,
    ) -> Result<Json<BookingPass>, Problem> {
        let pass = attendance::pass_of(&app, resident.id, BookingId(id.0)).await?;
        Ok(Json(BookingPass {
            code: pass.code.expose(),
            pass: pass.pass,
            renew_at: local(pass.renew_at),
            check_in_from: local(pass.booking.check_in_window().opens_at),
            check_in_until: local(pass.booking.ends_at),
        }))
    }
}
