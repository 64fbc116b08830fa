//! Favourites: facilities a resident keeps at hand.

use linli_domain::{
    Code,
    ids::{FacilityId, ResidentId},
};
use linli_store::{
    Error,
    storage::{facilities, residents::favourite},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

use super::profile;
use crate::App;

/// Favourites of one resident at the most: a list for a hand, not a catalogue.
const MOST: u64 = 200;

/// The favourites, the latest first.
pub async fn list(app: &App, id: ResidentId) -> Result<Vec<favourite::Model>, Error> {
    let rows = favourite::Entity::find()
        .filter(favourite::Column::ResidentId.eq(id.0))
        .order_by_desc(favourite::Column::CreatedAt)
        .order_by_asc(favourite::Column::FacilityId)
        .all(app.db.read())
        .await?;
    Ok(rows)
}

/// Adds a facility that residents may read; adding it again changes nothing.
pub async fn add(app: &App, id: ResidentId, facility: FacilityId) -> Result<(), Error> {
    app.db
        .in_tx("favourites.add", |tx| async move {
            profile::hold(&tx, id).await?;
            facilities::find_public(tx.conn(), facility).await?.ok_or(Code::NotFound)?;
            let kept = favourite::Entity::find_by_id((id.0, facility.0)).one(tx.conn()).await?;
            if kept.is_some() {
                return tx.commit(()).await;
            }
            let count = favourite::Entity::find()
                .filter(favourite::Column::ResidentId.eq(id.0))
                .count(tx.conn())
                .await?;
            if count >= MOST {
                return Err(Code::FavouriteLimit.into());
            }
            let row = favourite::ActiveModel {
                resident_id: Set(id.0),
                facility_id: Set(facility.0),
                created_at: Set(app.env.now()),
            };
            favourite::Entity::insert(row).exec_without_returning(tx.conn()).await?;
            tx.commit(()).await
        })
        .await
}

/// Removes a facility; removing what is not there changes nothing.
pub async fn remove(app: &App, id: ResidentId, facility: FacilityId) -> Result<(), Error> {
    app.db
        .in_tx("favourites.remove", |tx| async move {
            favourite::Entity::delete_by_id((id.0, facility.0)).exec(tx.conn()).await?;
            tx.commit(()).await
        })
        .await
}
