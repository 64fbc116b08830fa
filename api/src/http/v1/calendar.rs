//! The statutory calendar.

use chrono::NaiveDate;
use linli_domain::{Code, calendar::YearCalendar};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};

use super::Tag;
use crate::{App, app::calendar, http::Problem};

/// Reading the calendar.
pub struct Calendar;

/// The arrangement of a year by the notice of the State Council.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct CalendarYear {
    /// The year.
    year: i32,
    /// Whether its arrangement has been announced; if not, weekdays are all that is known.
    calendar_known: bool,
    /// The notice.
    source: Option<String>,
    /// Where the notice can be read.
    url: Option<String>,
    /// Holidays with all their days off.
    off: Vec<Holiday>,
    /// Weekend days that are worked.
    work: Vec<NaiveDate>,
}

/// Consecutive days off.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct Holiday {
    /// Name of the festival.
    pub name: String,
    /// First day off.
    pub from: NaiveDate,
    /// Last day off.
    pub to: NaiveDate,
}

impl CalendarYear {
    /// What is known of `year`.
    pub fn of(year: i32, known: Option<&YearCalendar>) -> Self {
        let periods = known.map_or(&[][..], |known| &known.off[..]);
        let holiday = |period: &linli_domain::calendar::HolidayPeriod| Holiday {
            name: period.name.clone(),
            from: period.from,
            to: period.to,
        };
        Self {
            year,
            calendar_known: known.is_some(),
            source: known.map(|known| known.source.clone()),
            url: known.and_then(|known| known.url.clone()),
            off: periods.iter().map(holiday).collect(),
            work: known.map(|known| known.work.clone()).unwrap_or_default(),
        }
    }
}

#[OpenApi(tag = "Tag::Calendar")]
impl Calendar {
    /// Reads the statutory calendar of a year
    ///
    /// Holidays, and weekend days that are worked. A year that has not been announced answers
    /// `calendar_known: false`.
    #[oai(path = "/calendar/:year", method = "get", operation_id = "getCalendarYear")]
    async fn get(&self, app: Data<&App>, year: Path<i32>) -> Result<Json<CalendarYear>, Problem> {
        if !(2000..=2100).contains(&year.0) {
            return Err(Code::NotFound.into());
        }
        let calendar = calendar::current(&app).await;
        Ok(Json(CalendarYear::of(year.0, calendar.year(year.0))))
    }
}
