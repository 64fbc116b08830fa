//! What a booking is judged on, looked up at most a second ago: slots, rooms, policies, quota rules.
//! Only the stocks and counters decide what is free.

use std::{collections::BTreeSet, hash::Hash, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use linli_domain::{
    Alternatives, Code, Refusal,
    bookings::{
        MAX_SLOTS, Policy, Times,
        alternatives::Helps,
        join,
        quota::{self, Holder, QuotaSubject, Rule},
    },
    consent::FamilyScope,
    ids::{ResidentId, RoomId, SlotId, StockId},
    inventory::{Claim, Need, QuotaNeed, Shortage, Tag},
    time::{local, local_date},
};
use linli_store::{
    Error,
    idempotency::Request,
    storage::{
        bookings::{self, Booking, policies},
        residents::may_act_for,
        rooms::{self, Room, SlotPlan},
    },
};
use moka::future::Cache;
use serde_json::{Value, json};

use super::{Who, alternatives::Free, desk, left::Left};
use crate::{App, app::views::seen};

/// A slot with the room it is in.
pub type Planned = Arc<(Arc<Room>, SlotPlan)>;

/// What a room asks of its bookings.
#[derive(Debug)]
pub struct Terms {
    /// Its policy.
    pub policy: Policy,
    /// The quota rules that count its bookings.
    pub rules: Vec<Rule>,
}

/// Views of this process, at most a second old, so that a rush on a slot stays off SQL.
pub struct Views {
    /// Slots by room and id.
    pub slots: Cache<(RoomId, SlotId), Planned>,
    /// Terms by room.
    pub terms: Cache<RoomId, Arc<Terms>>,
    /// What is free by room.
    pub free: Cache<RoomId, Free>,
    /// What is offered instead of a slot.
    pub nearest: Cache<(RoomId, SlotId, u16, Helps), Alternatives>,
    /// What is left today by facility.
    pub left: Left,
}

/// How old a view may be.
pub(super) const AGE: Duration = Duration::from_secs(1);

impl Default for Views {
    fn default() -> Self {
        fn cache<K, V>(most: u64) -> Cache<K, V>
        where
            K: Hash + Eq + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            Cache::builder().max_capacity(most).time_to_live(AGE).build()
        }
        Self {
            slots: cache(20_000),
            terms: cache(5_000),
            free: cache(5_000),
            nearest: cache(20_000),
            left: Left::default(),
        }
    }
}

/// A stay: slots of one room that follow one another.
#[derive(Clone, Debug)]
pub(super) struct Stay {
    pub(super) room: Arc<Room>,
    pub(super) slots: Vec<Planned>,
    pub(super) times: Times,
    pub(super) terms: Arc<Terms>,
}

impl Stay {
    pub(super) fn slot_ids(&self) -> Vec<SlotId> {
        self.slots.iter().map(|planned| planned.1.id).collect()
    }

    /// Refuses what is on offer no more; the slots' rows are asked again when it is written.
    pub(super) fn check_offered(&self) -> Result<(), Refusal> {
        if self.slots.iter().any(|slot| slot.1.withdrawn) { Err(Code::SlotClosed.into()) } else { Ok(()) }
    }

    /// The claim of `booking` on this stay, counted for `holder`.
    pub(super) fn claim(&self, booking: &Booking, request: &Request, holder: Holder) -> Result<Claim, Error> {
        let quotas = quota::needs(&self.terms.rules, holder, self.times);
        let defect = |error| Error::internal("claiming the cells of slots", error);
        let principal = format!("resident:{}", booking.resident_id);
        let claim = Claim::new(booking.id.into(), principal, request.key_digest(), self.needs(booking))
            .and_then(|claim| claim.with_quotas(quotas.into_iter().chain(self.shares(booking))))
            .map_err(defect)?;
        Ok(match booking.state.kept_until() {
            Some(until) => claim.expiring(until),
            None => claim,
        })
    }

