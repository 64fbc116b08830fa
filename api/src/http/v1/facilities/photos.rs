//! Photos, as bytes.

use poem::{IntoResponse, Response, http::header, web::Data};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::Path,
    payload::{Binary, Payload},
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
};
use uuid::Uuid;

use crate::{
    App,
    app::facilities::photos,
    http::{Problem, v1::Tag},
};

/// Reading photos.
pub struct Photos;

/// The bytes of a photo.
pub struct PhotoBytes {
    content_type: String,
    digest: String,
    bytes: Vec<u8>,
}

impl IntoResponse for PhotoBytes {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type(&self.content_type)
            // A photo never changes under its id.
            .header(header::CACHE_CONTROL, "public, max-age=31536000, immutable")
            .header(header::ETAG, format!("\"{}\"", self.digest))
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox")
            .body(self.bytes)
    }
}

impl ApiResponse for PhotoBytes {
    fn meta() -> MetaResponses {
        let schema_ref = <Binary<Vec<u8>> as Payload>::schema_ref;
        let types = ["image/jpeg", "image/png", "image/webp"];
        let content = types.map(|content_type| MetaMediaType { content_type, schema: schema_ref() });
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The photo.",
                status: Some(200),
                status_range: None,
                content: content.into(),
                headers: vec![],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}

#[OpenApi(tag = "Tag::Facilities")]
impl Photos {
    /// Reads a photo
    #[oai(
        path = "/facilities/:facility_id/photos/:photo_id",
        method = "get",
        operation_id = "getFacilityPhoto"
    )]
    async fn get(
        &self,
        app: Data<&App>,
        facility_id: Path<Uuid>,
        photo_id: Path<Uuid>,
    ) -> Result<PhotoBytes, Problem> {
        let (row, bytes) = photos::read(&app, facility_id.0.into(), photo_id.0.into()).await?;
        Ok(PhotoBytes { content_type: row.content_type, digest: row.digest, bytes })
    }
}
