//! Where residents are: one row per quarter of an hour. The key is the judge, not a look first.

use chrono::{DateTime, Duration, Utc};
use linli_domain::{Code, ids::BookingId};
use sea_orm::{
    ConnectionTrait, Set,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use super::{
    Booking,
    booking_presence::{ActiveModel, Column, Entity},
};
use crate::{Env, Error};

/// The grain of a presence: no room has a finer grid.
const QUARTER: Duration = Duration::minutes(15);

/// Takes the time of a booking for its resident; refuses when any of it belongs to another booking
/// that has not lapsed.
pub async fn take(tx: &impl ConnectionTrait, env: &Env, booking: &Booking) -> Result<(), Error> {
    let lapses_at = booking.state.lapses_at(booking.starts_at);
    let quarters: Vec<DateTime<Utc>> =
        std::iter::successors(Some(booking.starts_at), |at| Some(*at + QUARTER))
            .take_while(|at| *at < booking.ends_at)
            .collect();
    let rows = quarters.iter().map(|starts_at| ActiveModel {
        resident_id: Set(booking.resident_id.0),
        starts_at: Set(*starts_at),
        booking_id: Set(booking.id.0),
        lapses_at: Set(lapses_at),
    });
    let over_lapsed = OnConflict::columns([Column::ResidentId, Column::StartsAt])
        .update_columns([Column::BookingId, Column::LapsesAt])
        .action_and_where(Expr::col((Entity, Column::LapsesAt)).lte(env.now()))
        .to_owned();
    let taken = Entity::insert_many(rows).on_conflict(over_lapsed).exec_without_returning(tx).await?;
    if taken == quarters.len() as u64 { Ok(()) } else { Err(Code::AlreadyElsewhere.into()) }
}

/// Gives the time of a booking back.
pub async fn give_back(tx: &impl ConnectionTrait, booking: BookingId) -> Result<(), Error> {
    Entity::delete_many().filter(Column::BookingId.eq(booking.0)).exec(tx).await?;
    Ok(())
}

/// Keeps the time of a booking for as long as its new state does.
pub async fn keep(tx: &impl ConnectionTrait, booking: &Booking) -> Result<(), Error> {
    let lapses_at = booking.state.lapses_at(booking.starts_at);
    Entity::update_many()
        .col_expr(Column::LapsesAt, Expr::value(lapses_at))
        .filter(Column::BookingId.eq(booking.id.0))
        .exec(tx)
        .await?;
    Ok(())
}
