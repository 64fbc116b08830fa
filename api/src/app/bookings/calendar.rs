//! The calendar feed of a resident: an address with a secret of its own, which can be taken back.
//!
//! A calendar program fetches without a bearer token, so the secret opens nothing but the feed, and
//! only its digest is stored. What somebody comes for and with whom is not in it.

use std::collections::{HashMap, HashSet};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus};
use linli_domain::{
    Code,
    bookings::State,
    ids::{CalendarFeedId, ResidentId},
};
use linli_store::{
    Error, Tx, audit,
    storage::{
        bookings::{self, Booking, calendar_feed},
        facilities::facility,
        rooms::room,
    },
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::desk;
use crate::{App, app::residents::own_entry};

/// Bookings in a feed: the latest.
const MOST: u64 = 300;

/// Makes a feed and takes the one before back; answers its secret, which is shown this once.
pub async fn open(app: &App, resident: ResidentId) -> Result<String, Error> {
    let secret = URL_SAFE_NO_PAD.encode(app.env.random::<32>());
    let digest = &digest_of(&secret);
    app.db
        .in_tx("calendar_feed.open", |tx| async move {
            revoke_all(app, &tx, resident).await?;
            let row = calendar_feed::Model {
                id: app.env.id::<CalendarFeedId>().0,
                resident_id: resident.0,
                digest: digest.clone(),
                created_at: app.env.now(),
                revoked_at: None,
            };
            let line = own_entry(resident, "calendar_feed.open", ("calendar_feed", row.id));
            calendar_feed::Entity::insert(calendar_feed::ActiveModel::from(row).reset_all())
                .exec_without_returning(tx.conn())
                .await?;
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(()).await
        })
        .await?;
    Ok(secret)
}

/// Takes the feed of a resident back: its address opens nothing any more.
pub async fn close(app: &App, resident: ResidentId) -> Result<(), Error> {
    app.db
        .in_tx("calendar_feed.close", |tx| async move {
            revoke_all(app, &tx, resident).await?;
            let line = own_entry(resident, "calendar_feed.close", ("resident", resident.0));
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit(()).await
        })
        .await
}

async fn revoke_all(app: &App, tx: &Tx, resident: ResidentId) -> Result<(), Error> {
    use calendar_feed::Column;
    calendar_feed::Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(app.env.now()))
        .filter(Column::ResidentId.eq(resident.0))
        .filter(Column::RevokedAt.is_null())
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// The feed that a secret opens, as iCalendar text.
pub async fn read(app: &App, secret: &str) -> Result<String, Error> {
    use calendar_feed::Column;
    let conn = app.db.read();
    let feed = calendar_feed::Entity::find()
        .filter(Column::Digest.eq(digest_of(secret)))
        .filter(Column::RevokedAt.is_null())
        .one(conn)
        .await?
        .ok_or(Code::NotFound)?;
    let bookings = bookings::list_own(conn, desk(app), feed.resident_id.into(), None, MOST).await?;
    let places = places(app, &bookings).await?;
    let mut calendar = Calendar::new();
    calendar.name("邻里预约").timezone("Asia/Shanghai");
    for booking in &bookings {
        calendar.push(event(app, booking, &places));
    }
    Ok(calendar.to_string())
}

/// Names of rooms and facilities by id.
type Places = (HashMap<uuid::Uuid, String>, HashMap<uuid::Uuid, String>);

async fn places(app: &App, bookings: &[Booking]) -> Result<Places, Error> {
    let conn = app.db.read();
    let rooms: HashSet<_> = bookings.iter().map(|booking| booking.room_id.0).collect();
    let rooms = room::Entity::find().filter(room::Column::Id.is_in(rooms)).all(conn).await?;
    let facilities: HashSet<_> = bookings.iter().map(|booking| booking.facility_id.0).collect();
    let facilities =
        facility::Entity::find().filter(facility::Column::Id.is_in(facilities)).all(conn).await?;
    Ok((
        rooms.into_iter().map(|row| (row.id, row.name)).collect(),
        facilities.into_iter().map(|row| (row.id, row.name)).collect(),
    ))
}

/// Instants are written in UTC, which every calendar shows in its own zone and no rule can shift.
fn event(app: &App, booking: &Booking, (rooms, facilities): &Places) -> Event {
    let status = match booking.state {
        State::Confirmed => EventStatus::Confirmed,
        State::PendingPayment { .. } | State::PendingApproval { .. } => EventStatus::Tentative,
        State::Cancelled { .. } | State::Declined { .. } | State::Expired { .. } => EventStatus::Cancelled,
    };
    let room = rooms.get(&booking.room_id.0).map_or("", String::as_str);
    let mut event = Event::with_uid(&format!("{}@linli", booking.id));
    event
        .summary(room)
        .starts(booking.starts_at)
        .ends(booking.ends_at)
        .timestamp(app.env.now())
        .add_property("SEQUENCE", (booking.version - 1).to_string())
        .status(status);
    if let Some(facility) = facilities.get(&booking.facility_id.0) {
        event.location(facility);
    }
    event.done()
}

fn digest_of(secret: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, secret.as_bytes()))
}
