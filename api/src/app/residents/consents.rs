//! Consents: given, shown, taken back. A row is never changed except by its end.

use linli_domain::{
    Code,
    consent::ConsentKind,
    ids::{ConsentId, ResidentId},
};
use linli_store::{Error, Tx, audit, storage::residents::consent};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;

use super::{family, own_entry, profile};
use crate::App;

/// Consents shown at once, the latest first.
const MOST: u64 = 200;

/// A resident's consents, those taken back too.
pub async fn list(app: &App, id: ResidentId) -> Result<Vec<consent::Model>, Error> {
    let rows = consent::Entity::find()
        .filter(consent::Column::ResidentId.eq(id.0))
        .order_by_desc(consent::Column::Id)
        .limit(MOST)
        .all(app.db.read())
        .await?;
    Ok(rows)
}

/// Consents to a version of a text.
pub async fn give_text(
    app: &App,
    id: ResidentId,
    kind: ConsentKind,
    text_version: &str,
) -> Result<consent::Model, Error> {
    app.db
        .in_tx("consents.give", |tx| async move {
            profile::hold(&tx, id).await?;
            let version = Some(text_version.to_owned());
            let row = give(app, &tx, id, kind, Uuid::nil(), json!([]), version).await?;
            audit::record(tx.conn(), &app.env, own_entry(id, "consent.give", ("consent", row.id))).await?;
            tx.commit(row).await
        })
        .await
}

/// Takes a consent back; one that a family link rests on ends the link.
pub async fn revoke(app: &App, id: ResidentId, consent: ConsentId) -> Result<(), Error> {
    app.db
        .in_tx("consents.revoke", |tx| async move {
            let row = consent::Entity::find_by_id(consent.0)
                .filter(consent::Column::ResidentId.eq(id.0))
                .filter(consent::Column::RevokedAt.is_null())
                .one(tx.conn())
                .await?
                .ok_or(Code::NotFound)?;
            if row.kind == ConsentKind::Family.as_str() {
                family::end_in(app, &tx, id, row.subject_id.into()).await?;
            } else {
                revoke_where(app, &tx, id, &row.kind, row.subject_id).await?;
            }
            audit::record(tx.conn(), &app.env, own_entry(id, "consent.revoke", ("consent", consent.0)))
                .await?;
            tx.commit(()).await
        })
        .await
}

/// Writes a consent; the one before about the same thing ends.
pub(super) async fn give(
    app: &App,
    tx: &Tx,
    id: ResidentId,
    kind: ConsentKind,
    subject_id: Uuid,
    scopes: serde_json::Value,
    text_version: Option<String>,
) -> Result<consent::Model, Error> {
    revoke_about(app, tx, id, kind, subject_id).await?;
    let row = consent::Model {
        id: app.env.id::<ConsentId>().0,
        resident_id: id.0,
        kind: kind.as_str().to_owned(),
        subject_id,
        scopes,
        text_version,
        given_at: app.env.now(),
        revoked_at: None,
    };
    consent::Entity::insert(consent::ActiveModel::from(row.clone()).reset_all())
        .exec_without_returning(tx.conn())
        .await?;
    Ok(row)
}

/// Ends the live consent about one thing, if there is one.
pub(super) async fn revoke_about(
    app: &App,
    tx: &Tx,
    id: ResidentId,
    kind: ConsentKind,
    subject_id: Uuid,
) -> Result<(), Error> {
    revoke_where(app, tx, id, kind.as_str(), subject_id).await
}

async fn revoke_where(app: &App, tx: &Tx, id: ResidentId, kind: &str, subject_id: Uuid) -> Result<(), Error> {
    consent::Entity::update_many()
        .col_expr(consent::Column::RevokedAt, Expr::value(app.env.now()))
        .filter(consent::Column::ResidentId.eq(id.0))
        .filter(consent::Column::Kind.eq(kind))
        .filter(consent::Column::SubjectId.eq(subject_id))
        .filter(consent::Column::RevokedAt.is_null())
        .exec(tx.conn())
        .await?;
    Ok(())
}
