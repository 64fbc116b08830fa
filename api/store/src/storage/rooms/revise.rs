//! Making what stands be what the bands say: slots are made, withdrawn and put on offer again.
//!
//! A withdrawn slot takes no booking any more, by its row: [`crate::storage::bookings::slots`] asks it in
//! the transaction of every booking. Who has it keeps it, and the room's cells with it, so what is newly
//! on offer at that time is taken until they leave. A shared slot lets its cells go with its last booking.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use linli_domain::{
    Code, Event, Refusal, Vocabulary,
    ids::{SlotId, StockId},
    rooms::{Difference, Face, PlannedSlot, Standing, bands::RoomFunction},
    time::local_date,
};
use sea_orm::{ConnectionTrait, entity::prelude::*, sea_query::Expr};

use super::{
    Room, closures,
    publish::{create, groups},
    slot, slot_cell,
};
use crate::{
    Env, Error,
    inventory::{release_within, stock},
    outbox,
    storage::bookings::{
        slots::{Wish, any_live},
        waitlist,
    },
};

/// Slots changed in one statement.
const BATCH: usize = 500;

/// What a revision did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revised {
    /// Slots that were as they should be.
    pub kept: usize,
    /// Slots that are new.
    pub created: usize,
    /// Slots with other words or seats.
    pub amended: usize,
    /// Slots that are on offer again.
    pub restored: usize,
    /// Slots that are on offer no more.
    pub withdrawn: usize,
    /// Shared slots that are not there yet because somebody has the room.
    pub waiting: usize,
    /// Withdrawn slots that bookings have or want.
    pub concerned: BTreeSet<Wish>,
}

impl Revised {
    /// How many slots changed.
    pub const fn changes(&self) -> usize {
        self.created + self.amended + self.restored + self.withdrawn
    }
}

/// The slots of a room that start after `after`, until the end of the local date `to`: what is on offer,
/// and what was withdrawn and still has its time.
pub async fn standing(
    conn: &impl ConnectionTrait,
    env: &Env,
    room: &Room,
    after: DateTime<Utc>,
    to: NaiveDate,
) -> Result<Vec<Standing>, Error> {
    const HAS_ITS_TIME: &str =
        "NOT EXISTS (SELECT 1 FROM claim WHERE claim.id = slot.id AND claim.ended_at IS NOT NULL)";
    let of_room = || {
        slot::Entity::find()
            .filter(slot::Column::RoomId.eq(room.id.0))
            .filter(slot::Column::StartsAt.gt(after))
            .filter(slot::Column::OnDate.lte(to))
    };
    let mut rows = of_room().filter(slot::Column::WithdrawnAt.is_null()).all(conn).await?;
    let withdrawn = of_room().filter(slot::Column::WithdrawnAt.is_not_null());
    rows.extend(withdrawn.filter(Expr::cust(HAS_ITS_TIME)).all(conn).await?);
    let ids: Vec<SlotId> = rows.iter().map(|row| row.id.into()).collect();
    let booked: HashSet<SlotId> =
        any_live(conn, env, &ids).await?.into_iter().map(|wish| wish.slot).collect();
    rows.into_iter().map(|row| read(row, &booked)).collect()
}

fn read(row: slot::Model, booked: &HashSet<SlotId>) -> Result<Standing, Error> {
    let defect = || Error::internal("reading a slot", "a value is out of range");
    let function =
        row.function.as_deref().map(|name| RoomFunction::parse(name).ok_or_else(defect)).transpose()?;
    Ok(Standing {
        id: row.id.into(),
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        seats: row.seats.map(|seats| u16::try_from(seats).map_err(|_| defect())).transpose()?,
        face: function.map(|function| Face { function, title: row.title }),
        withdrawn: row.withdrawn_at.is_some(),
        booked: booked.contains(&row.id.into()),
    })
}

