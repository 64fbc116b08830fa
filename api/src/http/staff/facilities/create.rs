//! Entering a facility: what is sent and answered. The operation stands beside the list, whose path it has.

use linli_domain::{Code, access::perm, facility::FacilityStatus, ids::FacilityId};
use linli_store::{
    Error,
    idempotency::{Begun, Stored},
};
use poem_openapi::{ApiResponse, Object, payload::Json};
use serde_json::json;
use uuid::Uuid;

use crate::{
    App,
    app::{
        facilities::edit,
        staff::sight::{Thing, is_seen_only},
    },
    http::{Problem, auth::Staff, etag::etag, facility::Profile, idempotency::Idempotent, word::Word},
};

/// A facility to be entered.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewFacility {
    /// The organisation it shall belong to.
    organisation_id: Uuid,
    /// Its id in the register it is copied from; refused when that is there already.
    external_id: Option<String>,
    /// `open` unless said otherwise.
    status: Option<Word<FacilityStatus>>,
    /// What is said about it.
    profile: Profile,
}

/// The facility that was entered.
#[derive(Debug, Object)]
pub struct CreatedFacility {
    /// Its id.
    id: String,
    /// Its version.
    version: i64,
}

/// The facility was entered.
#[derive(ApiResponse)]
pub enum Created {
    /// The facility was entered, now or by an earlier request with the same key.
    #[oai(status = 201)]
    Created(
        Json<CreatedFacility>,
        #[oai(header = "ETag")] String,
        /// `true` when an earlier request with the same key did it.
        #[oai(header = "Idempotent-Replayed")]
        Option<String>,
    ),
}

/// Enters it.
pub(super) async fn create(
    app: &App,
    staff: &Staff<perm::FacilityEdit>,
    key: Idempotent,
    body: NewFacility,
) -> Result<Created, Problem> {
    let NewFacility { organisation_id, external_id, status, profile } = body;
    let create = edit::Create {
        organisation_id: organisation_id.into(),
        external_id,
        status: status.map_or(FacilityStatus::Open, |word| word.0),
        facility: profile.parse(app.env.now())?,
    };
    let id = app.env.id::<FacilityId>();
    let request = key.record(format!("staff:{}", staff.id), "facilities.create");
    let answer = Stored { status: 201, answer: json!({ "id": id }) };
    let owner = create.organisation_id.0;
    let begun = match edit::create(app, staff.id, &staff.scope, id, &create, &request, &answer).await {
        Err(Error::Refused(_)) if is_seen_only(app, staff, Thing::Organisation, owner).await? => {
            return Err(Code::Forbidden.into());
        }
        begun => begun?,
    };
    let (id, replayed) = match begun {
        Begun::Fresh => (id.to_string(), None),
        Begun::Replay(stored) => {
            let id = stored.answer["id"].as_str().ok_or(Code::Internal)?.to_owned();
            (id, Some("true".to_owned()))
        }
    };
    Ok(Created::Created(Json(CreatedFacility { id, version: 1 }), etag(1), replayed))
}
