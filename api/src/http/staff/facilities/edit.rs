//! Reading and changing one facility.

use linli_domain::{
    access::{Scope, perm},
    facility::FacilityStatus,
    ids::FacilityId,
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path},
    payload::Json,
};
use uuid::Uuid;

use crate::{
    App,
    app::{
        facilities::{self, edit},
        staff::sight::{Thing, judge},
    },
    http::{
        Problem,
        auth::Staff,
        etag::{IfMatch, etag},
        facility::{Hours, Profile, StaffFacility},
        staff::Tag,
        word::Word,
    },
};

/// Reading and changing.
pub struct Edit;

/// The facility at its version.
#[derive(ApiResponse)]
pub enum AtVersion {
    /// The facility.
    #[oai(status = 200)]
    Facility(Json<StaffFacility>, #[oai(header = "ETag")] String),
}

/// A move of the status.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct StatusChange {
    /// Where it shall stand.
    status: Word<FacilityStatus>,
}

#[OpenApi(tag = "Tag::Facilities")]
impl Edit {
    /// Reads a facility
    #[oai(path = "/facilities/:facility_id", method = "get", operation_id = "staffGetFacility")]
    async fn get(
        &self,
        app: Data<&App>,
        staff: Staff<perm::FacilityRead>,
        facility_id: Path<Uuid>,
    ) -> Result<AtVersion, Problem> {
        read(&app, &staff.scope, facility_id.0.into()).await
    }

    /// Replaces what is said about a facility
    ///
    /// The profile is replaced whole: what is left out is gone. The status moves by its own
    /// operation.
    #[oai(path = "/facilities/:facility_id", method = "put", operation_id = "staffReplaceFacility")]
    async fn replace(
        &self,
        app: Data<&App>,
        staff: Staff<perm::FacilityEdit>,
        facility_id: Path<Uuid>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
        body: Json<Profile>,
    ) -> Result<AtVersion, Problem> {
        let id = FacilityId(facility_id.0);
        let facility = body.0.parse(app.env.now())?;
        let done = edit::replace(&app, staff.id, &staff.scope, id, if_match.0.0, &facility).await;
        judge(&app, &staff, (Thing::Facility, id), done).await?;
        read(&app, &staff.scope, id).await
    }

    /// Replaces the opening hours, exceptions included
    #[oai(
        path = "/facilities/:facility_id/hours",
        method = "put",
        operation_id = "staffReplaceFacilityHours"
    )]
    async fn set_hours(
        &self,
        app: Data<&App>,
        staff: Staff<perm::FacilityEdit>,
        facility_id: Path<Uuid>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
        body: Json<Hours>,
    ) -> Result<AtVersion, Problem> {
        let id = FacilityId(facility_id.0);
        let hours = body.0.parse()?;
        let done = edit::set_hours(&app, staff.id, &staff.scope, id, if_match.0.0, &hours).await;
        judge(&app, &staff, (Thing::Facility, id), done).await?;
        read(&app, &staff.scope, id).await
    }

    /// Moves the status
    ///
    /// `planned` → `trial` or `open`; between `trial`, `open` and `suspended`; anything → `closed`,
    /// which is the end.
    #[oai(path = "/facilities/:facility_id/status", method = "put", operation_id = "staffSetFacilityStatus")]
    async fn set_status(
        &self,
        app: Data<&App>,
        staff: Staff<perm::FacilityEdit>,
        facility_id: Path<Uuid>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
        body: Json<StatusChange>,
    ) -> Result<AtVersion, Problem> {
        let id = FacilityId(facility_id.0);
        let done = edit::set_status(&app, staff.id, &staff.scope, id, if_match.0.0, body.0.status.0).await;
        judge(&app, &staff, (Thing::Facility, id), done).await?;
        read(&app, &staff.scope, id).await
    }
}

/// The facility as it is stored.
async fn read(app: &App, scope: &Scope, id: FacilityId) -> Result<AtVersion, Problem> {
    let stored = facilities::find(app, scope, id).await?;
    let version = etag(stored.version);
    Ok(AtVersion::Facility(Json(StaffFacility::from(stored)), version))
}
