//! Not found or not allowed: what a right that is held elsewhere is told.
//!
//! A use case finds only what lies in the scope of the permission it asks for, and says "not
//! found" of everything else. Where the caller sees the thing under another of their roles, that
//! would be a riddle: they read the facility and are told that it does not exist. So whoever may
//! read it there is told that the right is missing. Whoever may not learns nothing.

use linli_domain::{Code, access::Permission};
use linli_store::Error;
use sea_orm::{ConnectionTrait, ExprTrait, sea_query::Query};
use uuid::Uuid;

use crate::{App, http::auth::StaffActor};

/// Kinds of things that have a place in the tree and a permission to see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A facility, with its notices and photos.
    Facility,
    /// A room.
    Room,
    /// A booking.
    Booking,
    /// A quota rule.
    QuotaRule,
    /// An organisation.
    Organisation,
    /// A service area.
    ServiceArea,
    /// A staff account.
    Account,
    /// A resident's record.
    Resident,
}

impl Thing {
    /// Table, column of the place, and the permission by which it is seen.
    const fn seen_by(self) -> (&'static str, &'static str, Permission) {
        match self {
            Self::Facility => ("facility", "org_path", Permission::FacilityRead),
            Self::Room => ("room", "org_path", Permission::RoomRead),
            Self::Booking => ("booking", "org_path", Permission::BookingRead),
            Self::QuotaRule => ("quota_rule", "org_path", Permission::RoomRead),
            Self::Organisation => ("organisation", "path", Permission::OrganisationRead),
            Self::ServiceArea => ("service_area", "org_path", Permission::OrganisationRead),
            Self::Account => ("staff", "org_path", Permission::StaffRead),
            Self::Resident => ("resident", "org_path", Permission::ResidentRead),
        }
    }
}

/// Passes on what a use case answered; "not found" becomes "not allowed" where the caller sees the
/// thing and lacks the right to do this to it.
pub async fn judge<T>(
    app: &App,
    staff: &StaffActor,
    (thing, id): (Thing, impl Into<Uuid>),
    done: Result<T, Error>,
) -> Result<T, Error> {
    let hidden = done.as_ref().err().and_then(Error::refusal).is_some_and(|said| said.code == Code::NotFound);
    if hidden && is_seen_only(app, staff, thing, id.into()).await? {
        return Err(Code::Forbidden.into());
    }
    done
}

/// Whether the caller may see the thing where it is, and may not do there what they ask.
pub async fn is_seen_only(app: &App, staff: &StaffActor, thing: Thing, id: Uuid) -> Result<bool, Error> {
    let (table, place, permission) = thing.seen_by();
    let find = Query::select()
        .column(place)
        .from(table)
        .and_where(sea_orm::sea_query::Expr::col("id").eq(id))
        .to_owned();
    let Some(row) = app.db.read().query_one(&find).await? else { return Ok(false) };
    // A resident whose record names no community lies nowhere, and so in nobody's sight.
    let place: Option<String> = row.try_get_by_index(0)?;
    let sees = staff.member.authority.scope(permission);
    Ok(place.is_some_and(|place| sees.covers(&place) && !staff.scope.covers(&place)))
}
