//! Family links 亲情代办: a resident lets another act for them, within scopes, until taken back.
//!
//! The resident who is acted for makes the invitation, so the consent is theirs; the other enters
//! the code. Every set of scopes is a consent of its own, so the history tells what was allowed when.

use std::collections::BTreeSet;

use chrono::Duration;
use linli_domain::{
    Code,
    access::ONE_ACCOUNT,
    consent::{ConsentKind, FamilyScope},
    ids::{FamilyLinkId, ResidentId},
};
use linli_store::{
    Error, OnConstraint, Tx, audit,
    storage::{residents::family_link, sessions::attempts},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType},
};
use serde_json::json;

use super::{consents, own_entry, profile};
use crate::App;

/// How long an invitation can be accepted: long enough to call a daughter in the evening.
const INVITATION: Duration = Duration::hours(24);
/// Live links and invitations of one resident at the most, on either side.
const MOST: u64 = 20;

/// Invites someone to act for `principal`; answers the link and the code to tell them.
pub async fn invite(
    app: &App,
    principal: ResidentId,
    scopes: &BTreeSet<FamilyScope>,
) -> Result<(family_link::Model, String), Error> {
    let code = &code(app);
    let link = app
        .db
        .in_tx("family.invite", |tx| async move {
            profile::hold(&tx, principal).await?;
            room_for_one_more(app, &tx, family_link::Column::PrincipalId, principal).await?;
            let now = app.env.now();
            let row = family_link::Model {
                id: app.env.id::<FamilyLinkId>().0,
                principal_id: principal.0,
                agent_id: None,
                scopes: names(scopes),
                code_index: app.vault.index(now, "family_link.code", code),
                invited_at: now,
                expires_at: now + INVITATION,
                accepted_at: None,
                ended_at: None,
            };
            // Two open invitations with one code: one in a hundred million, and harmless to refuse.
            family_link::Entity::insert(family_link::ActiveModel::from(row.clone()).reset_all())
                .exec_without_returning(tx.conn())
                .await
                .on_constraint("family_link_code_key", || {
                    linli_domain::Refusal::new(Code::Unavailable).retry_after(1)
                })?;
            audit::record(
                tx.conn(),
                &app.env,
                own_entry(principal, "family.invite", ("family_link", row.id)),
            )
            .await?;
            tx.commit(row).await
        })
        .await?;
    Ok((link, code.clone()))
}

/// Accepts an invitation. Wrong codes are answered by growing delays.
pub async fn accept(app: &App, agent: ResidentId, code: &str) -> Result<family_link::Model, Error> {
    use family_link::Column;
    let key = app.vault.index(app.env.now(), "attempt.family_code", &agent.to_string());
    attempts::charge(&app.db, &app.env, vec![(key.clone(), ONE_ACCOUNT)]).await?;
    let digits: String = code.chars().filter(char::is_ascii_digit).take(16).collect();
    let (key, indexes) = (&key, &app.vault.indexes("family_link.code", &digits));
    app.db
        .in_tx("family.accept", |tx| async move {
            profile::hold(&tx, agent).await?;
            let now = app.env.now();
            let open = Condition::all()
                .add(Column::CodeIndex.is_in(indexes.clone()))
                .add(Column::AcceptedAt.is_null())
                .add(Column::EndedAt.is_null())
                .add(Column::ExpiresAt.gt(now));
            let mut row = family_link::Entity::find()
                .filter(open.clone())
                .one(tx.conn())
                .await?
                .ok_or(Code::FamilyCodeInvalid)?;
            if row.principal_id == agent.0 {
                return Err(Code::FamilyCodeInvalid.into());
            }
            room_for_one_more(app, &tx, Column::AgentId, agent).await?;
            let taken = family_link::Entity::update_many()
                .col_expr(Column::AgentId, Expr::value(agent.0))
                .col_expr(Column::AcceptedAt, Expr::value(now))
                .filter(open)
                .exec(tx.conn())
                .await
                .on_constraint("family_link_pair_key", || Code::FamilyLinkExists.into())?;
            if taken.rows_affected == 0 {
                return Err(Code::FamilyCodeInvalid.into());
            }
            attempts::forgive(tx.conn(), key).await?;
            let principal = ResidentId(row.principal_id);
            consents::give(app, &tx, principal, ConsentKind::Family, row.id, row.scopes.clone(), None)
                .await?;
            audit::record(tx.conn(), &app.env, own_entry(agent, "family.accept", ("family_link", row.id)))
                .await?;
            row.agent_id = Some(agent.0);
            row.accepted_at = Some(now);
            tx.commit(row).await
        })
        .await
}

