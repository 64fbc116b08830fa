//! What residents look for and do not find.

use chrono::{Days, NaiveDate};
use linli_domain::{Refusal, access::perm, time::local_date};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};

use super::Tag;
use crate::{
    App,
    app::discovery::demand,
    http::{Problem, auth::Staff, paging},
};

/// Operations on demand.
pub struct Demand;

/// Something that was looked for in vain.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct SearchDemand {
    /// The words, folded, in alphabetical order.
    words: String,
    /// The organisation of the street where it was asked; absent where nobody said where she was.
    organisation_id: Option<String>,
    /// Its name.
    organisation_name: Option<String>,
    /// How often.
    asked: i64,
    /// On so many days.
    days: i64,
    /// On which day last.
    last_day: NaiveDate,
}

/// What was looked for in vain.
#[derive(Object)]
pub(super) struct SearchDemands {
    /// The most wanted first.
    items: Vec<SearchDemand>,
    /// Only what so many different people asked for in a street on a day is counted.
    floor: i64,
}

/// What is asked when nothing is said.
const DAYS: u64 = 30;

#[OpenApi(tag = "Tag::Statistics")]
impl Demand {
    /// Lists what residents look for and do not find
    ///
    /// By street and words, the most wanted first; 30 days unless told otherwise. Names no person:
    /// what fewer than `floor` different people asked for in a street on a day is never written down.
    #[oai(path = "/search-demand", method = "get", operation_id = "staffListSearchDemand")]
    async fn list(
        &self,
        app: Data<&App>,
        staff: Staff<perm::StatisticsRead>,
        /// First day.
        from: Query<Option<NaiveDate>>,
        /// Last day.
        to: Query<Option<NaiveDate>>,
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<u32>,
    ) -> Result<Json<SearchDemands>, Problem> {
        let to = to.0.unwrap_or_else(|| local_date(app.env.now()));
        let from = from.0.or_else(|| to.checked_sub_days(Days::new(DAYS))).unwrap_or(to);
        if from > to {
            let (zh, en) = ("开始日期不能晚于结束日期", "The first day is not after the last.");
            return Err(Refusal::field("from", "invalid", zh, en).into());
        }
        let rows = demand::list(&app, &staff, (from, to), limit.0).await?;
        let items = rows.into_iter().map(|(sum, organisation)| SearchDemand {
            words: sum.words,
            organisation_id: organisation.as_ref().map(|row| row.id.to_string()),
            organisation_name: organisation.map(|row| row.name),
            asked: sum.asked,
            days: sum.days,
            last_day: sum.last_day,
        });
        Ok(Json(SearchDemands { items: items.collect(), floor: demand::FLOOR as i64 }))
    }
}

const fn default_limit() -> u32 {
    paging::DEFAULT_LIMIT
}
