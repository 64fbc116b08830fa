//! Everything a resident's record holds, for the resident.

use linli_domain::{Vocabulary, bookings::State, ids::ResidentId, time::local};
use linli_store::{
    Error,
    audit::{self, Actor},
    storage::{
        bookings::{self as rows, calendar_feed, message},
        facilities::report,
        residents::{identity, merge},
        sessions::session,
    },
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};

use super::{consents, family, favourites, lookup, open, profile};
use crate::{App, app::bookings::desk};

/// The record, opened, with everything that hangs on it.
pub async fn export(app: &App, id: ResidentId) -> Result<Value, Error> {
    let row = profile::get(app, id).await?;
    let person = open(app, &row)?;
    let identities =
        identity::Entity::find().filter(identity::Column::ResidentId.eq(id.0)).all(app.db.read()).await?;
    let merges = merge::Entity::find().filter(merge::Column::WinnerId.eq(id.0)).all(app.db.read()).await?;
    let sessions = session::Entity::find()
        .filter(session::Column::ResidentId.eq(id.0))
        .order_by_desc(session::Column::CreatedAt)
        .all(app.db.read())
        .await?;
    let household = lookup::household_of(app.db.read(), id).await?;
    Ok(json!({
        "exported_at": local(app.env.now()).to_rfc3339(),
        "resident": {
            "id": id,
            "name": person.name.as_ref().map(|name| name.expose()),
            "phone": person.phone.as_ref().map(|phone| phone.expose()),
            "id_card": person.id_card.as_ref().map(|card| card.expose()),
            "assurance": row.assurance,
            "community_id": row.community_id,
            "created_at": local(row.created_at).to_rfc3339(),
            "updated_at": local(row.updated_at).to_rfc3339(),
            "erase_after": row.erase_after.map(|at| local(at).to_rfc3339()),
        },
        "identities": identities.iter().map(|row| json!({
            "issuer": row.issuer,
            "linked_at": local(row.created_at).to_rfc3339(),
        })).collect::<Vec<_>>(),
        "sessions": sessions.iter().map(|row| json!({
            "client": row.client,
            "created_at": local(row.created_at).to_rfc3339(),
            "last_used_at": local(row.last_used_at).to_rfc3339(),
            "ended_at": row.revoked_at.map(|at| local(at).to_rfc3339()),
        })).collect::<Vec<_>>(),
        "household": household.map(|row| json!({
            "id": row.household_id,
            "verified_at": local(row.verified_at).to_rfc3339(),
        })),
        "family": family::list(app, id).await?.iter().map(|row| json!({
            "id": row.id,
            "i_am": if row.principal_id == id.0 { "principal" } else { "agent" },
            "scopes": row.scopes,
            "invited_at": local(row.invited_at).to_rfc3339(),
            "accepted_at": row.accepted_at.map(|at| local(at).to_rfc3339()),
        })).collect::<Vec<_>>(),
        "consents": consents::list(app, id).await?.iter().map(|row| json!({
            "id": row.id,
            "kind": row.kind,
            "scopes": row.scopes,
            "text_version": row.text_version,
            "given_at": local(row.given_at).to_rfc3339(),
            "revoked_at": row.revoked_at.map(|at| local(at).to_rfc3339()),
        })).collect::<Vec<_>>(),
        "favourites": favourites::list(app, id).await?.iter().map(|row| json!({
            "facility_id": row.facility_id,
            "since": local(row.created_at).to_rfc3339(),
        })).collect::<Vec<_>>(),
        "bookings": bookings(app, id).await?,
        "messages": messages(app, id).await?,
        "calendar_feeds": calendar_feeds(app, id).await?,
        "reports": reports(app, id).await?,
        "activity": activity(app, id).await?,
        "merges": merges.iter().map(|row| json!({ "merged_at": local(row.merged_at).to_rfc3339() })).collect::<Vec<_>>(),
    }))
}