    /// A shared slot counts seats, any other one is taken whole.
    fn needs(&self, booking: &Booking) -> impl Iterator<Item = (Tag, Need)> {
        self.slots.iter().flat_map(|planned| planned.1.needs(booking.party_size))
    }

    /// What is kept back of shared slots for those who call or come.
    fn shares(&self, booking: &Booking) -> impl Iterator<Item = QuotaNeed> {
        let (reserved, units) = (self.terms.policy.reserved_units, u32::from(booking.party_size));
        let shared = self.slots.iter().filter(|_| !booking.channel.by_staff());
        shared.filter_map(move |slot| {
            quota::online_share(slot.1.id, slot.1.seats?, reserved, units, slot.1.starts_at)
        })
    }

    /// Whether one of its slots has nothing left, as SQL has it now.
    pub(super) async fn is_sold_out(&self, app: &App) -> Result<bool, Error> {
        let date = local_date(self.times.0);
        let rows = rooms::slots(app.db.read(), self.room.id, date, date, app.env.now()).await?;
        Ok(rows.iter().any(|row| row.free <= 0 && self.slots.iter().any(|slot| slot.1.id.0 == row.id)))
    }

    fn stocks(&self) -> BTreeSet<StockId> {
        self.slots.iter().flat_map(|planned| &planned.1.stocks).map(|(_, stock)| *stock).collect()
    }

    /// How a shortage is told: by the slot, or by the rule that counts.
    pub(super) fn refuse(&self, shortage: &Shortage, now: DateTime<Utc>) -> Refusal {
        match shortage {
            Shortage::SoldOut => Code::SlotTaken.into(),
            Shortage::Closed => Code::SlotClosed.into(),
            Shortage::Quota { key, used, .. } => {
                quota::refuse(&self.terms.rules, key, *used, self.times, now)
            }
        }
    }
}

/// The stay that `slots` of `room` make.
pub(super) async fn stay(app: &App, room: RoomId, slots: &[SlotId]) -> Result<Stay, Error> {
    if slots.is_empty() || slots.len() > MAX_SLOTS {
        let (zh, en) = ("请选择 1 到 16 个时段", "Choose 1 to 16 slots.");
        return Err(Refusal::field("slot_ids", "count", zh, en).into());
    }
    let mut planned = Vec::with_capacity(slots.len());
    for slot in slots {
        planned.push(look_up_slot(app, room, *slot).await?.ok_or_else(unknown_slot)?);
    }
    planned.sort_by_key(|planned| (planned.1.starts_at, planned.1.ends_at));
    let room = planned.first().ok_or_else(unknown_slot)?.0.clone();
    let mut times: Vec<_> = planned.iter().map(|planned| (planned.1.starts_at, planned.1.ends_at)).collect();
    let times = join(&mut times)?;
    let terms = terms(app, &room).await?;
    Ok(Stay { room, slots: planned, times, terms })
}

/// The stay as the tables have it now, if `done` was refused as closed and was planned before its room was
/// divided: what it took then is closed, and the same slots may still be free.
pub(super) async fn anew<T>(app: &App, stay: &Stay, done: &Result<T, Error>) -> Result<Option<Stay>, Error> {
    let closed = |said: &Refusal| said.code == Code::SlotClosed;
    if !done.as_ref().err().and_then(Error::refusal).is_some_and(closed) {
        return Ok(None);
    }
    for planned in &stay.slots {
        app.bookings.slots.invalidate(&(stay.room.id, planned.1.id)).await;
    }
    let fresh = self::stay(app, stay.room.id, &stay.slot_ids()).await?;
    Ok((fresh.stocks() != stay.stocks()).then_some(fresh))
}

/// What somebody wanted, also when it makes no stay: the room, and when.
pub(super) async fn wanted(app: &App, room: RoomId, slots: &[SlotId]) -> Result<(Arc<Room>, Times), Error> {
    if let Ok(stay) = stay(app, room, slots).await {
        return Ok((stay.room, stay.times));
    }
    let first = slots.first().ok_or_else(unknown_slot)?;
    let planned = look_up_slot(app, room, *first).await?.ok_or_else(unknown_slot)?;
    Ok((planned.0.clone(), (planned.1.starts_at, planned.1.ends_at)))
}

