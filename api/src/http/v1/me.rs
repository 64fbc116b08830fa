//! One's own record, sessions, and what the record holds altogether.

use chrono::{DateTime, FixedOffset};
use linli_domain::{
    ids::{OrganisationId, SessionId},
    person::{IdCard, PersonName},
    time::{local, local_date},
};
use linli_store::storage::{
    residents::resident,
    sessions::{Owner, list},
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    param::{Header, Path},
    payload::Json,
};
use uuid::Uuid;

use super::{Tag, auth::Done};
use crate::{
    App,
    app::{
        residents::{self, erasure, export, profile},
        sessions,
    },
    http::{
        Problem,
        auth::Resident,
        etag::{IfMatch, etag},
    },
};

/// Operations on one's own record.
pub struct Me;

/// One's own record.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct OwnRecord {
    /// Id.
    id: String,
    /// Name.
    name: Option<String>,
    /// Telephone number.
    phone: Option<String>,
    /// Identity number, masked also here: a lost phone must not show it.
    id_card_masked: Option<String>,
    /// How well the service knows the person.
    assurance: String,
    /// The community one calls home.
    community_id: Option<String>,
    /// When the record will be deleted, if that was asked for.
    erase_after: Option<DateTime<FixedOffset>>,
    /// When the record was made.
    created_at: DateTime<FixedOffset>,
}

/// One's own record with its version.
#[derive(ApiResponse)]
pub enum ProfileAnswer {
    /// The record.
    #[oai(status = 200)]
    Ok(
        Json<OwnRecord>,
        /// Version, for `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

/// Fields that can be emptied.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "snake_case")]
pub enum Clearable {
    /// Name.
    Name,
    /// Identity number.
    IdCard,
    /// Home community.
    CommunityId,
}

/// A change; what is left out stays.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ProfilePatch {
    /// Name.
    #[oai(validator(max_length = 200))]
    name: Option<String>,
    /// Identity number of 18 characters.
    #[oai(validator(max_length = 64))]
    id_card: Option<String>,
    /// The community one calls home.
    community_id: Option<Uuid>,
    /// Fields to empty.
    #[oai(default, validator(max_items = 8))]
    clear: Vec<Clearable>,
}

/// A signed-in session.
#[derive(Object)]
pub struct Session {
    /// Id.
    id: String,
    /// What kind of client signed in.
    client: String,
    /// Whether this request came through it.
    current: bool,
    /// When.
    created_at: DateTime<FixedOffset>,
    /// When it was last renewed.
    last_used_at: DateTime<FixedOffset>,
}

/// Sessions.
#[derive(Object)]
pub struct SessionList {
    /// The last used first.
    items: Vec<Session>,
}

/// When a record will be deleted.
#[derive(Object)]
pub struct Erasure {
    /// Until then, `POST /me/keep` takes the wish back.
    erase_after: DateTime<FixedOffset>,
}

/// The answer to the wish to be deleted.
#[derive(ApiResponse)]
pub enum ErasureAnswer {
    /// It will be done.
    #[oai(status = 202)]
    Accepted(Json<Erasure>),
}

#[OpenApi(tag = "Tag::Me")]
impl Me {
    /// Shows one's own record
    #[oai(path = "/me", method = "get", operation_id = "getMe")]
    async fn get(&self, app: Data<&App>, resident: Resident) -> Result<ProfileAnswer, Problem> {
        render(&app, profile::get(&app, resident.id).await?)
    }

    /// Changes one's own record
    #[oai(path = "/me", method = "patch", operation_id = "updateMe")]
    async fn update(
        &self,
        app: Data<&App>,
        resident: Resident,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
        body: Json<ProfilePatch>,
    ) -> Result<ProfileAnswer, Problem> {
        let change = parse(&app, &body)?;
        render(&app, profile::update(&app, resident.id, if_match.0.0, change).await?)
    }

    /// Exports everything one's record holds
    #[oai(path = "/me/export", method = "get", operation_id = "exportMe")]
    async fn export(&self, app: Data<&App>, resident: Resident) -> Result<Json<serde_json::Value>, Problem> {
        Ok(Json(export::export(&app, resident.id).await?))
    }

    /// Asks for one's record to be deleted
    ///
    /// It is deleted after 15 days; until then the wish can be taken back. Other sessions end now.
    #[oai(path = "/me", method = "delete", operation_id = "deleteMe")]
    async fn delete(&self, app: Data<&App>, resident: Resident) -> Result<ErasureAnswer, Problem> {
        let when = profile::request_erasure(&app, resident.id, resident.session, erasure::GRACE).await?;
        Ok(ErasureAnswer::Accepted(Json(Erasure { erase_after: local(when) })))
    }

    /// Takes the wish to be deleted back
    #[oai(path = "/me/keep", method = "post", operation_id = "keepMe")]
    async fn keep(&self, app: Data<&App>, resident: Resident) -> Result<ProfileAnswer, Problem> {
        render(&app, profile::keep(&app, resident.id).await?)
    }

    /// Lists one's sessions
    #[oai(path = "/me/sessions", method = "get", operation_id = "listMySessions")]
    async fn sessions(&self, app: Data<&App>, resident: Resident) -> Result<Json<SessionList>, Problem> {
        let rows = list(app.db.read(), app.env.now(), Owner::Resident(resident.id)).await?;
        let items = rows.into_iter().map(|row| Session {
            current: row.id == resident.session.0,
            id: row.id.to_string(),
            client: row.client,
            created_at: local(row.created_at),
            last_used_at: local(row.last_used_at),
        });
        Ok(Json(SessionList { items: items.collect() }))
    }

    /// Ends one of one's sessions
    #[oai(path = "/me/sessions/:session_id", method = "delete", operation_id = "endMySession")]
    async fn end_session(
        &self,
        app: Data<&App>,
        resident: Resident,
        session_id: Path<Uuid>,
    ) -> Result<Done, Problem> {
        sessions::end(&app, Owner::Resident(resident.id), SessionId(session_id.0), "ended_by_owner").await?;
        Ok(Done::Done)
    }
}

fn parse(app: &App, patch: &ProfilePatch) -> Result<profile::ProfileChange, Problem> {
    let today = local_date(app.env.now());
    let name = patch.name.as_deref().map(PersonName::parse).transpose().map_err(|e| e.at("name"))?;
    let card = patch.id_card.as_deref().map(|text| IdCard::parse(text, today));
    let card = card.transpose().map_err(|e| e.at("id_card"))?;
    let clears = |field| patch.clear.contains(&field);
    Ok(profile::ProfileChange {
        name: if clears(Clearable::Name) { Some(None) } else { name.map(Some) },
        id_card: if clears(Clearable::IdCard) { Some(None) } else { card.map(Some) },
        community_id: match patch.community_id {
            _ if clears(Clearable::CommunityId) => Some(None),
            given => given.map(|id| Some(OrganisationId(id))),
        },
    })
}

fn render(app: &App, row: resident::Model) -> Result<ProfileAnswer, Problem> {
    let person = residents::open(app, &row)?;
    let profile = OwnRecord {
        id: row.id.to_string(),
        name: person.name.map(|name| name.expose().to_owned()),
        phone: person.phone.map(|phone| phone.expose().to_owned()),
        id_card_masked: person.id_card.map(|card| card.masked()),
        assurance: row.assurance,
        community_id: row.community_id.map(|id| id.to_string()),
        erase_after: row.erase_after.map(local),
        created_at: local(row.created_at),
    };
    Ok(ProfileAnswer::Ok(Json(profile), etag(row.version)))
}
