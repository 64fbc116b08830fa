//! The time bands of rooms: a document each, edited over its version.

use chrono::NaiveDate;
use linli_domain::{
    Code,
    ids::RoomId,
    rooms::bands::{Bands, Timetable},
};
use sea_orm::{
    ConnectionTrait, QueryOrder, QuerySelect, Set,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};

use super::{
    Room,
    entities::room_bands::{ActiveModel, Column, Entity, Model},
};
use crate::{Env, Error};

/// What a room is at which hours, and how far that is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomBands {
    /// The bands.
    pub timetable: Timetable,
    /// Last local date that is published.
    pub published_to: Option<NaiveDate>,
    /// Grows with every edit; 0 when nobody wrote any.
    pub version: i64,
}

/// The bands of a room; `None` when its days are published by hand.
pub async fn find(conn: &impl ConnectionTrait, room: &Room) -> Result<Option<RoomBands>, Error> {
    let defect = |error| Error::internal("reading time bands", error);
    let Some(row) = Entity::find_by_id(room.id.0).one(conn).await? else { return Ok(None) };
    let Model { bands, published_to, version, .. } = row;
    let bands: Bands = serde_json::from_value(bands).map_err(defect)?;
    let timetable = Timetable::new(bands, room.grid)?;
    Ok(Some(RoomBands { timetable, published_to, version }))
}

/// Whether the days of a room are published by its bands.
pub async fn has(conn: &impl ConnectionTrait, room: RoomId) -> Result<bool, Error> {
    Ok(Entity::find_by_id(room.0).count(conn).await? > 0)
}

/// Writes the bands of a room that are still at `version`.
pub async fn write(
    tx: &impl ConnectionTrait,
    env: &Env,
    room: RoomId,
    bands: &Bands,
    version: i64,
) -> Result<(), Error> {
    let bands = serde_json::to_value(bands).map_err(|error| Error::internal("writing time bands", error))?;
    let written = if version == 0 {
        let row = ActiveModel {
            room_id: Set(room.0),
            bands: Set(bands),
            published_to: Set(None),
            waiting: Set(false),
            version: Set(1),
            updated_at: Set(env.now()),
        };
        let first = OnConflict::column(Column::RoomId).do_nothing().to_owned();
        Entity::insert(row).on_conflict(first).exec_without_returning(tx).await?
    } else {
        let row = ActiveModel {
            bands: Set(bands),
            version: Set(version.saturating_add(1)),
            updated_at: Set(env.now()),
            ..Default::default()
        };
        let still =
            Entity::update_many().filter(Column::RoomId.eq(room.0)).filter(Column::Version.eq(version));
        still.set(row).exec(tx).await?.rows_affected
    };
    if written == 1 { Ok(()) } else { Err(Code::PreconditionFailed.into()) }
}

/// Notes how far a room is published, and whether something has to wait until somebody leaves.
pub async fn note_published(
    tx: &impl ConnectionTrait,
    room: RoomId,
    to: NaiveDate,
    waiting: bool,
) -> Result<(), Error> {
    Entity::update_many()
        .col_expr(Column::PublishedTo, Expr::value(to))
        .col_expr(Column::Waiting, Expr::value(waiting))
        .filter(Column::RoomId.eq(room.0))
        .exec(tx)
        .await?;
    Ok(())
}

/// Rooms that may have to be published further, `limit` of them after `after`.
pub async fn any_after(
    conn: &impl ConnectionTrait,
    after: Option<RoomId>,
    limit: u64,
) -> Result<Vec<(RoomId, Option<NaiveDate>, bool)>, Error> {
    let mut query = Entity::find().order_by_asc(Column::RoomId).limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::RoomId.gt(after.0));
    }
    let rows = query.all(conn).await?;
    Ok(rows.into_iter().map(|row| (row.room_id.into(), row.published_to, row.waiting)).collect())
}