/// Those they come to, and those they made or ended for family.
async fn bookings(app: &App, id: ResidentId) -> Result<Vec<Value>, Error> {
    let rows = rows::any_touching(app.db.read(), desk(app), id).await?;
    let told = rows.into_iter().map(|booking| {
        let mine = booking.resident_id == id;
        let (ended_at, reason) = match &booking.state {
            State::Cancelled { at, reason, .. } | State::Declined { at, reason, .. } => {
                (Some(*at), reason.as_deref())
            }
            State::Expired { at } => (Some(*at), None),
            _ => (None, None),
        };
        json!({
            "id": booking.id,
            "for": if mine { "me" } else { "family" },
            "room_id": booking.room_id,
            "facility_id": booking.facility_id,
            "channel": booking.channel.as_str(),
            "party_size": booking.party_size,
            // What family members wrote is told to the one who comes.
            "purpose": booking.purpose.as_deref().filter(|_| mine),
            "companions": if mine { booking.companions.as_slice() } else { &[] },
            "starts_at": local(booking.starts_at).to_rfc3339(),
            "ends_at": local(booking.ends_at).to_rfc3339(),
            "price_fen": booking.price_fen,
            "state": booking.state.as_str(),
            "created_at": local(booking.created_at).to_rfc3339(),
            "ended_at": ended_at.map(|at| local(at).to_rfc3339()),
            "reason": reason.filter(|_| mine),
        })
    });
    Ok(told.collect())
}

async fn messages(app: &App, id: ResidentId) -> Result<Vec<Value>, Error> {
    let rows = message::Entity::find()
        .filter(message::Column::ResidentId.eq(id.0))
        .order_by_desc(message::Column::CreatedAt)
        .all(app.db.read())
        .await?;
    let told = rows.into_iter().map(|row| {
        json!({
            "id": row.id,
            "booking_id": row.booking_id,
            "change": row.change,
            "place": row.place,
            "created_at": local(row.created_at).to_rfc3339(),
            "read_at": row.read_at.map(|at| local(at).to_rfc3339()),
        })
    });
    Ok(told.collect())
}

async fn calendar_feeds(app: &App, id: ResidentId) -> Result<Vec<Value>, Error> {
    let rows = calendar_feed::Entity::find()
        .filter(calendar_feed::Column::ResidentId.eq(id.0))
        .order_by_desc(calendar_feed::Column::CreatedAt)
        .all(app.db.read())
        .await?;
    let told = rows.into_iter().map(|row| {
        json!({
            "id": row.id,
            "created_at": local(row.created_at).to_rfc3339(),
            "revoked_at": row.revoked_at.map(|at| local(at).to_rfc3339()),
        })
    });
    Ok(told.collect())
}

async fn reports(app: &App, id: ResidentId) -> Result<Vec<Value>, Error> {
    let reports = report::any_by(app.db.read(), &app.vault, id).await?;
    let told = reports.into_iter().map(|report::Report { row, text, answer }| {
        json!({
            "id": row.id,
            "facility_id": row.facility_id,
            "kind": row.kind,
            "text": text,
            "state": row.state,
            "answer": answer,
            "created_at": local(row.created_at).to_rfc3339(),
            "closed_at": row.closed_at.map(|at| local(at).to_rfc3339()),
        })
    });
    Ok(told.collect())
}

/// What the audit says they did, and what was done to their record: also who of the staff looked at it.
async fn activity(app: &App, id: ResidentId) -> Result<Vec<Value>, Error> {
    let by = Condition::all()
        .add(audit::Column::ActorKind.eq(Actor::Resident(id).kind()))
        .add(audit::Column::ActorId.eq(id.0));
    let to = Condition::all()
        .add(audit::Column::SubjectKind.eq("resident"))
        .add(audit::Column::SubjectId.eq(id.0));
    let rows = audit::Entity::find()
        .filter(Condition::any().add(by).add(to))
        .order_by_desc(audit::Column::Id)
        .all(app.db.read())
        .await?;
    let told = rows.into_iter().map(|row| {
        json!({
            "at": local(row.at).to_rfc3339(),
            "by": row.actor_kind,
            "action": row.action,
            "subject_kind": row.subject_kind,
            "subject_id": row.subject_id,
        })
    });
    Ok(told.collect())
}
