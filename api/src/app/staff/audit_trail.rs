//! Reading the audit trail; the reading is itself a line of it.

use chrono::{DateTime, Utc};
use linli_store::{Error, ScopeCondition, audit};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::{App, http::auth::StaffActor};

/// What an auditor looks for; what is `None` is not asked.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Filter {
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
    /// What was done, exactly.
    pub action: Option<String>,
    /// Who did it.
    pub actor_id: Option<Uuid>,
    /// To which thing.
    pub subject_id: Option<Uuid>,
}

/// The lines in scope before `before`, the latest first; one more than `limit`.
pub async fn list(
    app: &App,
    actor: &StaffActor,
    filter: &Filter,
    before: Option<Uuid>,
    limit: u32,
) -> Result<Vec<audit::Model>, Error> {
    use audit::Column;
    let mut query =
        audit::Entity::find().filter(visible(actor)).order_by_desc(Column::Id).limit(u64::from(limit) + 1);
    let conditions = [
        filter.from.map(|from| Column::At.gte(from)),
        filter.to.map(|to| Column::At.lt(to)),
        filter.action.as_ref().map(|action| Column::Action.eq(action.as_str())),
        filter.actor_id.map(|id| Column::ActorId.eq(id)),
        filter.subject_id.map(|id| Column::SubjectId.eq(id)),
        before.map(|id| Column::Id.lt(id)),
    ];
    for condition in conditions.into_iter().flatten() {
        query = query.filter(condition);
    }
    let rows = query.all(app.db.read()).await?;
    let org_path = actor.scope.paths().first().map(ToString::to_string).unwrap_or_default();
    app.db
        .in_tx("audit.read", |tx| {
            let org_path = org_path.clone();
            async move {
                let line = audit::Entry {
                    actor: actor.actor(),
                    action: "audit.read",
                    subject_kind: "audit",
                    subject_id: None,
                    org_path,
                    detail: json!({}),
                };
                audit::record(tx.conn(), &app.env, line).await?;
                tx.commit(()).await
            }
        })
        .await?;
    Ok(rows)
}

/// Lines of the city as a whole carry no path; whoever audits the whole tree reads them too.
fn visible(actor: &StaffActor) -> Condition {
    let whole_city = actor.scope.paths().iter().any(|path| path.ids().count() == 1);
    let scoped = actor.scope.condition(audit::Column::OrgPath);
    if whole_city {
        return Condition::any().add(scoped).add(audit::Column::OrgPath.eq(""));
    }
    scoped
}
