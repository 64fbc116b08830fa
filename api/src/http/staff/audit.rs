//! Reading the audit trail.

use chrono::{DateTime, FixedOffset};
use linli_domain::{access::perm, time::local};
use linli_store::audit;
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::staff::audit_trail,
    http::{Problem, auth::Staff, paging},
};

/// Operations on the audit trail.
pub struct Audit;

/// A line of the audit trail.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditLine {
    /// Id.
    id: String,
    /// When.
    at: DateTime<FixedOffset>,
    /// `resident`, `staff` or `system`.
    actor_kind: String,
    /// Who.
    actor_id: Option<String>,
    /// What was done.
    action: String,
    /// To what kind of thing.
    subject_kind: String,
    /// To which one.
    subject_id: Option<String>,
    /// Where it belongs.
    org_path: String,
    /// Impersonal facts.
    detail: serde_json::Value,
    /// The seal that covers it, within the chain of its organisation; absent until sealed.
    seal_seq: Option<i64>,
}

/// A page of the audit trail.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditPage {
    /// The latest first.
    items: Vec<AuditLine>,
    /// Where the next page begins.
    next_cursor: Option<String>,
}

#[OpenApi(tag = "Tag::Audit")]
impl Audit {
    /// Reads the audit trail in scope
    ///
    /// The reading is itself a line of it.
    #[oai(path = "/audit", method = "get", operation_id = "staffReadAudit")]
    #[expect(clippy::too_many_arguments, reason = "each is a filter of the list")]
    async fn audit(
        &self,
        app: Data<&App>,
        staff: Staff<perm::AuditRead>,
        from: Query<Option<DateTime<FixedOffset>>>,
        to: Query<Option<DateTime<FixedOffset>>>,
        #[oai(validator(max_length = 64))] action: Query<Option<String>>,
        actor_id: Query<Option<Uuid>>,
        subject_id: Query<Option<Uuid>>,
        cursor: Query<Option<String>>,
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<u32>,
    ) -> Result<Json<AuditPage>, Problem> {
        let filter = audit_trail::Filter {
            from: from.0.map(|at| at.to_utc()),
            to: to.0.map(|at| at.to_utc()),
            action: action.0,
            actor_id: actor_id.0,
            subject_id: subject_id.0,
        };
        let filters = ("audit", staff.id, &filter);
        let before: Option<Uuid> =
            cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let rows = audit_trail::list(&app, &staff, &filter, before, limit.0).await?;
        let (rows, next) = paging::cut(rows, limit.0, |row| row.id);
        Ok(Json(AuditPage {
            items: rows.into_iter().map(line).collect(),
            next_cursor: next.map(|at| paging::seal(&app, &filters, at)),
        }))
    }
}

const fn default_limit() -> u32 {
    paging::DEFAULT_LIMIT
}

fn line(row: audit::Model) -> AuditLine {
    AuditLine {
        id: row.id.to_string(),
        at: local(row.at),
        actor_kind: row.actor_kind,
        actor_id: row.actor_id.map(|id| id.to_string()),
        action: row.action,
        subject_kind: row.subject_kind,
        subject_id: row.subject_id.map(|id| id.to_string()),
        org_path: row.org_path,
        detail: row.detail,
        seal_seq: row.seal_seq,
    }
}
