//! Organisations and service areas.

use std::collections::BTreeSet;

use linli_domain::{
    access::{OrganisationKind, perm},
    ids::{OrganisationId, ServiceAreaId},
};
use linli_store::storage::staff::{organisation, service_area};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::staff::{
        organisations, service_areas,
        sight::{Thing, judge},
    },
    http::{
        Problem,
        auth::Staff,
        etag::{IfMatch, etag},
        paging,
        v1::auth::Done,
    },
};

/// Operations on organisations and service areas.
pub struct Organisations;

/// What an organisation is.
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "snake_case")]
pub enum Kind {
    /// 市
    City,
    /// 区县
    District,
    /// 街道、镇
    Street,
    /// 社区、村
    Community,
    /// 运营单位
    Operator,
}

impl From<Kind> for OrganisationKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::City => Self::City,
            Kind::District => Self::District,
            Kind::Street => Self::Street,
            Kind::Community => Self::Community,
            Kind::Operator => Self::Operator,
        }
    }
}

/// An organisation.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Organisation {
    /// Id.
    id: String,
    /// The organisation directly above.
    parent_id: Option<String>,
    /// What it is.
    kind: String,
    /// Official name.
    name: String,
    /// Code of the administrative division.
    code: Option<String>,
    /// Its place in the tree.
    path: String,
    /// Whether it is closed.
    closed: bool,
    /// Version, for `If-Match`.
    version: i64,
}

impl From<organisation::Model> for Organisation {
    fn from(row: organisation::Model) -> Self {
        Self {
            id: row.id.to_string(),
            parent_id: row.parent_id.map(|id| id.to_string()),
            kind: row.kind,
            name: row.name,
            code: row.code,
            path: row.path,
            closed: row.closed_at.is_some(),
            version: row.version,
        }
    }
}

/// A new organisation.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewOrganisation {
    /// Where it stands.
    parent_id: Uuid,
    /// What it is.
    kind: Kind,
    /// Official name.
    #[oai(validator(max_length = 100))]
    name: String,
    /// Code of the administrative division.
    #[oai(validator(min_length = 1, max_length = 32))]
    code: Option<String>,
}

/// A change; what is left out stays.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct OrganisationPatch {
    /// Official name.
    #[oai(validator(max_length = 100))]
    name: Option<String>,
    /// Code; the empty text takes it away.
    #[oai(validator(max_length = 32))]
    code: Option<String>,
    /// Whether it is closed.
    closed: Option<bool>,
}

/// Where to move to.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct Move {
    /// The organisation to stand below.
    parent_id: Uuid,
}

/// A page of organisations.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct OrganisationPage {
    /// Parents before children.
    items: Vec<Organisation>,
    /// Where the next page begins.
    next_cursor: Option<String>,
}

/// An organisation with its version.
#[derive(ApiResponse)]
pub enum OrganisationAnswer {
    /// The organisation.
    #[oai(status = 200)]
    Ok(
        Json<Organisation>,
        /// Version.
        #[oai(header = "ETag")]
        String,
    ),
}

/// An organisation was made.
#[derive(ApiResponse)]
pub enum OrganisationCreated {
    /// The organisation.
    #[oai(status = 201)]
    Created(
        Json<Organisation>,
        /// Version.
        #[oai(header = "ETag")]
        String,
    ),
}

/// A service area.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ServiceArea {
    /// Id.
    id: String,
    /// Name.
    name: String,
    /// The organisation that drew it.
    organisation_id: String,
    /// The organisations it is made of; left out in lists.
    member_ids: Option<Vec<String>>,
    /// Version, for `If-Match`.
    version: i64,
}

/// A service area as drawn.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewServiceArea {
    /// Name.
    #[oai(validator(max_length = 100))]
    name: String,
    /// The organisation that draws it.
    organisation_id: Uuid,
    /// The organisations it is made of.
    #[oai(validator(min_items = 1, max_items = 200))]
    member_ids: Vec<Uuid>,
}

/// A service area as redrawn.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct ServiceAreaChange {
    /// Name.
    #[oai(validator(max_length = 100))]
    name: String,
    /// The organisations it is made of.
    #[oai(validator(min_items = 1, max_items = 200))]
    member_ids: Vec<Uuid>,
}

/// A page of service areas.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ServiceAreaPage {
    /// Service areas.
    items: Vec<ServiceArea>,
    /// Where the next page begins.
    next_cursor: Option<String>,
}

