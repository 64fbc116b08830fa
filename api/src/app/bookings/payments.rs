//! Payments for bookings. Who takes the money is behind a trait; the counter is the first.

use linli_domain::{
    Code, Event,
    bookings::{State, message::BookingChange},
    consent::FamilyScope,
    ids::{BookingId, PaymentId, StaffId},
};
use linli_store::{
    Error, OnConstraint, Tx,
    audit::{self, Entry},
    inventory::{Answered, Confirm},
    storage::bookings::{self, Booking, payment, presence},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::json;

use super::{Ask, Who, answers, desk, entry, find};
use crate::App;

/// How somebody paid at the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Notes and coins.
    Cash,
    /// A bank card.
    Card,
}

impl Method {
    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Card => "card",
        }
    }
}

/// Money that arrived, as a provider vouches for it.
#[derive(Clone, Copy, Debug)]
pub struct Receipt {
    /// How it was paid.
    pub method: Method,
    /// How much.
    pub amount_fen: i64,
    /// Who took it.
    pub received_by: StaffId,
}

/// Somebody who takes money for bookings.
pub trait PaymentProvider: Send + Sync {
    /// Stable name, as payments are recorded under.
    fn name(&self) -> &'static str;

    /// Whether the receipt settles what is due for `booking`.
    fn settles(&self, booking: &Booking, receipt: &Receipt) -> Result<(), Code>;
}

/// Staff take the money and record it; what is due is paid in one go.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter;

impl PaymentProvider for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn settles(&self, booking: &Booking, receipt: &Receipt) -> Result<(), Code> {
        let due = i64::from(booking.price_fen);
        if receipt.amount_fen == due { Ok(()) } else { Err(Code::PaymentMismatch) }
    }
}

/// Records a payment: the booking is firm, unless its time to be paid is over.
pub async fn receive(
    app: &App,
    provider: &dyn PaymentProvider,
    who: Who<'_>,
    id: BookingId,
    receipt: Receipt,
    ask: Ask<'_>,
) -> Result<Answered, Error> {
    let booking = find(app, who, FamilyScope::Book, id).await?;
    let judged = booking.state.pay().and_then(|state| {
        provider.settles(&booking, &receipt)?;
        Ok(Booking { state, version: booking.version + 1, ..booking.clone() })
    });
    let moved = match judged {
        Err(refusal) => return answers::replay_or(app, ask.request, refusal).await,
        Ok(moved) => moved,
    };
    let stored = answers::store(app, ask, 200, &moved)?;
    let order = Confirm {
        name: "bookings.pay",
        claim: id.into(),
        request: ask.request,
        answer: &stored,
        events: &[Event::BookingChanged(id)],
        gone: Code::BookingExpired,
    };
    let (moved, provider) = (&moved, provider.name());
    let write = move |tx: Tx| async move {
        bookings::write(tx.conn(), desk(app), moved, BookingChange::Confirmed).await?;
        presence::keep(tx.conn(), moved).await?;
        let row = payment::ActiveModel {
            id: Set(app.env.id::<PaymentId>().0),
            booking_id: Set(id.0),
            provider: Set(provider.to_owned()),
            method: Set(receipt.method.as_str().to_owned()),
            amount_fen: Set(i32::try_from(receipt.amount_fen).map_err(|_| Code::PaymentMismatch)?),
            received_by_staff_id: Set(receipt.received_by.0),
            received_at: Set(app.env.now()),
            refunded_by_staff_id: Set(None),
            refunded_at: Set(None),
        };
        payment::Entity::insert(row)
            .exec_without_returning(tx.conn())
            .await
            .on_constraint("payment_booking_key", || Code::BookingNotPending.into())?;
        let detail = json!({ "method": receipt.method.as_str(), "amount_fen": receipt.amount_fen });
        let line = Entry { detail, ..entry(who.actor(), "booking.pay", moved) };
        audit::record(tx.conn(), &app.env, line).await?;
        Ok(tx)
    };
    answers::open(app, app.inventory.confirm(&app.db, &app.env, &order, write).await?)
}

/// Records that what was paid for a booking that has ended was given back.
pub async fn refund(
    app: &App,
    staff: StaffId,
    who: Who<'_>,
    id: BookingId,
    ask: Ask<'_>,
) -> Result<Answered, Error> {
    let booking = find(app, who, FamilyScope::Book, id).await?;
    if let Err(refusal) = check_refund(app, &booking).await? {
        return answers::replay_or(app, ask.request, refusal.into()).await;
    }
    let stored = answers::store(app, ask, 200, &booking)?;
    let booking = &booking;
    answers::write(app, "bookings.refund", ask.request, stored, move |tx| async move {
        let given = payment::Entity::update_many()
            .col_expr(payment::Column::RefundedAt, Expr::value(app.env.now()))
            .col_expr(payment::Column::RefundedByStaffId, Expr::value(staff.0))
            .filter(payment::Column::BookingId.eq(id.0))
            .filter(payment::Column::RefundedAt.is_null())
            .exec(tx.conn())
            .await?;
        if given.rows_affected != 1 {
            return Err(Code::NothingToRefund.into());
        }
        let detail = json!({ "amount_fen": booking.price_fen });
        let line = Entry { detail, ..entry(who.actor(), "booking.refund", booking) };
        audit::record(tx.conn(), &app.env, line).await?;
        Ok(tx)
    })
    .await
}

async fn check_refund(app: &App, booking: &Booking) -> Result<Result<(), Code>, Error> {
    let ended = matches!(booking.state, State::Cancelled { .. } | State::Declined { .. });
    let paid = ended && of(app.db.read(), booking.id).await?.is_some();
    Ok(if paid { Ok(()) } else { Err(Code::NothingToRefund) })
}

/// The payment of a booking that was not given back.
pub async fn of(conn: &impl ConnectionTrait, id: BookingId) -> Result<Option<payment::Model>, Error> {
    let kept = payment::Entity::find()
        .filter(payment::Column::BookingId.eq(id.0))
        .filter(payment::Column::RefundedAt.is_null());
    Ok(kept.one(conn).await?)
}
