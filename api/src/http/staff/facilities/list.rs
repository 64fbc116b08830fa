//! The facilities of a scope: listing them, and entering one.

use linli_domain::{
    Refusal,
    access::perm,
    division::DivisionCode,
    facility::{Category, FacilityStatus},
    ids::{FacilityId, OrganisationId},
};
use linli_store::storage::facilities::{self, Filter};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use sea_orm::EntityTrait;
use serde::Serialize;
use uuid::Uuid;

use super::create::{self, Created, NewFacility};
use crate::{
    App,
    http::{
        Problem,
        auth::Staff,
        facility::StaffFacility,
        idempotency::Idempotent,
        paging::{self, DEFAULT_LIMIT},
        staff::Tag,
        word::Word,
    },
};

/// Listing and entering facilities.
pub struct List;

/// A page of facilities.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct StaffFacilityPage {
    /// The newest first.
    items: Vec<StaffFacility>,
    /// Where the next page begins.
    next_cursor: Option<String>,
}

/// Everything that shapes the list: a cursor is good only for the same.
#[derive(Serialize)]
struct Shape<'a> {
    list: &'static str,
    q: Option<&'a str>,
    category: Option<Category>,
    status: Option<FacilityStatus>,
    division: Option<&'a str>,
    source: Option<&'a str>,
    organisation_id: Option<Uuid>,
}

#[OpenApi(tag = "Tag::Facilities")]
impl List {
    /// Lists facilities in one's scope
    #[oai(path = "/facilities", method = "get", operation_id = "staffListFacilities")]
    #[expect(clippy::too_many_arguments, reason = "one argument per query parameter")]
    async fn list(
        &self,
        app: Data<&App>,
        staff: Staff<perm::FacilityRead>,
        /// Part of the official name.
        #[oai(validator(min_length = "1", max_length = "80"))]
        q: Query<Option<String>>,
        category: Query<Option<Word<Category>>>,
        status: Query<Option<Word<FacilityStatus>>>,
        /// Division code of 2, 4, 6, 9 or 12 digits.
        division: Query<Option<String>>,
        #[oai(validator(min_length = "1", max_length = "40"))] source: Query<Option<String>>,
        /// Below this organisation.
        organisation_id: Query<Option<Uuid>>,
        cursor: Query<Option<String>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
    ) -> Result<Json<StaffFacilityPage>, Problem> {
        let shape = Shape {
            list: "staff facilities",
            q: q.0.as_deref(),
            category: category.0.map(|word| word.0),
            status: status.0.map(|word| word.0),
            division: division.0.as_deref(),
            source: source.0.as_deref(),
            organisation_id: organisation_id.0,
        };
        let before = cursor.0.as_deref().map(|cursor| paging::open::<FacilityId>(&app, &shape, cursor));
        let filter = Filter {
            name: q.0.clone(),
            category: shape.category,
            status: shape.status,
            division: shape.division.map(division_prefix).transpose()?,
            source: source.0.clone(),
            licence_expires_by: None,
            org_path: organisation_path(&app, organisation_id.0.map(Into::into)).await?,
        };
        let limit = limit.0.unwrap_or(DEFAULT_LIMIT);
        let before = before.transpose()?;
        let rows =
            facilities::list(app.db.read(), &staff.scope, &filter, before, u64::from(limit) + 1).await?;
        let (rows, next) = paging::cut(rows, limit, |stored| stored.id);
        Ok(Json(StaffFacilityPage {
            items: rows.into_iter().map(StaffFacility::from).collect(),
            next_cursor: next.map(|id| paging::seal(&app, &shape, id)),
        }))
    }

    /// Enters a facility
    #[oai(path = "/facilities", method = "post", operation_id = "staffCreateFacility")]
    async fn create(
        &self,
        app: Data<&App>,
        staff: Staff<perm::FacilityEdit>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<NewFacility>,
    ) -> Result<Created, Problem> {
        create::create(&app, &staff, key, body.0).await
    }
}

fn division_prefix(code: &str) -> Result<String, Refusal> {
    code.parse::<DivisionCode>().map(DivisionCode::short).map_err(|_| {
        Refusal::field(
            "division",
            "division",
            "行政区划代码应为2、4、6、9或12位",
            "A code has 2, 4, 6, 9 or 12 digits.",
        )
    })
}

/// The place of an organisation. One that is unknown has a place where nothing is; one out of scope
/// needs no care, because the scope is a condition of its own.
async fn organisation_path(app: &App, id: Option<OrganisationId>) -> Result<Option<String>, Problem> {
    use linli_store::storage::staff::organisation::Entity;
    let Some(id) = id else { return Ok(None) };
    let found = Entity::find_by_id(id.0).one(app.db.read()).await?;
    Ok(Some(found.map_or_else(|| format!("/{id}/"), |organisation| organisation.path)))
}
