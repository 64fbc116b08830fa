//! Checking in, for staff: a pass is scanned, a code is said, or somebody is found on the list.

use linli_domain::{
    Refusal,
    access::perm,
    bookings::attendance::CheckInCode,
    ids::{BookingId, FacilityId},
};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use super::{Tag, bookings::who};
use crate::{
    App,
    app::{
        bookings::attendance::{self, Shown},
        staff::sight::{Thing, judge},
    },
    http::{
        Problem,
        auth::Staff,
        idempotency::Idempotent,
        v1::bookings::{Changed, ask},
    },
};

/// Checking in and out.
pub struct Attendance;

/// What somebody shows: a pass, or a code with the facility where they say it
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct StaffCheckIn {
    /// What was scanned.
    #[oai(validator(max_length = 120))]
    pass: Option<String>,
    /// The six digits.
    #[oai(validator(max_length = 20))]
    code: Option<String>,
    /// Where the code was said.
    facility_id: Option<Uuid>,
}

impl TryFrom<StaffCheckIn> for Shown {
    type Error = Refusal;

    fn try_from(body: StaffCheckIn) -> Result<Self, Refusal> {
        match (body.pass, body.code, body.facility_id) {
            (Some(pass), None, None) => Ok(Self::Pass(pass)),
            (None, Some(code), Some(facility)) => {
                let (zh, en) = ("签到码是六位数字", "A code has six digits.");
                let code = CheckInCode::parse(&code);
                let code = code.ok_or_else(|| Refusal::field("code", "not_a_code", zh, en))?;
                Ok(Self::Code(FacilityId(facility), code))
            }
            _ => {
                let (zh, en) = (
                    "请提供二维码内容，或者签到码和设施",
                    "Send what was scanned, or the code and the facility.",
                );
                Err(Refusal::field("pass", "one_of", zh, en))
            }
        }
    }
}

#[OpenApi(tag = "Tag::Attendance")]
impl Attendance {
    /// Checks somebody in by their pass or their code
    ///
    /// From `check_in_from` of the booking to its end. A pass counts for half a minute and what two clocks
    /// may differ; `pass_expired` asks for the one that is shown now. A code is that of a booking of today.
    #[oai(path = "/check-ins", method = "post", operation_id = "staffCheckIn")]
    async fn check_in(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingEdit>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<StaffCheckIn>,
    ) -> Result<Changed, Problem> {
        let request = key.record(format!("staff:{}", staff.id), "bookings.check_in");
        let shown = Shown::try_from(body.0)?;
        Ok(attendance::check_in(&app, who(&staff), shown, ask(&request)).await?.into())
    }

    /// Checks in who was found on the list
    #[oai(path = "/bookings/:id/check-in", method = "post", operation_id = "staffCheckInBooking")]
    async fn check_in_booking(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingEdit>,
        id: Path<Uuid>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
    ) -> Result<Changed, Problem> {
        let request = key.record(format!("staff:{}", staff.id), "bookings.check_in");
        let shown = Shown::Listed(BookingId(id.0));
        let done = attendance::check_in(&app, who(&staff), shown, ask(&request)).await;
        Ok(judge(&app, &staff, (Thing::Booking, id.0), done).await?.into())
    }

    /// Checks somebody out
    #[oai(path = "/bookings/:id/check-out", method = "post", operation_id = "staffCheckOutBooking")]
    async fn check_out(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingEdit>,
        id: Path<Uuid>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
    ) -> Result<Changed, Problem> {
        let request = key.record(format!("staff:{}", staff.id), "bookings.check_out");
        let done = attendance::check_out(&app, who(&staff), BookingId(id.0), ask(&request)).await;
        Ok(judge(&app, &staff, (Thing::Booking, id.0), done).await?.into())
    }
}