/// A service area with its version.
#[derive(ApiResponse)]
pub enum ServiceAreaAnswer {
    /// The service area.
    #[oai(status = 200)]
    Ok(
        Json<ServiceArea>,
        /// Version.
        #[oai(header = "ETag")]
        String,
    ),
}

/// A service area was drawn.
#[derive(ApiResponse)]
pub enum ServiceAreaCreated {
    /// The service area.
    #[oai(status = 201)]
    Created(
        Json<ServiceArea>,
        /// Version.
        #[oai(header = "ETag")]
        String,
    ),
}

#[OpenApi(tag = "Tag::Organisations")]
impl Organisations {
    /// Lists organisations in scope
    #[oai(path = "/organisations", method = "get", operation_id = "staffListOrganisations")]
    async fn list(
        &self,
        app: Data<&App>,
        staff: Staff<perm::OrganisationRead>,
        kind: Query<Option<Kind>>,
        cursor: Query<Option<String>>,
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<u32>,
    ) -> Result<Json<OrganisationPage>, Problem> {
        let kind = kind.0.map(OrganisationKind::from);
        let filters = ("organisations", staff.id, kind.map(OrganisationKind::as_str));
        let after: Option<String> =
            cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let rows = organisations::list(&app, &staff, kind, after, limit.0).await?;
        let (rows, next) = paging::cut(rows, limit.0, |row| row.path.clone());
        Ok(Json(OrganisationPage {
            items: rows.into_iter().map(Organisation::from).collect(),
            next_cursor: next.map(|at| paging::seal(&app, &filters, at)),
        }))
    }

    /// Makes an organisation
    #[oai(path = "/organisations", method = "post", operation_id = "staffCreateOrganisation")]
    async fn create(
        &self,
        app: Data<&App>,
        staff: Staff<perm::OrganisationEdit>,
        body: Json<NewOrganisation>,
    ) -> Result<OrganisationCreated, Problem> {
        let NewOrganisation { parent_id, kind, name, code } = body.0;
        let command = organisations::NewOrganisation {
            parent_id: OrganisationId(parent_id),
            kind: kind.into(),
            name,
            code,
        };
        let done = organisations::create(&app, &staff, command).await;
        let row = judge(&app, &staff, (Thing::Organisation, parent_id), done).await?;
        let tag = etag(row.version);
        Ok(OrganisationCreated::Created(Json(row.into()), tag))
    }

    /// Shows an organisation
    #[oai(path = "/organisations/:organisation_id", method = "get", operation_id = "staffGetOrganisation")]
    async fn get(
        &self,
        app: Data<&App>,
        staff: Staff<perm::OrganisationRead>,
        organisation_id: Path<Uuid>,
    ) -> Result<OrganisationAnswer, Problem> {
        Ok(answer(organisations::get(&app, &staff, OrganisationId(organisation_id.0)).await?))
    }

