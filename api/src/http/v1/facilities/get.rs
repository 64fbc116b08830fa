//! One facility.

use aws_lc_rs::digest;
use linli_domain::geo::Datum;
use poem::web::Data;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    types::ToJSON,
};
use uuid::Uuid;

use crate::{
    App,
    app::facilities,
    http::{Problem, facility::Facility, v1::Tag, word::Word},
};

/// Reading a facility.
pub struct Get;

/// The facility, or that it is still as the caller knows it.
#[derive(ApiResponse)]
#[expect(clippy::large_enum_variant, reason = "made once per answer and rendered at once")]
pub enum Found {
    /// The facility.
    #[oai(status = 200)]
    Changed(
        Json<Facility>,
        /// Changes with every part of the answer, opening and closing included.
        #[oai(header = "ETag")]
        String,
        #[oai(header = "Cache-Control")] String,
    ),
    /// It is as the caller knows it.
    #[oai(status = 304)]
    Unchanged(#[oai(header = "ETag")] String),
}

#[OpenApi(tag = "Tag::Facilities")]
impl Get {
    /// Reads a facility
    ///
    /// Everything one asks before walking there, what it announces today, and whether it is open
    /// now. A facility that has closed for good is still found here, with that status.
    #[oai(path = "/facilities/:facility_id", method = "get", operation_id = "getFacility")]
    async fn get(
        &self,
        app: Data<&App>,
        facility_id: Path<Uuid>,
        /// Coordinate system of the answer; `wgs84` unless said otherwise.
        coord: Query<Option<Word<Datum>>>,
        #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>,
    ) -> Result<Found, Problem> {
        let shown = facilities::show(&app, facility_id.0.into()).await?;
        let facility = Facility::of(shown, coord.0.map_or(Datum::Wgs84, |word| word.0));
        let body = digest::digest(&digest::SHA256, facility.to_json_string().as_bytes());
        let etag = format!("\"{}\"", hex::encode(&body.as_ref()[..12]));
        let known = if_none_match.0.is_some_and(|known| known.split(',').any(|tag| tag.trim() == etag));
        Ok(if known {
            Found::Unchanged(etag)
        } else {
            Found::Changed(Json(facility), etag, "no-cache".to_owned())
        })
    }
}
