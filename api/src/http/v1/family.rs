//! Family links, consents and favourites.

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset};
use linli_domain::{
    consent::{ConsentKind, FamilyScope},
    ids::{ConsentId, FacilityId, FamilyLinkId, ResidentId},
    time::local,
};
use linli_store::storage::residents::{consent, family_link};
use poem::web::Data;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use super::{Tag, auth::Done};
use crate::{
    App,
    app::residents::{consents, family, favourites},
    http::{Problem, auth::Resident},
};

/// Operations on family links, consents and favourites.
pub struct Family;

/// What the other may do.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "snake_case")]
pub enum Scope {
    /// See bookings and orders.
    See,
    /// Book rooms and places.
    Book,
    /// Order meals.
    Order,
}

/// An invitation to act for oneself, or what a link allows.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct Scopes {
    /// What the other may do; at least one.
    #[oai(validator(min_items = 1, max_items = 8))]
    scopes: Vec<Scope>,
}

/// A code someone was told.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct FamilyCode {
    /// Eight digits.
    #[oai(validator(min_length = 1, max_length = 32))]
    code: String,
}

/// Which side one is on.
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "snake_case")]
pub enum Side {
    /// The other acts for me.
    Principal,
    /// I act for the other.
    Agent,
}

/// A family link.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Link {
    /// Id.
    id: String,
    /// Which side one is on.
    side: Side,
    /// The other resident, once the invitation is accepted.
    other_id: Option<String>,
    /// What may be done.
    scopes: Vec<String>,
    /// Until when the invitation can be accepted, while it is open.
    expires_at: Option<DateTime<FixedOffset>>,
    /// When it was accepted.
    accepted_at: Option<DateTime<FixedOffset>>,
}

/// An open invitation and its code.
#[derive(Object)]
pub struct Invitation {
    /// The link.
    link: Link,
    /// Eight digits to tell the other; shown this once.
    code: String,
}

/// An invitation was made.
#[derive(ApiResponse)]
pub enum InvitationAnswer {
    /// The invitation.
    #[oai(status = 201)]
    Created(Json<Invitation>),
}

/// Family links.
#[derive(Object)]
pub struct LinkList {
    /// The oldest first.
    items: Vec<Link>,
}

/// Kinds of text one consents to.
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "snake_case")]
pub enum TextKind {
    /// The privacy notice.
    Privacy,
    /// Messages beyond what a booking needs.
    Messages,
    /// Figures that name nobody.
    Statistics,
}

/// A consent to a text.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewConsent {
    /// What it is about.
    kind: TextKind,
    /// Version of the text that was shown.
    #[oai(validator(min_length = 1, max_length = 32, pattern = r"^[0-9A-Za-z._-]+$"))]
    text_version: String,
}

/// A consent.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Consent {
    /// Id.
    id: String,
    /// What it is about.
    kind: String,
    /// The family link it is about, for the kind `family`.
    family_link_id: Option<String>,
    /// How far it goes.
    scopes: Vec<String>,
    /// Version of the text that was shown.
    text_version: Option<String>,
    /// When it was given.
    given_at: DateTime<FixedOffset>,
    /// When it was taken back.
    revoked_at: Option<DateTime<FixedOffset>>,
}

/// A consent was given.
#[derive(ApiResponse)]
pub enum ConsentAnswer {
    /// The consent.
    #[oai(status = 201)]
    Created(Json<Consent>),
}

/// Consents.
#[derive(Object)]
pub struct ConsentList {
    /// The latest first, those taken back too.
    items: Vec<Consent>,
}

/// A favourite.
#[derive(Object)]
pub struct Favourite {
    /// Facility.
    facility_id: String,
    /// Since when.
    since: DateTime<FixedOffset>,
}

/// Favourites.
#[derive(Object)]
pub struct FavouriteList {
    /// The latest first.
    items: Vec<Favourite>,
}

#[OpenApi(tag = "Tag::Me")]
impl Family {
    /// Lists one's family links
    #[oai(path = "/me/family", method = "get", operation_id = "listFamily")]
    async fn list(&self, app: Data<&App>, resident: Resident) -> Result<Json<LinkList>, Problem> {
        let rows = family::list(&app, resident.id).await?;
        Ok(Json(LinkList { items: rows.into_iter().map(|row| link(row, resident.id)).collect() }))
    }

    /// Invites someone to act for oneself
    #[oai(path = "/me/family", method = "post", operation_id = "inviteFamily")]
    async fn invite(
        &self,
        app: Data<&App>,
        resident: Resident,
        body: Json<Scopes>,
    ) -> Result<InvitationAnswer, Problem> {
        let (row, code) = family::invite(&app, resident.id, &parse(&body.scopes)).await?;
        Ok(InvitationAnswer::Created(Json(Invitation { link: link(row, resident.id), code })))
    }

    /// Accepts an invitation to act for someone
    #[oai(path = "/me/family/accept", method = "post", operation_id = "acceptFamily")]
    async fn accept(
        &self,
        app: Data<&App>,
        resident: Resident,
        body: Json<FamilyCode>,
    ) -> Result<Json<Link>, Problem> {
        Ok(Json(link(family::accept(&app, resident.id, &body.code).await?, resident.id)))
    }

