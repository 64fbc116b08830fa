//! Publishing and withdrawing notices.

use linli_domain::{
    Code, Refusal, Vocabulary,
    access::Scope,
    facility::Notice,
    ids::{FacilityId, NoticeId, StaffId},
    time,
};
use linli_store::{
    Error, Tx,
    audit::Actor,
    storage::facilities::{
        self, Stored, notice,
        write::{self, Done},
    },
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, Set};

use crate::App;

/// What is shown or will be.
pub async fn list(app: &App, scope: &Scope, id: FacilityId) -> Result<Vec<notice::Model>, Error> {
    let stored = facilities::find(app.db.read(), scope, id).await?.ok_or(Code::NotFound)?;
    Ok(notice::upcoming(app.db.read(), stored.id, time::local_date(app.env.now())).await?)
}

/// Publishes a notice.
pub async fn publish(
    app: &App,
    by: StaffId,
    scope: &Scope,
    id: FacilityId,
    notice: Notice,
) -> Result<notice::Model, Error> {
    let notice = &notice.accept()?;
    let env = &app.env;
    let now = env.now();
    let notice_id = env.id::<NoticeId>();
    app.db
        .in_tx("facilities.publish_notice", |tx| async move {
            let stored = facilities::find(tx.conn(), scope, id).await?.ok_or(Code::NotFound)?;
            let today = time::local_date(now);
            if notice.shown_to < today {
                return Err(Refusal::field("shown_to", "past", "展示期已过", "That date has passed.").into());
            }
            // Its update of the facility holds the row, so that two notices count one after the other.
            record(app, &tx, by, &stored, "facility.publish_notice").await?;
            if notice::count_upcoming(tx.conn(), id, today).await? >= notice::MAX_LIVE {
                return Err(Refusal::new(Code::Conflict)
                    .with_detail("该设施的公告数量已达上限", "The facility has as many notices as it may.")
                    .into());
            }
            let row = notice::Model {
                id: notice_id.0,
                facility_id: id.0,
                kind: notice.kind.as_str().to_owned(),
                title: notice.title.clone(),
                body: notice.body.clone(),
                shown_from: notice.shown_from,
                shown_to: notice.shown_to,
                published_by: by.0,
                published_at: now,
                withdrawn_at: None,
            };
            notice::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.conn()).await?;
            tx.commit(row).await
        })
        .await
}

/// Takes a notice back.
pub async fn withdraw(
    app: &App,
    by: StaffId,
    scope: &Scope,
    id: FacilityId,
    notice: NoticeId,
) -> Result<(), Error> {
    app.db
        .in_tx("facilities.withdraw_notice", |tx| async move {
            let stored = facilities::find(tx.conn(), scope, id).await?.ok_or(Code::NotFound)?;
            let row = notice::Entity::find_by_id(notice.0)
                .filter(notice::Column::FacilityId.eq(id.0))
                .one(tx.conn())
                .await?
                .ok_or(Code::NotFound)?;
            if row.withdrawn_at.is_some() {
                // It is as the caller wants it.
                return tx.commit(()).await;
            }
            let mut row = row.into_active_model();
            row.withdrawn_at = Set(Some(app.env.now()));
            row.update(tx.conn()).await?;
            record(app, &tx, by, &stored, "facility.withdraw_notice").await?;
            tx.commit(()).await
        })
        .await
}

async fn record(app: &App, tx: &Tx, by: StaffId, stored: &Stored, action: &'static str) -> Result<(), Error> {
    let done = Done {
        id: stored.id,
        org_path: &stored.org_path,
        version: stored.version,
        action,
        fields: vec!["notices"],
    };
    Ok(write::record(tx.conn(), &app.env, Actor::Staff(by), done).await?)
}