/// The live links and open invitations of a resident, on either side.
pub async fn list(app: &App, id: ResidentId) -> Result<Vec<family_link::Model>, Error> {
    use family_link::Column;
    let rows = family_link::Entity::find()
        .filter(Condition::any().add(Column::PrincipalId.eq(id.0)).add(Column::AgentId.eq(id.0)))
        .filter(live(app))
        .order_by_asc(Column::Id)
        .all(app.db.read())
        .await?;
    Ok(rows)
}

/// Changes what the other may do; only the one who is acted for.
pub async fn rescope(
    app: &App,
    principal: ResidentId,
    id: FamilyLinkId,
    scopes: &BTreeSet<FamilyScope>,
) -> Result<family_link::Model, Error> {
    use family_link::Column;
    app.db
        .in_tx("family.rescope", |tx| async move {
            let mut row = family_link::Entity::find_by_id(id.0)
                .filter(Column::PrincipalId.eq(principal.0))
                .filter(live(app))
                // A link that is just being ended gets no new consent.
                .lock(LockType::NoKeyUpdate)
                .one(tx.conn())
                .await?
                .ok_or(Code::NotFound)?;
            row.scopes = names(scopes);
            let changed = family_link::ActiveModel {
                id: Set(id.0),
                scopes: Set(row.scopes.clone()),
                ..Default::default()
            };
            family_link::Entity::update(changed).exec(tx.conn()).await?;
            if row.accepted_at.is_some() {
                consents::give(app, &tx, principal, ConsentKind::Family, id.0, row.scopes.clone(), None)
                    .await?;
            }
            audit::record(tx.conn(), &app.env, own_entry(principal, "family.rescope", ("family_link", id.0)))
                .await?;
            tx.commit(row).await
        })
        .await
}

/// Ends a link or an invitation; either side may.
pub async fn end(app: &App, resident: ResidentId, id: FamilyLinkId) -> Result<(), Error> {
    app.db
        .in_tx("family.end", |tx| async move {
            end_in(app, &tx, resident, id).await?;
            tx.commit(()).await
        })
        .await
}

/// Ends a link inside a transaction.
pub(super) async fn end_in(app: &App, tx: &Tx, resident: ResidentId, id: FamilyLinkId) -> Result<(), Error> {
    use family_link::Column;
    let mine = Condition::any().add(Column::PrincipalId.eq(resident.0)).add(Column::AgentId.eq(resident.0));
    let row = family_link::Entity::find_by_id(id.0)
        .filter(mine)
        .filter(Column::EndedAt.is_null())
        .lock(LockType::NoKeyUpdate)
        .one(tx.conn())
        .await?
        .ok_or(Code::NotFound)?;
    let changed =
        family_link::ActiveModel { id: Set(id.0), ended_at: Set(Some(app.env.now())), ..Default::default() };
    family_link::Entity::update(changed).exec(tx.conn()).await?;
    consents::revoke_about(app, tx, row.principal_id.into(), ConsentKind::Family, id.0).await?;
    audit::record(tx.conn(), &app.env, own_entry(resident, "family.end", ("family_link", id.0))).await?;
    Ok(())
}

async fn room_for_one_more(
    app: &App,
    tx: &Tx,
    side: family_link::Column,
    id: ResidentId,
) -> Result<(), Error> {
    let count = family_link::Entity::find().filter(side.eq(id.0)).filter(live(app)).count(tx.conn()).await?;
    if count >= MOST { Err(Code::FamilyLimit.into()) } else { Ok(()) }
}

/// Neither ended nor an invitation that ran out.
fn live(app: &App) -> Condition {
    use family_link::Column;
    let accepted_or_open =
        Condition::any().add(Column::AcceptedAt.is_not_null()).add(Column::ExpiresAt.gt(app.env.now()));
    Condition::all().add(Column::EndedAt.is_null()).add(accepted_or_open)
}

fn names(scopes: &BTreeSet<FamilyScope>) -> serde_json::Value {
    json!(scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>())
}

/// Eight digits: read out over the telephone, typed on a number pad.
fn code(app: &App) -> String {
    let random = u64::from_be_bytes(app.env.random::<8>());
    format!("{:08}", random % 100_000_000)
}
