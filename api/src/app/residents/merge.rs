//! Merging two records of one person: in one transaction, for good.
//!
//! What the loser has moves to the winner; what the winner lacks is taken over; the loser's
//! personal values are wiped and its sessions end. A request to merge the same two again answers
//! the merge that was made.

use linli_domain::{
    Code,
    ids::{FamilyLinkId, ResidentId},
};
use linli_store::{
    Error, Tx, audit,
    storage::{
        residents::{household_member, merge, moves, resident},
        sessions::{self, Owner},
    },
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use uuid::Uuid;

use super::{erasure, lookup, open, profile, set_id_card, set_name, set_phone};
use crate::{App, app::staff::entry, http::auth::StaffActor};

/// Merges `loser` into `winner`; both must be in scope.
pub async fn merge(
    app: &App,
    actor: &StaffActor,
    winner: ResidentId,
    loser: ResidentId,
) -> Result<merge::Model, Error> {
    if winner == loser {
        return Err(Code::MergeConflict.into());
    }
    app.db
        .in_tx("residents.merge", |tx| async move {
            if let Some(done) = earlier(&tx, actor, winner, loser).await? {
                return tx.commit(done).await;
            }
            // Both rows are locked in one order, so that two merges of the same pair cannot cross.
            moves::lock_pair(tx.conn(), winner, loser).await?;
            let kept = lookup::in_scope(tx.conn(), actor, winner).await?;
            let gone = lookup::in_scope(tx.conn(), actor, loser).await?;
            let kept = take_over(app, kept, &gone)?;
            household(&tx, winner, loser).await?;
            let moved = moves::move_all(tx.conn(), app.env.now(), winner, loser).await?;
            sessions::revoke_all(tx.conn(), &app.env, Owner::Resident(loser), None, "merged").await?;
            erasure::wipe(app, &tx, loser, app.env.now(), false).await?;
            let merged = resident::ActiveModel {
                id: Set(loser.0),
                merged_into_id: Set(Some(winner.0)),
                version: Set(gone.version + 1),
                ..Default::default()
            };
            resident::Entity::update(merged).exec(tx.conn()).await?;
            let kept = profile::write(app, &tx, kept).await?;
            let row = merge::Model {
                id: app.env.id::<FamilyLinkId>().0,
                winner_id: winner.0,
                loser_id: loser.0,
                staff_id: actor.id.0,
                moved: json!(moved),
                merged_at: app.env.now(),
            };
            merge::Entity::insert(merge::ActiveModel::from(row.clone()).reset_all())
                .exec_without_returning(tx.conn())
                .await?;
            let detail = json!({ "loser_id": loser, "moved": row.moved });
            let org_path = kept.org_path.unwrap_or_default();
            let line = entry(actor, "resident.merge", ("resident", winner.0), &org_path, detail);
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(row).await
        })
        .await
}

async fn earlier(
    tx: &Tx,
    actor: &StaffActor,
    winner: ResidentId,
    loser: ResidentId,
) -> Result<Option<merge::Model>, Error> {
    let found = merge::Entity::find()
        .filter(merge::Column::WinnerId.eq(winner.0))
        .filter(merge::Column::LoserId.eq(loser.0))
        .one(tx.conn())
        .await?;
    if found.is_some() {
        lookup::in_scope(tx.conn(), actor, winner).await?;
    }
    Ok(found)
}

/// Two identity numbers are two people, whatever the telephone number says.
fn take_over(app: &App, mut kept: resident::Model, gone: &resident::Model) -> Result<resident::Model, Error> {
    let (own, other) = (open(app, &kept)?, open(app, gone)?);
    match (&own.id_card, &other.id_card) {
        (Some(a), Some(b)) if a != b => return Err(Code::MergeConflict.into()),
        (None, Some(card)) => set_id_card(app, &mut kept, Some(card))?,
        _ => {}
    }
    if own.name.is_none() {
        set_name(app, &mut kept, other.name.as_ref())?;
    }
    if own.phone.is_none() {
        set_phone(app, &mut kept, other.phone.as_ref())?;
    }
    if kept.community_id.is_none() {
        kept.community_id = gone.community_id;
        kept.org_path.clone_from(&gone.org_path);
    }
    kept.assurance = stronger(&kept.assurance, &gone.assurance).to_owned();
    Ok(kept)
}

fn stronger<'a>(a: &'a str, b: &'a str) -> &'a str {
    const ORDER: [&str; 4] = ["none", "phone", "real_name", "network_id"];
    let rank = |level: &str| ORDER.iter().position(|known| *known == level);
    if rank(b) > rank(a) { b } else { a }
}

/// One household each: the loser's moves along when the winner has none.
async fn household(tx: &Tx, winner: ResidentId, loser: ResidentId) -> Result<(), Error> {
    let of = async |id: Uuid| household_member::Entity::find_by_id(id).one(tx.conn()).await;
    let (kept, gone) = (of(winner.0).await?, of(loser.0).await?);
    match (kept, gone) {
        (Some(kept), Some(gone)) if kept.household_id != gone.household_id => Err(Code::MergeConflict.into()),
        (Some(_), Some(_)) => {
            household_member::Entity::delete_by_id(loser.0).exec(tx.conn()).await?;
            Ok(())
        }
        _ => Ok(()),
    }
}
