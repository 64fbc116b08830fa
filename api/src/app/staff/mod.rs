//! Staff: sign-in, accounts and roles, organisations, service areas, the audit trail.
//!
//! Invariant: every query of a staff use case is filtered in SQL by the scope of the permission
//! its operation asks for. What lies outside is not found.

pub mod accounts;
pub mod audit_trail;
pub mod bootstrap;
pub mod organisations;
pub mod roles;
pub mod service_areas;
pub mod sight;
pub mod sign_in;

use linli_store::audit;
use uuid::Uuid;

use crate::http::auth::StaffActor;

/// The audit entry of something `actor` did at `org_path`.
pub(crate) fn entry(
    actor: &StaffActor,
    action: &'static str,
    subject: (&'static str, Uuid),
    org_path: &str,
    detail: serde_json::Value,
) -> audit::Entry {
    audit::Entry {
        actor: actor.actor(),
        action,
        subject_kind: subject.0,
        subject_id: Some(subject.1),
        org_path: org_path.to_owned(),
        detail,
    }
}