/// Applies a difference. The caller has locked the room's tree ([`super::lock_tree`]).
///
/// Refused with [`Code::SeatsInUse`] where more people have booked than there would be seats.
pub async fn revise(
    tx: &impl ConnectionTrait,
    env: &Env,
    room: &Room,
    difference: &Difference,
) -> Result<Revised, Error> {
    let withdrawn: Vec<Uuid> = difference.withdraw.iter().map(|id| id.0).collect();
    for batch in withdrawn.chunks(BATCH) {
        slot::Entity::update_many()
            .col_expr(slot::Column::WithdrawnAt, Expr::value(env.now()))
            .filter(slot::Column::Id.is_in(batch.iter().copied()))
            .exec(tx)
            .await?;
    }
    let changed = difference.amend.iter().chain(&difference.restore);
    for (id, wanted) in changed {
        amend(tx, env, *id, wanted).await?;
    }
    // From here on nobody books what was withdrawn, so what is found is all there is.
    let concerned: Vec<SlotId> = difference
        .withdraw
        .iter()
        .chain(&difference.concerned)
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let concerned = any_live(tx, env, &concerned).await?;
    let left = release_left(tx, env, room).await?;
    let (mut created, mut waiting) = (0, left);
    for (date, slots) in groups(&difference.create) {
        let made = create(tx, env, room, date, &slots).await?;
        created += made.created;
        waiting += made.waiting;
    }
    keep_shut(tx, env, room, difference).await?;
    waitlist::end_withdrawn(tx, env, &difference.withdraw).await?;
    Ok(Revised {
        kept: difference.keep,
        created,
        amended: difference.amend.len(),
        restored: difference.restore.len(),
        withdrawn: difference.withdraw.len(),
        waiting,
        concerned,
    })
}

/// Gives a slot the words and seats of `wanted` and puts it on offer.
async fn amend(tx: &impl ConnectionTrait, env: &Env, id: SlotId, wanted: &PlannedSlot) -> Result<(), Error> {
    let face = wanted.face.as_ref();
    slot::Entity::update_many()
        .col_expr(slot::Column::Function, Expr::value(face.map(|face| face.function.as_str().to_owned())))
        .col_expr(slot::Column::Title, Expr::value(face.and_then(|face| face.title.clone())))
        .col_expr(slot::Column::Seats, Expr::value(wanted.seats.map(i32::from)))
        .col_expr(slot::Column::WithdrawnAt, Expr::value(None::<DateTime<Utc>>))
        .filter(slot::Column::Id.eq(id.0))
        .exec(tx)
        .await?;
    let Some(seats) = wanted.seats.map(i32::from) else { return Ok(()) };
    let Some(row) = slot_cell::Entity::find().filter(slot_cell::Column::SlotId.eq(id.0)).one(tx).await?
    else {
        return Ok(());
    };
    let resized = stock::Entity::update_many()
        .col_expr(stock::Column::Capacity, Expr::value(seats))
        .col_expr(stock::Column::Version, Expr::cust("version + 1"))
        .filter(stock::Column::Id.eq(row.stock_id))
        .filter(stock::Column::Used.lte(seats))
        .exec(tx)
        .await?;
    if resized.rows_affected != 1 {
        let bookings: Vec<_> = any_live(tx, env, &[id]).await?.into_iter().map(|wish| wish.booking).collect();
        let taken = serde_json::json!({ "slot_id": id, "booking_ids": bookings });
        return Err(Refusal::new(Code::SeatsInUse).with_extra("in_use", taken).into());
    }
    outbox::emit(tx, env, &[Event::GateSync(StockId(row.stock_id))]).await?;
    Ok(())
}

/// Lets the cells of withdrawn shared slots go that nobody comes to any more; answers how many still
/// have theirs.
async fn release_left(tx: &impl ConnectionTrait, env: &Env, room: &Room) -> Result<usize, Error> {
    const HOLDS: &str = "EXISTS (SELECT 1 FROM claim WHERE claim.id = slot.id AND claim.ended_at IS NULL)";
    let shared = slot::Entity::find()
        .filter(slot::Column::RoomId.eq(room.id.0))
        .filter(slot::Column::WithdrawnAt.is_not_null())
        .filter(slot::Column::Seats.is_not_null())
        .filter(slot::Column::EndsAt.gt(env.now()))
        .filter(Expr::cust(HOLDS))
        .all(tx)
        .await?;
    let ids: Vec<SlotId> = shared.iter().map(|row| row.id.into()).collect();
    let booked: HashSet<SlotId> = any_live(tx, env, &ids).await?.into_iter().map(|wish| wish.slot).collect();
    for slot in ids.iter().filter(|id| !booked.contains(id)) {
        release_within(tx, env, slot.0.into()).await?;
    }
    Ok(booked.len())
}

async fn keep_shut(
    tx: &impl ConnectionTrait,
    env: &Env,
    room: &Room,
    difference: &Difference,
) -> Result<(), Error> {
    let restored = difference.restore.iter().map(|(_, slot)| slot);
    let dates: BTreeSet<NaiveDate> =
        difference.create.iter().chain(restored).map(|slot| local_date(slot.starts_at)).collect();
    match (dates.first(), dates.last()) {
        (Some(first), Some(last)) => closures::keep_shut(tx, env, room, (*first, *last)).await,
        _ => Ok(()),
    }
}