    /// Changes an organisation
    #[oai(
        path = "/organisations/:organisation_id",
        method = "patch",
        operation_id = "staffUpdateOrganisation"
    )]
    async fn update(
        &self,
        app: Data<&App>,
        staff: Staff<perm::OrganisationEdit>,
        organisation_id: Path<Uuid>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
        body: Json<OrganisationPatch>,
    ) -> Result<OrganisationAnswer, Problem> {
        let OrganisationPatch { name, code, closed } = body.0;
        let code = code.map(|code| Some(code).filter(|code| !code.is_empty()));
        let change = organisations::OrganisationChange { name, code, closed };
        let id = OrganisationId(organisation_id.0);
        let done = organisations::update(&app, &staff, id, if_match.0.0, change).await;
        Ok(answer(judge(&app, &staff, (Thing::Organisation, id), done).await?))
    }

    /// Moves an organisation and everything below it
    #[oai(
        path = "/organisations/:organisation_id/move",
        method = "post",
        operation_id = "staffMoveOrganisation"
    )]
    async fn relocate(
        &self,
        app: Data<&App>,
        staff: Staff<perm::OrganisationEdit>,
        organisation_id: Path<Uuid>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
        body: Json<Move>,
    ) -> Result<OrganisationAnswer, Problem> {
        let (id, parent) = (OrganisationId(organisation_id.0), OrganisationId(body.parent_id));
        let done = organisations::relocate(&app, &staff, id, if_match.0.0, parent).await;
        let done = judge(&app, &staff, (Thing::Organisation, id), done).await;
        Ok(answer(judge(&app, &staff, (Thing::Organisation, parent), done).await?))
    }

    /// Lists service areas in scope
    #[oai(path = "/service-areas", method = "get", operation_id = "staffListServiceAreas")]
    async fn list_areas(
        &self,
        app: Data<&App>,
        staff: Staff<perm::OrganisationRead>,
        cursor: Query<Option<String>>,
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<u32>,
    ) -> Result<Json<ServiceAreaPage>, Problem> {
        let filters = ("service_areas", staff.id);
        let after: Option<Uuid> = cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let rows = service_areas::list(&app, &staff, after, limit.0).await?;
        let (rows, next) = paging::cut(rows, limit.0, |row| row.id);
        Ok(Json(ServiceAreaPage {
            items: rows.into_iter().map(|row| area(row, None)).collect(),
            next_cursor: next.map(|at| paging::seal(&app, &filters, at)),
        }))
    }

    /// Draws a service area
    #[oai(path = "/service-areas", method = "post", operation_id = "staffCreateServiceArea")]
    async fn create_area(
        &self,
        app: Data<&App>,
        staff: Staff<perm::ServiceAreaEdit>,
        body: Json<NewServiceArea>,
    ) -> Result<ServiceAreaCreated, Problem> {
        let owner = OrganisationId(body.organisation_id);
        let members = ids(&body.member_ids);
        let done = service_areas::create(&app, &staff, &body.name, owner, &members).await;
        let (row, members) = judge(&app, &staff, (Thing::Organisation, owner), done).await?;
        let tag = etag(row.version);
        Ok(ServiceAreaCreated::Created(Json(area(row, Some(members))), tag))
    }

    /// Shows a service area
    #[oai(path = "/service-areas/:area_id", method = "get", operation_id = "staffGetServiceArea")]
    async fn get_area(
        &self,
        app: Data<&App>,
        staff: Staff<perm::OrganisationRead>,
        area_id: Path<Uuid>,
    ) -> Result<ServiceAreaAnswer, Problem> {
        Ok(area_answer(service_areas::get(&app, &staff, ServiceAreaId(area_id.0)).await?))
    }

    /// Redraws a service area
    #[oai(path = "/service-areas/:area_id", method = "put", operation_id = "staffUpdateServiceArea")]
    async fn update_area(
        &self,
        app: Data<&App>,
        staff: Staff<perm::ServiceAreaEdit>,
        area_id: Path<Uuid>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
        body: Json<ServiceAreaChange>,
    ) -> Result<ServiceAreaAnswer, Problem> {
        let (id, members) = (ServiceAreaId(area_id.0), ids(&body.member_ids));
        let done = service_areas::update(&app, &staff, id, if_match.0.0, &body.name, &members).await;
        Ok(area_answer(judge(&app, &staff, (Thing::ServiceArea, id), done).await?))
    }

    /// Removes a service area
    #[oai(path = "/service-areas/:area_id", method = "delete", operation_id = "staffDeleteServiceArea")]
    async fn delete_area(
        &self,
        app: Data<&App>,
        staff: Staff<perm::ServiceAreaEdit>,
        area_id: Path<Uuid>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
    ) -> Result<Done, Problem> {
        let done = service_areas::delete(&app, &staff, ServiceAreaId(area_id.0), if_match.0.0).await;
        judge(&app, &staff, (Thing::ServiceArea, area_id.0), done).await?;
        Ok(Done::Done)
    }
}

const fn default_limit() -> u32 {
    paging::DEFAULT_LIMIT
}

fn ids(members: &[Uuid]) -> BTreeSet<OrganisationId> {
    members.iter().map(|id| OrganisationId(*id)).collect()
}

fn answer(row: organisation::Model) -> OrganisationAnswer {
    let tag = etag(row.version);
    OrganisationAnswer::Ok(Json(row.into()), tag)
}

fn area(row: service_area::Model, members: Option<Vec<OrganisationId>>) -> ServiceArea {
    ServiceArea {
        id: row.id.to_string(),
        name: row.name,
        organisation_id: row.organisation_id.to_string(),
        member_ids: members.map(|ids| ids.iter().map(ToString::to_string).collect()),
        version: row.version,
    }
}

fn area_answer((row, members): service_areas::WithMembers) -> ServiceAreaAnswer {
    let tag = etag(row.version);
    ServiceAreaAnswer::Ok(Json(area(row, Some(members))), tag)
}
