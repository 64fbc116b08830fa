//! Messages to residents: one for each change of a booking and each person it concerns.

use chrono::{DateTime, Utc};
use linli_domain::{
    Code,
    consent::FamilyScope,
    ids::{BookingId, MessageId, ResidentId},
};
use sea_orm::{
    ActiveValue::Set,
    Condition, ConnectionTrait, DbErr, FromQueryResult, QueryOrder, QuerySelect, Statement,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};

use super::message;
use crate::{Env, Error, storage::residents::may_act_for};

/// A place in the inbox.
pub type Place = (DateTime<Utc>, MessageId);

#[derive(FromQueryResult)]
struct Unsent {
    booking_id: Uuid,
    version: i64,
    change: String,
    starts_at: DateTimeUtc,
    ends_at: DateTimeUtc,
    kept_until: Option<DateTimeUtc>,
    price_fen: i32,
    at: DateTimeUtc,
    resident_id: Uuid,
    booked_by_resident_id: Option<Uuid>,
    facility: Option<String>,
    room: String,
}

/// Writes the messages that the changes of `bookings` still lack; returns how many.
///
/// The key of a message is booking, change and resident: however often this runs, each has one.
pub async fn write_missing(
    conn: &impl ConnectionTrait,
    env: &Env,
    bookings: &[BookingId],
) -> Result<u64, DbErr> {
    if bookings.is_empty() {
        return Ok(0);
    }
    let ids = (1..=bookings.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT c.booking_id, c.version, c.change, c.starts_at, c.ends_at, c.kept_until, c.price_fen, c.at, \
           b.resident_id, b.booked_by_resident_id, f.name AS facility, r.name AS room \
         FROM booking_change c JOIN booking b ON b.id = c.booking_id JOIN room r ON r.id = b.room_id \
           LEFT JOIN facility f ON f.id = b.facility_id \
         WHERE c.booking_id IN ({ids}) AND NOT EXISTS (SELECT 1 FROM message m \
           WHERE m.booking_id = c.booking_id AND m.booking_version = c.version \
             AND m.resident_id = b.resident_id) \
         ORDER BY c.booking_id, c.version"
    );
    let values = bookings.iter().map(|id| id.0.into());
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    let mut rows = Vec::new();
    for unsent in Unsent::find_by_statement(statement).all(conn).await? {
        let agent = agent_of(conn, unsent.resident_id, unsent.booked_by_resident_id).await?;
        rows.extend([Some(unsent.resident_id), agent].into_iter().flatten().map(|to| new(env, &unsent, to)));
    }
    message::Entity::insert_many(rows).on_conflict(once()).exec_without_returning(conn).await
}

/// A message that is there is not written again.
pub(super) fn once() -> OnConflict {
    OnConflict::columns([
        message::Column::BookingId,
        message::Column::BookingVersion,
        message::Column::ResidentId,
    ])
    .do_nothing()
    .to_owned()
}

/// The family member who booked, as long as the one who comes lets them: who took it back is not reported on.
pub(super) async fn agent_of(
    conn: &impl ConnectionTrait,
    resident: Uuid,
    booked_by: Option<Uuid>,
) -> Result<Option<Uuid>, DbErr> {
    let Some(agent) = booked_by.filter(|agent| *agent != resident) else {
        return Ok(None);
    };
    for scope in [FamilyScope::Book, FamilyScope::See] {
        if may_act_for(conn, agent.into(), resident.into(), scope).await? {
            return Ok(Some(agent));
        }
    }
    Ok(None)
}

fn new(env: &Env, unsent: &Unsent, to: Uuid) -> message::ActiveModel {
    let place = match &unsent.facility {
        Some(facility) => format!("{facility} {}", unsent.room),
        None => unsent.room.clone(),
    };
    message::ActiveModel {
        id: Set(env.id::<MessageId>().0),
        resident_id: Set(to),
        booking_id: Set(unsent.booking_id),
        booking_version: Set(unsent.version),
        change: Set(unsent.change.clone()),
        place: Set(place),
        starts_at: Set(unsent.starts_at),
        ends_at: Set(unsent.ends_at),
        kept_until: Set(unsent.kept_until),
        price_fen: Set(unsent.price_fen),
        created_at: Set(unsent.at),
        read_at: Set(None),
    }
}

/// The inbox of a resident, the latest first.
pub async fn list(
    conn: &impl ConnectionTrait,
    resident: ResidentId,
    unread: bool,
    after: Option<Place>,
    limit: u64,
) -> Result<Vec<message::Model>, DbErr> {
    use message::Column;
    let before = after.map(|(at, id)| {
        Condition::any()
            .add(Column::CreatedAt.lt(at))
            .add(Condition::all().add(Column::CreatedAt.eq(at)).add(Column::Id.lt(id.0)))
    });
    let mut query = message::Entity::find()
        .filter(Column::ResidentId.eq(resident.0))
        .filter(before.unwrap_or_else(Condition::all))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(limit);
    if unread {
        query = query.filter(Column::ReadAt.is_null());
    }
    query.all(conn).await
}

/// Marks a message of `resident` as read; again changes nothing.
pub async fn mark_read(
    tx: &impl ConnectionTrait,
    env: &Env,
    resident: ResidentId,
    id: MessageId,
) -> Result<message::Model, Error> {
    use message::Column;
    message::Entity::update_many()
        .col_expr(Column::ReadAt, Expr::value(env.now()))
        .filter(Column::Id.eq(id.0))
        .filter(Column::ResidentId.eq(resident.0))
        .filter(Column::ReadAt.is_null())
        .exec(tx)
        .await?;
    let own = message::Entity::find_by_id(id.0).filter(Column::ResidentId.eq(resident.0));
    Ok(own.one(tx).await?.ok_or(Code::NotFound)?)
}
