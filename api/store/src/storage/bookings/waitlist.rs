//! Waiting lists 候补: who waits for which slot. Where they stand, the engine's rows say.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use linli_domain::{
    Code, Vocabulary,
    bookings::{Channel, message::BookingChange},
    ids::{BookingId, MessageId, ResidentId, SlotId, StockId, WaitlistEntryId},
    inventory::waiting::{MAX_PER_RESIDENT, PassedOver, WaitingState},
};
use sea_orm::{
    Condition, ConnectionTrait, DbErr, JoinType, PaginatorTrait, QueryOrder, QuerySelect, QueryTrait, Set,
    entity::prelude::*, sea_query::OnConflict,
};

use super::{
    message,
    messages::{agent_of, once},
    waitlist_entry,
};
use crate::{
    Env, Error,
    inventory::{leave_within, waiting_row as waiting, waiting_stock},
    storage::{facilities::facility, residents::resident, rooms::room},
};

/// A place on a waiting list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What for.
    pub row: waitlist_entry::Model,
    /// Where it stands.
    pub state: WaitingState,
    /// Why it was passed over last.
    pub passed_over: Option<PassedOver>,
    /// Its place in the order.
    pub ticket: i64,
    /// When it was offered.
    pub offered_at: Option<DateTime<Utc>>,
    /// Until when it is kept for them.
    pub offer_until: Option<DateTime<Utc>>,
    /// When they stopped waiting.
    pub ended_at: Option<DateTime<Utc>>,
}

impl Entry {
    /// Id.
    pub const fn id(&self) -> WaitlistEntryId {
        WaitlistEntryId(self.row.id)
    }

    /// Who waits.
    pub const fn resident(&self) -> ResidentId {
        ResidentId(self.row.resident_id)
    }

    /// Through which door they came.
    pub fn channel(&self) -> Channel {
        Channel::parse(&self.row.channel).unwrap_or(Channel::Online)
    }
}

/// A place in a list by time of joining.
pub type Place = (DateTime<Utc>, WaitlistEntryId);

/// Names of the states in which somebody is still on a list.
const LIVE: [&str; 2] = ["waiting", "offered"];

/// Locks the record of who joins, so that they join lists one after the other, and refuses when they are
/// on too many.
pub async fn check_room_for(tx: &impl ConnectionTrait, resident_id: ResidentId) -> Result<(), Error> {
    resident::Entity::find_by_id(resident_id.0).lock_exclusive().one(tx).await?;
    let on = live().filter(waitlist_entry::Column::ResidentId.eq(resident_id.0)).count(tx).await?;
    if on >= MAX_PER_RESIDENT { Err(Code::WaitlistFull.into()) } else { Ok(()) }
}

