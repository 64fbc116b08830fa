//! The service itself, for staff.

use linli_domain::access::perm;
use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};

use super::Tag;
use crate::{
    App,
    http::{Problem, auth::Staff},
};

/// Operations of the service itself.
pub struct System;

/// A sign of life.
#[derive(Object)]
pub(super) struct StaffPing {
    /// The server's clock, RFC 3339.
    now: String,
    /// Whose token this is.
    staff_id: String,
}

#[OpenApi(tag = "Tag::System")]
impl System {
    /// Checks a token
    ///
    /// Answers the server's time and whose token it is.
    #[oai(path = "/ping", method = "get", operation_id = "staffPing")]
    async fn ping(
        &self,
        app: Data<&App>,
        staff: Staff<perm::OwnAccount>,
    ) -> Result<Json<StaffPing>, Problem> {
        Ok(Json(StaffPing { now: app.env.now().to_rfc3339(), staff_id: staff.id.to_string() }))
    }
}
