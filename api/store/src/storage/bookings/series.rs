//! Series of bookings, one object afterwards: its weeks with what came of each.

use chrono::{DateTime, Utc};
use linli_domain::{
    Code, Vocabulary,
    bookings::{Times, series::SeriesMode},
    ids::{BookingId, BookingSeriesId, RoomId},
};
use sea_orm::{ConnectionTrait, QueryOrder, Set, entity::prelude::*};

use super::{booking_series, series_occurrence};
use crate::Error;

/// A series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Id.
    pub id: BookingSeriesId,
    /// Room.
    pub room_id: RoomId,
    /// What becomes of it when some weeks cannot be had.
    pub mode: SeriesMode,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Its weeks, in order.
    pub weeks: Vec<(Times, Result<BookingId, Code>)>,
}

impl Series {
    /// The bookings that came of it.
    pub fn bookings(&self) -> Vec<BookingId> {
        self.weeks.iter().filter_map(|(_, came)| came.as_ref().ok().copied()).collect()
    }
}

/// Writes a new series; its bookings are there.
pub async fn insert(tx: &impl ConnectionTrait, series: &Series) -> Result<(), Error> {
    let row = booking_series::ActiveModel {
        id: Set(series.id.0),
        room_id: Set(series.room_id.0),
        mode: Set(series.mode.as_str().to_owned()),
        created_at: Set(series.created_at),
    };
    booking_series::Entity::insert(row).exec_without_returning(tx).await?;
    let weeks = (0..).zip(&series.weeks).map(|(week, (times, came))| series_occurrence::ActiveModel {
        series_id: Set(series.id.0),
        week: Set(week),
        starts_at: Set(times.0),
        ends_at: Set(times.1),
        booking_id: Set(came.as_ref().ok().map(|booking| booking.0)),
        refused: Set(came.as_ref().err().map(|code| code.as_str().to_owned())),
    });
    series_occurrence::Entity::insert_many(weeks).exec_without_returning(tx).await?;
    Ok(())
}

/// A series, whoever it is for: the right to it is that to its bookings.
pub async fn any(conn: &impl ConnectionTrait, id: BookingSeriesId) -> Result<Option<Series>, Error> {
    let Some(row) = booking_series::Entity::find_by_id(id.0).one(conn).await? else { return Ok(None) };
    let defect = || Error::internal("reading a series", "a word is unknown");
    let weeks = series_occurrence::Entity::find()
        .filter(series_occurrence::Column::SeriesId.eq(id.0))
        .order_by_asc(series_occurrence::Column::Week)
        .all(conn)
        .await?;
    let came = |week: series_occurrence::Model| {
        let refused = |name: String| Code::ALL.iter().find(|code| code.as_str() == name).copied();
        let came = match week.booking_id {
            Some(booking) => Ok(booking.into()),
            None => Err(week.refused.and_then(refused).ok_or_else(defect)?),
        };
        Ok(((week.starts_at, week.ends_at), came))
    };
    Ok(Some(Series {
        id,
        room_id: row.room_id.into(),
        mode: SeriesMode::parse(&row.mode).ok_or_else(defect)?,
        created_at: row.created_at,
        weeks: weeks.into_iter().map(came).collect::<Result<_, Error>>()?,
    }))
}
