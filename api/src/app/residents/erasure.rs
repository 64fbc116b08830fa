//! Erasure: when the time of grace has passed, what names the resident goes, and with it whatever
//! only the resident needed. The bare record stays, so that bookings and figures keep their count.
//! Rooms the resident would have come to are free again: a second step of the job cancels what
//! records that are erased still hold, so that neither a death between the two steps nor a
//! booking made in the last second keeps a room for nobody.

use linli_domain::ids::ResidentId;
use linli_store::{
    Error, Tx,
    audit::{self, Actor},
    storage::{
        bookings as booking_rows,
        facilities::report,
        residents::{consent, family_link, holdings, resident},
        sessions::{self, Owner},
    },
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr,
};
use serde_json::json;

use crate::{App, app::bookings};

/// How long a resident can change their mind.
pub const GRACE: chrono::Duration = chrono::Duration::days(15);

/// Records erased in one step of the job.
const BATCH: u64 = 50;

/// Erases those whose time has come, and frees what they held; `true` when there may be more.
pub async fn run(app: &App) -> Result<bool, Error> {
    let due: Vec<_> = resident::Entity::find()
        .filter(resident::Column::EraseAfter.lt(app.env.now()))
        .filter(resident::Column::ErasedAt.is_null())
        .limit(BATCH)
        .all(app.db.read())
        .await?;
    for row in &due {
        erase(app, ResidentId(row.id)).await?;
    }
    let freed = bookings::cancel_of_erased(app, BATCH).await?;
    let left = bookings::waitlist::leave_of_erased(app, BATCH).await?;
    Ok(due.len() as u64 == BATCH || freed == BATCH || left == BATCH)
}

async fn erase(app: &App, id: ResidentId) -> Result<(), Error> {
    app.db
        .in_tx("residents.erase", |tx| async move {
            // Asked again inside: the resident may have changed their mind just now.
            let wiped = wipe(app, &tx, id, app.env.now(), true).await?;
            if wiped {
                forget(app, &tx, id).await?;
                let line = audit::Entry {
                    actor: Actor::System,
                    action: "resident.erase",
                    subject_kind: "resident",
                    subject_id: Some(id.0),
                    org_path: String::new(),
                    detail: json!({}),
                };
                audit::record(tx.conn(), &app.env, line).await?;
            }
            tx.commit(()).await
        })
        .await
}

/// Takes every personal value out of a record; with `if_due` only when its time has come.
pub(super) async fn wipe(
    app: &App,
    tx: &Tx,
    id: ResidentId,
    now: chrono::DateTime<chrono::Utc>,
    if_due: bool,
) -> Result<bool, Error> {
    use resident::Column;
    let nothing = || Expr::value(None::<Vec<u8>>);
    let mut update = resident::Entity::update_many()
        .col_expr(Column::NameSealed, nothing())
        .col_expr(Column::NameIndex, nothing())
        .col_expr(Column::PhoneSealed, nothing())
        .col_expr(Column::PhoneIndex, nothing())
        .col_expr(Column::IdCardSealed, nothing())
        .col_expr(Column::IdCardIndex, nothing())
        .col_expr(Column::Assurance, Expr::value("none"))
        .col_expr(Column::ErasedAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(app.env.now()))
        .filter(Column::Id.eq(id.0))
        .filter(Column::ErasedAt.is_null());
    if if_due {
        update = update.filter(Column::EraseAfter.lt(now));
    }
    Ok(update.exec(tx.conn()).await?.rows_affected == 1)
}

/// Deletes what only this resident needed, and ends what others rest on.
async fn forget(app: &App, tx: &Tx, id: ResidentId) -> Result<(), Error> {
    let changed = resident::ActiveModel {
        id: Set(id.0),
        community_id: Set(None),
        org_path: Set(None),
        ..Default::default()
    };
    resident::Entity::update(changed).exec(tx.conn()).await?;
    // What they wrote goes before the rows forget whose it was.
    report::forget_words(tx.conn(), id).await?;
    booking_rows::forget_words(tx.conn(), id).await?;
    holdings::erase(tx.conn(), id).await?;
    let either_side = Condition::any()
        .add(family_link::Column::PrincipalId.eq(id.0))
        .add(family_link::Column::AgentId.eq(id.0));
    family_link::Entity::update_many()
        .col_expr(family_link::Column::EndedAt, Expr::value(app.env.now()))
        .filter(either_side)
        .filter(family_link::Column::EndedAt.is_null())
        .exec(tx.conn())
        .await?;
    consent::Entity::update_many()
        .col_expr(consent::Column::RevokedAt, Expr::value(app.env.now()))
        .filter(consent::Column::ResidentId.eq(id.0))
        .filter(consent::Column::RevokedAt.is_null())
        .exec(tx.conn())
        .await?;
    sessions::revoke_all(tx.conn(), &app.env, Owner::Resident(id), None, "erased").await?;
    Ok(())
}
