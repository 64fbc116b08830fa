//! Series: the same hours every week, booked in one transaction by the rules of every other booking.
//!
//! What cannot be had is found by trying: the transaction is rolled back and made again without it, so a
//! week is refused only with the answer that the tables gave.

use std::sync::{Mutex, PoisonError};

use linli_domain::{
    Code, Event, Refusal,
    bookings::{
        Times,
        series::{MAX_WEEKS, SeriesMode, matching, weekly},
    },
    consent::FamilyScope,
    ids::{BookingSeriesId, SlotId},
    inventory::Claim,
    time::{local, local_date},
};
use linli_store::{
    Error, Tx,
    idempotency::{self, Begun, Request, Stored},
    inventory::{Answered, claim_all_within},
    outbox,
    storage::{
        bookings::{
            self, Booking, presence,
            series::{self, Series},
        },
        rooms,
    },
};
use serde_json::{Value, json};

use super::{
    Ask, Door, NewBooking, Who, answers,
    create::{decide, may_book, write_new},
    desk, moves,
    plan::{self, Stay},
};
use crate::App;

/// A series as it is asked for.
#[derive(Clone, Debug)]
pub struct NewSeries {
    /// The booking of its first week.
    pub first: NewBooking,
    /// How many weeks, the first included.
    pub weeks: i32,
    /// What becomes of it when some of them cannot be had.
    pub mode: SeriesMode,
}

/// How a series is written down, to be replayed as it was.
pub type Render = fn(&Series) -> Value;

/// A week on the way.
struct Week {
    times: Times,
    came: Result<(Booking, Stay), Refusal>,
}

/// Books a series: all its weeks or nothing, or those that can be had.
pub async fn create(
    app: &App,
    door: &Door<'_>,
    new: NewSeries,
    request: &Request,
    render: Render,
) -> Result<Answered, Error> {
    let mut weeks = match decide_weeks(app, door, &new).await {
        Err(Error::Refused(refusal)) => return answers::replay_or(app, request, refusal).await,
        decided => decided?,
    };
    let id = app.env.id();
    // Each time one week more is known to be refused.
    for _ in 0..=weeks.len() {
        let series = &made(app, id, &new, &weeks);
        let answer = Stored { status: 201, answer: render(series) };
        let short = &Mutex::new(None);
        let weeks_now = &weeks;
        let begun =
            idempotency::once(&app.db, &app.env, "bookings.series", request, &answer, |tx| async move {
                write(app, tx, door, (series, weeks_now), request, short).await
            })
            .await;
        let refused = short.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (begun, refused) {
            (Ok(Begun::Fresh), _) => {
                app.slot_lists.edited();
                return Ok(Answered { stored: answer, replayed: false });
            }
            (Ok(Begun::Replay(stored)), _) => return Ok(Answered { stored, replayed: true }),
            (Err(Error::Refused(refusal)), Some(week)) => refuse(&mut weeks, week, refusal),
            (Err(error), _) => return Err(error),
        }
    }
    Err(Code::Conflict.into())
}

fn refuse(weeks: &mut [Week], week: usize, refusal: Refusal) {
    if let Some(week) = weeks.get_mut(week) {
        week.came = Err(refusal);
    }
}

/// The rules of every week, on what was looked up at most a second ago.
async fn decide_weeks(app: &App, door: &Door<'_>, new: &NewSeries) -> Result<Vec<Week>, Error> {
    let weeks = u16::try_from(new.weeks).ok().filter(|weeks| (2..=MAX_WEEKS).contains(weeks));
    let weeks =
        weeks.ok_or_else(|| Refusal::field("weeks", "out_of_range", "2 到 26 周", "2 to 26 weeks."))?;
    let first = plan::stay(app, new.first.room_id, &new.first.slot_ids).await?;
    may_book(app, door, &first).await?;
    let times: Vec<Times> = first.slots.iter().map(|slot| (slot.1.starts_at, slot.1.ends_at)).collect();
    let mut decided = Vec::with_capacity(weeks.into());
    for times in weekly(&times, weeks) {
        let (starts_at, ends_at) = (times[0].0, times[times.len() - 1].1);
        let came = match decide_week(app, door, new, &times).await {
            Ok(came) => Ok(came),
            Err(Error::Refused(refusal)) if refusal.errors.is_empty() => Err(refusal),
            Err(error) => return Err(error),
        };
        decided.push(Week { times: (starts_at, ends_at), came });
    }
    Ok(decided)
}

async fn decide_week(
    app: &App,
    door: &Door<'_>,
    new: &NewSeries,
    times: &[Times],
) -> Result<(Booking, Stay), Error> {
    let date = local_date(times[0].0);
    let rows = rooms::slots(app.db.read(), new.first.room_id, date, date, app.env.now()).await?;
    let offered: Vec<(SlotId, Times)> =
        rows.iter().map(|row| (row.id.into(), (row.starts_at, row.ends_at))).collect();
    // A holiday, an event of the centre, a day that is not published yet.
    let slot_ids = matching(times, &offered).ok_or(Code::SlotClosed)?;
    decide(app, door, NewBooking { slot_ids, ..new.first.clone() }).await
}

