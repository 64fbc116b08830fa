//! Licences that run out.

use chrono::{Days, NaiveDate};
use linli_domain::{access::perm, ids::FacilityId, time};
use linli_store::storage::facilities::{self, Filter, Stored};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};

use crate::{
    App,
    http::{
        Problem,
        auth::Staff,
        facility::Licence,
        paging::{self, DEFAULT_LIMIT},
        staff::Tag,
    },
};

/// Looking after licences.
pub struct Licences;

/// Days looked ahead when nothing is asked for.
const DEFAULT_DAYS: u32 = 60;

/// A page of facilities with such licences.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ExpiringPage {
    /// Facilities, the newest first.
    items: Vec<Expiring>,
    /// Where the next page begins.
    next_cursor: Option<String>,
}

/// A facility whose licence runs out.
#[derive(Debug, Object)]
pub struct Expiring {
    /// The facility.
    facility_id: String,
    /// Its official name.
    name: String,
    /// Licences that run out by then or have run out.
    licences: Vec<Licence>,
}

#[OpenApi(tag = "Tag::Facilities")]
impl Licences {
    /// Lists facilities whose licences run out
    #[oai(path = "/licences/expiring", method = "get", operation_id = "staffListExpiringLicences")]
    async fn list(
        &self,
        app: Data<&App>,
        staff: Staff<perm::FacilityRead>,
        /// Within so many days; those that have run out already are listed too.
        #[oai(validator(maximum(value = "730")))]
        within_days: Query<Option<u32>>,
        cursor: Query<Option<String>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
    ) -> Result<Json<ExpiringPage>, Problem> {
        let within = within_days.0.unwrap_or(DEFAULT_DAYS);
        let shape = ("expiring licences", within);
        let before = cursor.0.as_deref().map(|cursor| paging::open::<FacilityId>(&app, &shape, cursor));
        let by = time::local_date(app.env.now()) + Days::new(within.into());
        let filter = Filter { licence_expires_by: Some(by), ..Filter::default() };
        let limit = limit.0.unwrap_or(DEFAULT_LIMIT);
        let before = before.transpose()?;
        let rows =
            facilities::list(app.db.read(), &staff.scope, &filter, before, u64::from(limit) + 1).await?;
        let (rows, next) = paging::cut(rows, limit, |stored| stored.id);
        Ok(Json(ExpiringPage {
            items: rows.into_iter().map(|stored| Expiring::of(stored, by)).collect(),
            next_cursor: next.map(|id| paging::seal(&app, &shape, id)),
        }))
    }
}

impl Expiring {
    fn of(stored: Stored, by: NaiveDate) -> Self {
        let data = stored.facility.into_data();
        let expiring =
            data.licences.into_iter().filter(|licence| licence.valid_to.is_some_and(|to| to <= by));
        Self {
            facility_id: stored.id.to_string(),
            name: data.name,
            licences: expiring.map(Licence::from).collect(),
        }
    }
}