/// Writes a new place. The caller has the slot's stocks locked, so nobody joins twice at once.
pub async fn insert(tx: &impl ConnectionTrait, row: waitlist_entry::Model) -> Result<(), Error> {
    let twice = live()
        .filter(waitlist_entry::Column::ResidentId.eq(row.resident_id))
        .filter(waitlist_entry::Column::SlotId.eq(row.slot_id));
    if twice.count(tx).await? > 0 {
        return Err(Code::AlreadyWaiting.into());
    }
    let row = waitlist_entry::ActiveModel::from(row).reset_all();
    waitlist_entry::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

fn live() -> Select<waitlist_entry::Entity> {
    let joined = waitlist_entry::Entity::belongs_to(waiting::Entity)
        .from(waitlist_entry::Column::Id)
        .to(waiting::Column::Id)
        .into();
    waitlist_entry::Entity::find()
        .join(JoinType::InnerJoin, joined)
        .filter(waiting::Column::State.is_in(LIVE))
}

/// A place, whoever has it: for those who ask about the right afterwards, and for jobs.
pub async fn any(conn: &impl ConnectionTrait, id: WaitlistEntryId) -> Result<Option<Entry>, Error> {
    let row = waitlist_entry::Entity::find_by_id(id.0).one(conn).await?;
    Ok(with_states(conn, row.into_iter().collect()).await?.pop())
}

/// The places of `resident`, the latest first.
pub async fn list_own(
    conn: &impl ConnectionTrait,
    resident: ResidentId,
    after: Option<Place>,
    limit: u64,
) -> Result<Vec<Entry>, Error> {
    use waitlist_entry::Column;
    let before = after.map(|(at, id)| {
        Condition::any()
            .add(Column::CreatedAt.lt(at))
            .add(Condition::all().add(Column::CreatedAt.eq(at)).add(Column::Id.lt(id.0)))
    });
    let rows = waitlist_entry::Entity::find()
        .filter(Column::ResidentId.eq(resident.0))
        .filter(before.unwrap_or_else(Condition::all))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    with_states(conn, rows).await
}

/// Every place of `resident`, or that they took for family: for an export of what is kept of them.
pub async fn any_touching(conn: &impl ConnectionTrait, resident: ResidentId) -> Result<Vec<Entry>, Error> {
    use waitlist_entry::Column;
    let names = Condition::any()
        .add(Column::ResidentId.eq(resident.0))
        .add(Column::JoinedByResidentId.eq(resident.0));
    let rows =
        waitlist_entry::Entity::find().filter(names).order_by_desc(Column::CreatedAt).all(conn).await?;
    with_states(conn, rows).await
}

/// Who is on the list of a slot, in their order. The engine bounds how many.
pub async fn list_of_slot(conn: &impl ConnectionTrait, slot: SlotId) -> Result<Vec<Entry>, Error> {
    let rows = live()
        .filter(waitlist_entry::Column::SlotId.eq(slot.0))
        .order_by_asc(waiting::Column::Ticket)
        .order_by_asc(waiting::Column::Id)
        .all(conn)
        .await?;
    with_states(conn, rows).await
}

/// How many wait for the same slot before `entry`.
pub async fn ahead(conn: &impl ConnectionTrait, entry: &Entry) -> Result<u64, DbErr> {
    let before = Condition::any().add(waiting::Column::Ticket.lt(entry.ticket)).add(
        Condition::all()
            .add(waiting::Column::Ticket.eq(entry.ticket))
            .add(waiting::Column::Id.lt(entry.row.id)),
    );
    live()
        .filter(waitlist_entry::Column::SlotId.eq(entry.row.slot_id))
        .filter(waiting::Column::State.eq(WaitingState::Waiting.as_str()))
        .filter(before)
        .count(conn)
        .await
}

/// What `entry` waits for.
pub async fn stocks(conn: &impl ConnectionTrait, id: WaitlistEntryId) -> Result<Vec<StockId>, DbErr> {
    let rows =
        waiting_stock::Entity::find().filter(waiting_stock::Column::WaitingId.eq(id.0)).all(conn).await?;
    Ok(rows.into_iter().map(|row| row.stock_id.into()).collect())
}

/// Places of erased residents.
pub async fn any_live_of_erased(conn: &impl ConnectionTrait, limit: u64) -> Result<Vec<Entry>, Error> {
    let erased = resident::Entity::find()
        .select_only()
        .column(resident::Column::Id)
        .filter(resident::Column::ErasedAt.is_not_null())
        .filter(resident::Column::MergedIntoId.is_null())
        .into_query();
    let rows = live()
        .filter(waitlist_entry::Column::ResidentId.in_subquery(erased))
        .order_by_asc(waitlist_entry::Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    with_states(conn, rows).await
}

/// Ends the waiting for slots that are on offer no more.
pub async fn end_withdrawn(tx: &impl ConnectionTrait, env: &Env, slots: &[SlotId]) -> Result<(), Error> {
    for slot in slots {
        let rows = live()
            .filter(waitlist_entry::Column::SlotId.eq(slot.0))
            .filter(waiting::Column::State.eq(WaitingState::Waiting.as_str()))
            .order_by_asc(waitlist_entry::Column::Id)
            .all(tx)
            .await?;
        for row in rows {
            leave_within(tx, env, row.id.into(), WaitingState::Passed).await?;
        }
    }
    Ok(())
}

async fn with_states(
    conn: &impl ConnectionTrait,
    rows: Vec<waitlist_entry::Model>,
) -> Result<Vec<Entry>, Error> {
    let defect = || Error::internal("reading a waiting list", "its columns do not make an entry");
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let states = waiting::Entity::find().filter(waiting::Column::Id.is_in(ids)).all(conn).await?;
    let mut states: HashMap<Uuid, waiting::Model> = states.into_iter().map(|row| (row.id, row)).collect();
    let entries = rows.into_iter().map(|row| {
        let stands = states.remove(&row.id).ok_or_else(defect)?;
        Ok(Entry {
            row,
            state: WaitingState::parse(&stands.state).ok_or_else(defect)?,
            passed_over: stands.passed_over.as_deref().and_then(PassedOver::parse),
            ticket: stands.ticket,
            offered_at: stands.offered_at,
            offer_until: stands.offer_until,
            ended_at: stands.ended_at,
        })
    });
    entries.collect()
}

/// Versions of a booking that is not made yet: its first is 1.
const OFFERED: i64 = -2;
const ENDED: i64 = -1;

/// Writes the messages that `ids` still lack; an id that is no place on a list has none.
pub async fn write_missing(conn: &impl ConnectionTrait, env: &Env, ids: &[BookingId]) -> Result<(), Error> {
    let rows = waitlist_entry::Entity::find()
        .filter(waitlist_entry::Column::Id.is_in(ids.iter().map(|id| id.0)))
        .all(conn)
        .await?;
    let mut messages = Vec::new();
    for entry in with_states(conn, rows).await? {
        let ended = match entry.state {
            WaitingState::Lapsed => Some(BookingChange::OfferLapsed),
            WaitingState::Passed => Some(BookingChange::WaitedInVain),
            _ => None,
        };
        let news = [
            entry.offered_at.map(|at| (OFFERED, BookingChange::Offered, at)),
            ended.zip(entry.ended_at).map(|(change, at)| (ENDED, change, at)),
        ];
        let place = place(conn, &entry.row).await?;
        let (resident, joined_by) = (entry.row.resident_id, entry.row.joined_by_resident_id);
        let agent = agent_of(conn, resident, joined_by).await?;
        for (version, change, at) in news.into_iter().flatten() {
            let to = [Some(resident), agent].into_iter().flatten();
            messages.extend(to.map(|to| message::ActiveModel {
                id: Set(env.id::<MessageId>().0),
                resident_id: Set(to),
                booking_id: Set(entry.row.id),
                booking_version: Set(version),
                change: Set(change.as_str().to_owned()),
                place: Set(place.clone()),
                starts_at: Set(entry.row.starts_at),
                ends_at: Set(entry.row.ends_at),
                kept_until: Set(entry.offer_until),
                price_fen: Set(entry.row.price_fen),
                created_at: Set(at),
                read_at: Set(None),
            }));
        }
    }
    let once: OnConflict = once();
    message::Entity::insert_many(messages).on_conflict(once).exec_without_returning(conn).await?;
    Ok(())
}

/// Facility and room as they are called.
async fn place(conn: &impl ConnectionTrait, row: &waitlist_entry::Model) -> Result<String, DbErr> {
    let room = room::Entity::find_by_id(row.room_id).one(conn).await?.map(|room| room.name);
    let facility = facility::Entity::find_by_id(row.facility_id).one(conn).await?.map(|row| row.name);
    Ok([facility, room].into_iter().flatten().collect::<Vec<_>>().join(" "))
}