fn made(app: &App, id: BookingSeriesId, new: &NewSeries, weeks: &[Week]) -> Series {
    let came = |week: &Week| match &week.came {
        Ok((booking, _)) => (week.times, Ok(booking.id)),
        Err(refusal) => (week.times, Err(refusal.code)),
    };
    Series {
        id,
        room_id: new.first.room_id,
        mode: new.mode,
        created_at: app.env.now(),
        weeks: weeks.iter().map(came).collect(),
    }
}

/// Writes bookings, claims and series; notes the week that could not be had, if one could not.
async fn write(
    app: &App,
    tx: Tx,
    door: &Door<'_>,
    (series, weeks): (&Series, &[Week]),
    request: &Request,
    short: &Mutex<Option<usize>>,
) -> Result<Tx, Error> {
    let note = |week: usize, refusal: Refusal| {
        *short.lock().unwrap_or_else(PoisonError::into_inner) = Some(week);
        Error::from(refusal)
    };
    let (mut tx, mut claims): (Tx, Vec<(usize, Claim)>) = (tx, Vec::new());
    for (at, week) in weeks.iter().enumerate() {
        let Ok((booking, stay)) = &week.came else { continue };
        tx = match write_week(app, tx, door, (booking, stay)).await {
            Err(Error::Refused(refusal)) => return Err(note(at, refusal)),
            written => written?,
        };
        if booking.state.holds() {
            // Each claim has a name of its own at the gate.
            let request = Request { key: format!("{} {at}", request.key), ..request.clone() };
            let holder = plan::holder(app, booking.resident_id, &stay.terms).await?;
            claims.push((at, stay.claim(booking, &request, holder)?));
        }
    }
    let (at, made): (Vec<usize>, Vec<Claim>) = claims.into_iter().unzip();
    if let Err(shortage) = claim_all_within(tx.conn(), &app.env, &made).await? {
        let (id, shortage) =
            shortage.ok_or_else(|| Error::internal("booking a series", "nothing is short"))?;
        let which = made.iter().position(|claim| claim.id == id).and_then(|index| at.get(index)).copied();
        let which = which.ok_or_else(|| Error::internal("booking a series", "no such claim"))?;
        let Ok((_, stay)) = &weeks[which].came else { return Err(Code::Conflict.into()) };
        return Err(note(which, stay.refuse(&shortage, app.env.now())));
    }
    let some_refused = weeks.iter().any(|week| week.came.is_err());
    if made.is_empty() && series.bookings().is_empty()
        || some_refused && series.mode == SeriesMode::AllOrNothing
    {
        return Err(refused(weeks).into());
    }
    series::insert(tx.conn(), series).await?;
    Ok(tx)
}

async fn write_week(
    app: &App,
    tx: Tx,
    door: &Door<'_>,
    (booking, stay): (&Booking, &Stay),
) -> Result<Tx, Error> {
    let tx = write_new(app, tx, door, booking).await?;
    if booking.state.holds() && stay.terms.policy.one_place {
        presence::take(tx.conn(), &app.env, booking).await?;
    }
    outbox::emit(tx.conn(), &app.env, &[Event::BookingChanged(booking.id)]).await?;
    Ok(tx)
}

/// The refusal of a whole series: which weeks, and why each.
fn refused(weeks: &[Week]) -> Refusal {
    let why = weeks.iter().filter_map(|week| {
        let code = week.came.as_ref().err()?.code;
        let starts_at = local(week.times.0).to_rfc3339();
        Some(json!({ "starts_at": starts_at, "code": code.as_str(), "zh": code.zh(), "en": code.en() }))
    });
    Refusal::new(Code::SeriesRefused).with_extra("refused", why.collect::<Vec<_>>())
}

/// A series with its bookings, for whoever may reach all of them.
pub async fn find(
    app: &App,
    who: Who<'_>,
    scope: FamilyScope,
    id: BookingSeriesId,
) -> Result<(Series, Vec<Booking>), Error> {
    let series = series::any(app.db.read(), id).await?.ok_or(Code::NotFound)?;
    let ids = series.bookings();
    // All are for one resident in one room, so who may reach one may reach them all.
    super::find(app, who, scope, *ids.first().ok_or(Code::NotFound)?).await?;
    let found = bookings::any_of(app.db.read(), desk(app), &ids).await?;
    Ok((series, found))
}

/// Cancels what is still to come of a series, each booking by its own terms; again changes nothing.
pub async fn cancel(
    app: &App,
    who: Who<'_>,
    id: BookingSeriesId,
    reason: Option<String>,
) -> Result<(Series, Vec<Booking>), Error> {
    let (_, found) = find(app, who, FamilyScope::Book, id).await?;
    let now = app.env.now();
    for booking in found.iter().filter(|booking| booking.starts_at > now) {
        let request = Request {
            principal: format!("system:series:{id}"),
            key: format!("cancel:{}:{}", booking.id, booking.version),
            operation: "bookings.cancel_series",
            digest: String::new(),
        };
        let ask = Ask { request: &request, render: |_| json!({}) };
        match moves::cancel(app, who, booking.id, (reason.clone(), false), ask).await {
            // Too late for this one, or somebody was faster: the answer says where each stands.
            Err(Error::Refused(_)) => {}
            done => drop(done?),
        }
    }
    find(app, who, FamilyScope::Book, id).await
}
