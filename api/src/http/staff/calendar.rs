//! The statutory calendar, loaded year by year.

use chrono::NaiveDate;
use linli_domain::{
    Code,
    access::perm,
    calendar::{HolidayPeriod, YearCalendar},
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path},
    payload::Json,
};

use super::Tag;
use crate::{
    App,
    app::calendar,
    http::{
        Problem,
        auth::Staff,
        etag::{IfMatch, etag},
        v1::calendar::{CalendarYear, Holiday},
    },
};

/// Loading the calendar.
pub struct Calendar;

/// The arrangement of a year, copied from the notice of the State Council.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewCalendarYear {
    /// The notice, with its number.
    source: String,
    /// Where the notice can be read (https).
    url: Option<String>,
    /// Holidays with all their days off.
    off: Vec<Holiday>,
    /// Weekend days that are worked.
    work: Vec<NaiveDate>,
}

/// The year at its version.
#[derive(ApiResponse)]
pub enum AtVersion {
    /// The year.
    #[oai(status = 200)]
    Year(
        Json<CalendarYear>,
        /// `"0"` for a year that is only shipped or not known yet.
        #[oai(header = "ETag")]
        String,
    ),
}

#[OpenApi(tag = "Tag::Calendar")]
impl Calendar {
    /// Reads a year with its version
    #[oai(path = "/calendar/:year", method = "get", operation_id = "staffGetCalendarYear")]
    async fn get(
        &self,
        app: Data<&App>,
        _staff: Staff<perm::CalendarRead>,
        year: Path<i32>,
    ) -> Result<AtVersion, Problem> {
        if !(2000..=2100).contains(&year.0) {
            return Err(Code::NotFound.into());
        }
        let (calendar, version) = calendar::at_version(&app, year.0).await?;
        Ok(AtVersion::Year(Json(CalendarYear::of(year.0, calendar.year(year.0))), etag(version)))
    }

    /// Loads a year, over what is shipped or was loaded
    ///
    /// `If-Match: "0"` for a year that was not loaded before. It counts on every server within two
    /// seconds.
    #[oai(path = "/calendar/:year", method = "put", operation_id = "staffLoadCalendarYear")]
    async fn load(
        &self,
        app: Data<&App>,
        staff: Staff<perm::CalendarEdit>,
        year: Path<i32>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
        body: Json<NewCalendarYear>,
    ) -> Result<AtVersion, Problem> {
        let NewCalendarYear { source, url, off, work } = body.0;
        let off =
            off.into_iter().map(|Holiday { name, from, to }| HolidayPeriod { name, from, to }).collect();
        let arrangement = YearCalendar { version: 1, year: year.0, source, url, off, work };
        let version = calendar::load_year(&app, staff.id, &arrangement, if_match.0.0).await?;
        Ok(AtVersion::Year(Json(CalendarYear::of(year.0, Some(&arrangement))), etag(version)))
    }
}
