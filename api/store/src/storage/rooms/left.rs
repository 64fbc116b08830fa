//! What is left of a day, by facility: for lists of facilities, which ask for many at once.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use linli_domain::{
    bookings::{SlotLeft, quota::online_left},
    ids::FacilityId,
    rooms::BookingRules,
    time::{DAY_MINUTES, instant, local_date},
};
use sea_orm::{ConnectionTrait, FromQueryResult, QuerySelect, Statement, Value, entity::prelude::*};

use super::room;
use crate::{Error, storage::bookings::policies::online_used};

/// The facilities that have rooms.
pub async fn any_with_rooms(conn: &impl ConnectionTrait) -> Result<Vec<FacilityId>, Error> {
    let ids: Vec<Uuid> = room::Entity::find()
        .select_only()
        .column(room::Column::FacilityId)
        .distinct()
        .into_tuple()
        .all(conn)
        .await?;
    Ok(ids.into_iter().map(FacilityId::from).collect())
}

#[derive(FromQueryResult)]
struct Row {
    facility_id: Uuid,
    max_party_size: i32,
    lead_minutes: i32,
    horizon_days: i32,
    cancel_until_minutes: i32,
    reserved_units: i32,
    slot_id: Uuid,
    starts_at: DateTimeUtc,
    seats: Option<i32>,
    free: i32,
}

/// The open slots of these facilities that begin after `now` on its local day, with what residents can
/// still book of them. A hold that has lapsed is free.
pub async fn any_left(
    conn: &impl ConnectionTrait,
    facilities: &[FacilityId],
    now: DateTime<Utc>,
) -> Result<HashMap<FacilityId, Vec<SlotLeft>>, Error> {
    let rows = rows(conn, facilities, now).await?;
    let kept_back = rows.iter().filter(|row| row.seats.is_some() && row.reserved_units > 0);
    let online = online_used(conn, kept_back.map(|row| row.slot_id)).await?;
    let mut left = HashMap::<FacilityId, Vec<SlotLeft>>::new();
    for row in rows {
        let defect = || Error::internal("reading what is left", "a number is out of range");
        let free = u32::try_from(row.free).unwrap_or(0);
        let units = match row.seats {
            Some(seats) => {
                let (seats, reserved) = (u32::try_from(seats), u16::try_from(row.reserved_units));
                let (seats, reserved) = (seats.map_err(|_| defect())?, reserved.map_err(|_| defect())?);
                let used = online.get(&row.slot_id).copied().unwrap_or(0);
                if reserved == 0 { free } else { free.min(online_left(seats, reserved, used)) }
            }
            None => free,
        };
        let rules = BookingRules {
            max_party_size: u16::try_from(row.max_party_size).map_err(|_| defect())?,
            lead: Duration::minutes(row.lead_minutes.into()),
            horizon_days: u16::try_from(row.horizon_days).map_err(|_| defect())?,
            cancel_until: Duration::minutes(row.cancel_until_minutes.into()),
        };
        let slot = SlotLeft { rules, starts_at: row.starts_at, units };
        left.entry(row.facility_id.into()).or_default().push(slot);
    }
    Ok(left)
}

async fn rows(
    conn: &impl ConnectionTrait,
    facilities: &[FacilityId],
    now: DateTime<Utc>,
) -> Result<Vec<Row>, DbErr> {
    if facilities.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<_> = (3..).take(facilities.len()).map(|n| format!("${n}")).collect();
    let sql = format!(
        "SELECT room.facility_id, room.max_party_size, room.lead_minutes, room.horizon_days, \
           room.cancel_until_minutes, COALESCE(booking_policy.reserved_units, 0) AS reserved_units, \
           slot.id AS slot_id, slot.starts_at, slot.seats, \
           MIN(stock.capacity - stock.used + COALESCE(lapsed.units, 0)) AS free \
         FROM room JOIN slot ON slot.room_id = room.id JOIN slot_cell ON slot_cell.slot_id = slot.id \
         JOIN stock ON stock.id = slot_cell.stock_id \
         LEFT JOIN booking_policy ON booking_policy.room_id = room.id \
         LEFT JOIN (SELECT claim_stock.stock_id, CAST(SUM(claim_stock.units) AS integer) AS units \
           FROM claim JOIN claim_stock ON claim_stock.claim_id = claim.id \
           WHERE claim.ended_at IS NULL AND claim.expires_at <= $1 GROUP BY claim_stock.stock_id) lapsed \
           ON lapsed.stock_id = stock.id \
         WHERE slot.starts_at > $1 AND slot.starts_at < $2 AND slot.withdrawn_at IS NULL \
           AND room.facility_id IN ({}) \
         GROUP BY room.id, booking_policy.reserved_units, slot.id \
         HAVING MIN(CASE WHEN stock.open THEN 1 ELSE 0 END) = 1",
        places.join(", ")
    );
    let midnight = instant(local_date(now), i32::from(DAY_MINUTES));
    let ids = facilities.iter().map(|id| Value::from(id.0));
    let values = [Value::from(now), Value::from(midnight)].into_iter().chain(ids);
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    Row::find_by_statement(statement).all(conn).await
}
