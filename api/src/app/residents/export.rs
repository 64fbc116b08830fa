//! Everything a resident's record holds, for the resident.

use linli_domain::{ids::ResidentId, time::local};
use linli_store::{
    Error,
    storage::{
        residents::{identity, merge},
        sessions::{self, Owner},
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::{consents, family, favourites, lookup, open, profile};
use crate::App;

/// The record, opened, with everything that hangs on it.
pub async fn export(app: &App, id: ResidentId) -> Result<Value, Error> {
    let row = profile::get(app, id).await?;
    let person = open(app, &row)?;
    let identities =
        identity::Entity::find().filter(identity::Column::ResidentId.eq(id.0)).all(app.db.read()).await?;
    let merges = merge::Entity::find().filter(merge::Column::WinnerId.eq(id.0)).all(app.db.read()).await?;
    let sessions = sessions::list(app.db.read(), app.env.now(), Owner::Resident(id)).await?;
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
        "merges": merges.iter().map(|row| json!({ "merged_at": local(row.merged_at).to_rfc3339() })).collect::<Vec<_>>(),
    }))
}
