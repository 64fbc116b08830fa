//! Favourites: facilities a resident keeps at hand.

use linli_domain::{
    Code,
    ids::{FacilityId, ResidentId},
};
use linli_store::{Error, storage::residents::favourite};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    sea_query::OnConflict,
};

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

/// Adds a facility; adding it again changes nothing.
pub async fn add(app: &App, id: ResidentId, facility: FacilityId) -> Result<(), Error> {
    app.db
        .in_tx("favourites.add", |tx| async move {
            profile::hold(&tx, id).await?;
            if !linli_store::storage::residents::facility_exists(tx.conn(), facility).await? {
                return Err(Code::NotFound.into());
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
            let same = [favourite::Column::ResidentId, favourite::Column::FacilityId];
            favourite::Entity::insert(row)
                .on_conflict(OnConflict::columns(same).do_nothing().to_owned())
                .exec_without_returning(tx.conn())
                .await?;
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