/// Adds to a refusal which bookings use the quota up, as far as `who` may see them.
pub(super) async fn name_bookings<T>(
    app: &App,
    (who, resident): (Who<'_>, ResidentId),
    (stay, holder): (&Stay, Holder),
    done: Result<T, Error>,
) -> Result<T, Error> {
    let Err(Error::Refused(refusal)) = done else { return done };
    let id = refusal.extra.get("quota").and_then(|quota| quota.get("rule_id"));
    let rule = stay.terms.rules.iter().find(|rule| id.is_some_and(|id| *id == json!(rule.id)));
    let Some(rule) = rule else { return Err(refusal.into()) };
    let counter = (rule.key(holder), rule.window(stay.times.0));
    let counted =
        bookings::any_counting(app.db.read(), desk(app), (&counter.0, &counter.1), MOST_TOLD).await?;
    let sees_family = match who {
        Who::Resident(me) => may_act_for(app.db.read(), me, resident, FamilyScope::See).await?,
        Who::Staff(..) => false,
    };
    let told: Vec<_> = counted
        .into_iter()
        .filter(|booking| match who {
            Who::Resident(me) => {
                booking.resident_id == me || (sees_family && booking.resident_id == resident)
            }
            Who::Staff(_, scope) => scope.covers(&booking.org_path),
        })
        .collect();
    let starts: Vec<_> = told.iter().map(|booking| booking.starts_at).collect();
    let list: Vec<_> = told
        .iter()
        .map(|booking| {
            json!({
                "id": booking.id,
                "room_id": booking.room_id,
                "starts_at": local(booking.starts_at).to_rfc3339(),
                "ends_at": local(booking.ends_at).to_rfc3339(),
                "state": booking.state.as_str(),
            })
        })
        .collect();
    let mut refusal = quota::name_bookings(refusal, &starts);
    if let Some(Value::Object(quota)) = refusal.extra.get_mut("quota") {
        quota.insert("bookings".to_owned(), list.into());
    }
    Err(refusal.into())
}

/// Bookings that a refusal lists.
const MOST_TOLD: u64 = 20;

/// Whom a booking counts for. The household is asked only where a rule counts by it.
pub(super) async fn holder(app: &App, resident: ResidentId, terms: &Terms) -> Result<Holder, Error> {
    let by_household = terms.rules.iter().any(|rule| rule.subject == QuotaSubject::Household);
    let household = match by_household {
        true => policies::household_of(app.db.read(), resident).await?,
        false => None,
    };
    Ok(Holder { resident, household })
}

pub(super) async fn terms(app: &App, room: &Room) -> Result<Arc<Terms>, Error> {
    let look_up = || async {
        let (policy, _) = policies::policy(app.db.read(), room.id).await?;
        let rules = policies::any_rules_of(app.db.read(), room).await?;
        Ok(Arc::new(Terms { policy, rules }))
    };
    seen(&app.bookings.terms, room.id, |_| true, look_up).await
}

async fn look_up_slot(app: &App, room: RoomId, slot: SlotId) -> Result<Option<Planned>, Error> {
    let look_up = || async {
        let plan = rooms::slot_plan(app.db.read(), room, slot).await?;
        let found = rooms::find_public(app.db.read(), room).await?;
        let planned = plan.zip(found).map(|(plan, room)| Arc::new((Arc::new(room), plan)));
        planned.ok_or_else(|| Error::from(Code::NotFound))
    };
    match seen(&app.bookings.slots, (room, slot), |_| true, look_up).await {
        Ok(planned) => Ok(Some(planned)),
        Err(error) if error.refusal().is_some() => Ok(None),
        Err(error) => Err(error),
    }
}

fn unknown_slot() -> Refusal {
    let (zh, en) = ("这个房间没有这个时段", "This room has no such slot.");
    Refusal::field("slot_ids", "unknown", zh, en)
}