    /// Changes what the other may do
    #[oai(path = "/me/family/:link_id", method = "put", operation_id = "updateFamily")]
    async fn rescope(
        &self,
        app: Data<&App>,
        resident: Resident,
        link_id: Path<Uuid>,
        body: Json<Scopes>,
    ) -> Result<Json<Link>, Problem> {
        let row = family::rescope(&app, resident.id, FamilyLinkId(link_id.0), &parse(&body.scopes)).await?;
        Ok(Json(link(row, resident.id)))
    }

    /// Ends a family link or an invitation
    #[oai(path = "/me/family/:link_id", method = "delete", operation_id = "endFamily")]
    async fn end(&self, app: Data<&App>, resident: Resident, link_id: Path<Uuid>) -> Result<Done, Problem> {
        family::end(&app, resident.id, FamilyLinkId(link_id.0)).await?;
        Ok(Done::Done)
    }

    /// Lists one's consents
    #[oai(path = "/me/consents", method = "get", operation_id = "listConsents")]
    async fn consents(&self, app: Data<&App>, resident: Resident) -> Result<Json<ConsentList>, Problem> {
        let rows = consents::list(&app, resident.id).await?;
        Ok(Json(ConsentList { items: rows.into_iter().map(render_consent).collect() }))
    }

    /// Consents to a text
    #[oai(path = "/me/consents", method = "post", operation_id = "giveConsent")]
    async fn give_consent(
        &self,
        app: Data<&App>,
        resident: Resident,
        body: Json<NewConsent>,
    ) -> Result<ConsentAnswer, Problem> {
        let kind = match body.kind {
            TextKind::Privacy => ConsentKind::Privacy,
            TextKind::Messages => ConsentKind::Messages,
            TextKind::Statistics => ConsentKind::Statistics,
        };
        let row = consents::give_text(&app, resident.id, kind, &body.text_version).await?;
        Ok(ConsentAnswer::Created(Json(render_consent(row))))
    }

    /// Takes a consent back
    ///
    /// A consent that a family link rests on ends the link.
    #[oai(path = "/me/consents/:consent_id", method = "delete", operation_id = "revokeConsent")]
    async fn revoke_consent(
        &self,
        app: Data<&App>,
        resident: Resident,
        consent_id: Path<Uuid>,
    ) -> Result<Done, Problem> {
        consents::revoke(&app, resident.id, ConsentId(consent_id.0)).await?;
        Ok(Done::Done)
    }

    /// Lists one's favourites
    #[oai(path = "/me/favourites", method = "get", operation_id = "listFavourites")]
    async fn favourites(&self, app: Data<&App>, resident: Resident) -> Result<Json<FavouriteList>, Problem> {
        let rows = favourites::list(&app, resident.id).await?;
        let items = rows
            .into_iter()
            .map(|row| Favourite { facility_id: row.facility_id.to_string(), since: local(row.created_at) });
        Ok(Json(FavouriteList { items: items.collect() }))
    }

    /// Keeps a facility at hand
    #[oai(path = "/me/favourites/:facility_id", method = "put", operation_id = "addFavourite")]
    async fn add_favourite(
        &self,
        app: Data<&App>,
        resident: Resident,
        facility_id: Path<Uuid>,
    ) -> Result<Done, Problem> {
        favourites::add(&app, resident.id, FacilityId(facility_id.0)).await?;
        Ok(Done::Done)
    }

    /// Forgets a favourite
    #[oai(path = "/me/favourites/:facility_id", method = "delete", operation_id = "removeFavourite")]
    async fn remove_favourite(
        &self,
        app: Data<&App>,
        resident: Resident,
        facility_id: Path<Uuid>,
    ) -> Result<Done, Problem> {
        favourites::remove(&app, resident.id, FacilityId(facility_id.0)).await?;
        Ok(Done::Done)
    }
}

fn parse(scopes: &[Scope]) -> BTreeSet<FamilyScope> {
    let parsed = scopes.iter().map(|scope| match scope {
        Scope::See => FamilyScope::See,
        Scope::Book => FamilyScope::Book,
        Scope::Order => FamilyScope::Order,
    });
    parsed.collect()
}

fn link(row: family_link::Model, me: ResidentId) -> Link {
    let side = if row.principal_id == me.0 { Side::Principal } else { Side::Agent };
    let other = match side {
        Side::Principal => row.agent_id,
        Side::Agent => Some(row.principal_id),
    };
    Link {
        id: row.id.to_string(),
        side,
        other_id: other.map(|id| id.to_string()),
        scopes: names(&row.scopes),
        expires_at: row.accepted_at.is_none().then(|| local(row.expires_at)),
        accepted_at: row.accepted_at.map(local),
    }
}

fn render_consent(row: consent::Model) -> Consent {
    Consent {
        id: row.id.to_string(),
        kind: row.kind,
        family_link_id: (!row.subject_id.is_nil()).then(|| row.subject_id.to_string()),
        scopes: names(&row.scopes),
        text_version: row.text_version,
        given_at: local(row.given_at),
        revoked_at: row.revoked_at.map(local),
    }
}

fn names(scopes: &serde_json::Value) -> Vec<String> {
    scopes.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}
