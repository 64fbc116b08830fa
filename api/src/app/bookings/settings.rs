//! The policy of a room, as staff see and write it.

use chrono::Duration;
use linli_domain::{
    FieldErrors, Vocabulary,
    access::Scope,
    bookings::{Approval, LateCancel, MAX_KEPT_MINUTES, MAX_PRICE_FEN, Policy},
    ids::{RoomId, StaffId},
};
use linli_store::{
    Error,
    audit::{self, Actor, Entry},
    storage::bookings::policies,
};
use serde_json::json;

use crate::{App, app::rooms};

/// A policy as it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct NewPolicy {
    /// How a booking becomes firm.
    pub approval: Approval,
    /// What one booking costs.
    pub price_fen: i32,
    /// How long it is kept for a payment.
    pub pay_within_minutes: i32,
    /// How long it is kept for a decision.
    pub decide_within_minutes: i32,
    /// What a late cancellation is.
    pub late_cancel: LateCancel,
    /// Whether a resident can be nowhere else at the time.
    pub one_place: bool,
    /// Units of a shared slot that only staff give.
    pub reserved_units: i32,
}

/// The policy of a room in scope and its version.
pub async fn get(app: &App, scope: &Scope, room: RoomId) -> Result<(Policy, i64), Error> {
    rooms::find(app, scope, room).await?;
    policies::policy(app.db.read(), room).await
}

/// Writes the policy of a room in scope. It applies to bookings made from now on.
pub async fn replace(
    app: &App,
    (staff, scope): (StaffId, &Scope),
    room: RoomId,
    new: NewPolicy,
    version: i64,
) -> Result<(Policy, i64), Error> {
    let policy = parse(&new)?;
    let room = &rooms::find(app, scope, room).await?;
    let written = app
        .db
        .in_tx("bookings.policy", |tx| async move {
            policies::write_policy(tx.conn(), &app.env, room.id, &policy, version).await?;
            let line = Entry {
                actor: Actor::Staff(staff),
                action: "room.policy",
                subject_kind: "room",
                subject_id: Some(room.id.0),
                org_path: room.org_path.clone(),
                detail: json!({
                    "approval": policy.approval.as_str(),
                    "price_fen": policy.price_fen,
                    "late_cancel": policy.late_cancel.as_str(),
                    "one_place": policy.one_place,
                    "reserved_units": policy.reserved_units,
                }),
            };
            audit::record(tx.conn(), &app.env, line).await?;
            tx.commit((policy, version + 1)).await
        })
        .await?;
    app.bookings.terms.invalidate(&room.id).await;
    app.slot_lists.edited();
    Ok(written)
}

fn parse(new: &NewPolicy) -> Result<Policy, linli_domain::Refusal> {
    let mut wrong = FieldErrors::new();
    let max_price = i32::try_from(MAX_PRICE_FEN).unwrap_or(i32::MAX);
    for (field, value, least, most) in [
        ("price_fen", new.price_fen, 0, max_price),
        ("pay_within_minutes", new.pay_within_minutes, 1, MAX_KEPT_MINUTES),
        ("decide_within_minutes", new.decide_within_minutes, 1, MAX_KEPT_MINUTES),
        ("reserved_units", new.reserved_units, 0, 5_000),
    ] {
        let (zh, en) = (format!("要在 {least} 到 {most} 之间"), format!("Between {least} and {most}."));
        wrong.require((least..=most).contains(&value), field, "out_of_range", &zh, &en);
    }
    wrong.finish()?;
    Ok(Policy {
        approval: new.approval,
        price_fen: u32::try_from(new.price_fen).unwrap_or(0),
        pay_within: Duration::minutes(new.pay_within_minutes.into()),
        decide_within: Duration::minutes(new.decide_within_minutes.into()),
        late_cancel: new.late_cancel,
        one_place: new.one_place,
        reserved_units: u16::try_from(new.reserved_units).unwrap_or(0),
    })
}
