//! The six digits by which a booking is found at its facility on its day.
//!
//! The key over facility, day and code is the judge: who meets a code that is taken draws another.

use linli_domain::{
    bookings::attendance::CheckInCode,
    ids::{BookingId, FacilityId},
    time::local_date,
};
use sea_orm::{ConnectionTrait, DbErr, Set, entity::prelude::*, sea_query::OnConflict};

use super::{
    Booking,
    booking_code::{ActiveModel, Column, Entity},
};
use crate::{Env, Error};

/// Draws before giving up: with a thousand bookings on a day, one in a thousand meets another.
const TRIES: usize = 20;

/// The code that a booking has for where and when it is now.
pub async fn of(conn: &impl ConnectionTrait, booking: &Booking) -> Result<Option<CheckInCode>, DbErr> {
    let row = Entity::find_by_id(booking.id.0)
        .filter(Column::FacilityId.eq(booking.facility_id.0))
        .filter(Column::OnDate.eq(local_date(booking.starts_at)))
        .filter(Column::EndsAt.eq(booking.ends_at))
        .one(conn)
        .await?;
    Ok(row.and_then(|row| CheckInCode::parse(&row.code)))
}

/// Whether a booking has a code at all.
pub async fn any(conn: &impl ConnectionTrait, booking: BookingId) -> Result<bool, DbErr> {
    Ok(Entity::find_by_id(booking.0).count(conn).await? > 0)
}

/// The code of a booking, made when it has none for where and when it is now.
pub async fn keep(tx: &impl ConnectionTrait, env: &Env, booking: &Booking) -> Result<CheckInCode, Error> {
    for _ in 0..TRIES {
        if let Some(code) = of(tx, booking).await? {
            return Ok(code);
        }
        forget(tx, booking.id).await?;
        let code = CheckInCode::of(env.random());
        let row = ActiveModel {
            booking_id: Set(booking.id.0),
            facility_id: Set(booking.facility_id.0),
            on_date: Set(local_date(booking.starts_at)),
            code: Set(code.expose()),
            ends_at: Set(booking.ends_at),
        };
        let free = OnConflict::new().do_nothing().to_owned();
        if Entity::insert(row).on_conflict(free).exec_without_returning(tx).await? == 1 {
            return Ok(code);
        }
    }
    Err(Error::internal("making a check-in code", "every draw met another"))
}

/// Takes the code of a booking away that nobody comes to any more.
pub async fn forget(tx: &impl ConnectionTrait, booking: BookingId) -> Result<(), DbErr> {
    Entity::delete_by_id(booking.0).exec(tx).await?;
    Ok(())
}

/// The booking that a code names at a facility today: for those who have the right to it.
pub async fn any_by_code(
    conn: &impl ConnectionTrait,
    facility: FacilityId,
    date: Date,
    code: CheckInCode,
) -> Result<Option<BookingId>, DbErr> {
    let row = Entity::find()
        .filter(Column::FacilityId.eq(facility.0))
        .filter(Column::OnDate.eq(date))
        .filter(Column::Code.eq(code.expose()))
        .one(conn)
        .await?;
    Ok(row.map(|row| row.booking_id.into()))
}
