//! Photos.

use linli_domain::{Code, access::perm};
use poem::web::Data;
use poem_openapi::{ApiResponse, Multipart, OpenApi, param::Path, payload::Json, types::multipart::Upload};
use uuid::Uuid;

use crate::{
    App,
    app::{
        facilities::photos,
        staff::sight::{Thing, judge},
    },
    http::{Problem, auth::Staff, facility::Photo, staff::Tag},
};

/// Uploading and removing.
pub struct Photos;

/// A photo to be added.
#[derive(Debug, Multipart)]
#[oai(deny_unknown_fields)]
pub struct NewPhoto {
    /// JPEG, PNG or WebP, at most 8 MiB; published without what the camera wrote into it.
    file: Upload,
    /// What it shows, at most 100 characters.
    caption: Option<String>,
}

/// The photo was added.
#[derive(ApiResponse)]
pub enum Added {
    /// The photo.
    #[oai(status = 201)]
    Added(Json<Photo>),
}

/// It is gone.
#[derive(ApiResponse)]
pub enum Removed {
    /// Nobody sees it any more.
    #[oai(status = 204)]
    Removed,
}

#[OpenApi(tag = "Tag::Facilities")]
impl Photos {
    /// Adds a photo
    ///
    /// At most 12 per facility. What the file is, is read from its content.
    #[oai(path = "/facilities/:facility_id/photos", method = "post", operation_id = "staffAddPhoto")]
    async fn add(
        &self,
        app: Data<&App>,
        staff: Staff<perm::FacilityEdit>,
        facility_id: Path<Uuid>,
        body: NewPhoto,
    ) -> Result<Added, Problem> {
        let bytes = body.file.into_vec().await.map_err(|_| Code::MalformedBody)?;
        let id = facility_id.0.into();
        let done = photos::add(&app, staff.id, &staff.scope, id, body.caption, &bytes).await;
        let row = judge(&app, &staff, (Thing::Facility, facility_id.0), done).await?;
        Ok(Added::Added(Json(Photo::from(&row))))
    }

    /// Removes a photo
    #[oai(
        path = "/facilities/:facility_id/photos/:photo_id",
        method = "delete",
        operation_id = "staffRemovePhoto"
    )]
    async fn remove(
        &self,
        app: Data<&App>,
        staff: Staff<perm::FacilityEdit>,
        facility_id: Path<Uuid>,
        photo_id: Path<Uuid>,
    ) -> Result<Removed, Problem> {
        let (facility, photo) = (facility_id.0.into(), photo_id.0.into());
        let done = photos::remove(&app, staff.id, &staff.scope, facility, photo).await;
        judge(&app, &staff, (Thing::Facility, facility_id.0), done).await?;
        Ok(Removed::Removed)
    }
}
