//! The service itself.

use linli_domain::time::local;
use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};

use super::Tag;
use crate::{
    App,
    http::{Problem, auth::Resident},
};

/// Operations of the service itself.
pub struct System;

/// A sign of life.
#[derive(Object)]
pub(super) struct Ping {
    /// The server's clock, RFC 3339.
    now: String,
    /// Whose token this is.
    resident_id: String,
}

#[OpenApi(tag = "Tag::System")]
impl System {
    /// Checks a token
    ///
    /// Answers the server's time and whose token it is. The yardstick of our benchmarks: a small
    /// authenticated JSON answer that touches no store.
    #[oai(path = "/ping", method = "get", operation_id = "ping")]
    async fn ping(&self, app: Data<&App>, resident: Resident) -> Result<Json<Ping>, Problem> {
        Ok(Json(Ping { now: local(app.env.now()).to_rfc3339(), resident_id: resident.id.to_string() }))
    }
}
