//! "This information is wrong": taking reports in, working on them, answering.

use linli_domain::{
    Code, Refusal, Vocabulary,
    access::Scope,
    facility::{ReportDraft, ReportState},
    ids::{FacilityId, ReportId, ResidentId, StaffId},
};
use linli_store::{
    Error,
    audit::{self, Actor},
    storage::facilities::{
        self,
        report::{self, Report},
    },
};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, Set};
use serde_json::json;

use crate::{App, app::residents::profile};

/// Seconds after which a queue that is full may have room again.
const QUEUE_RETRY_S: u32 = 3600;

/// Takes a report in.
pub async fn submit(
    app: &App,
    resident: Option<ResidentId>,
    id: FacilityId,
    draft: ReportDraft,
) -> Result<Report, Error> {
    let draft = &draft.accept()?;
    let now = app.env.now();
    let report_id = app.env.id::<ReportId>();
    app.db
        .in_tx("facilities.report", |tx| async move {
            let stored = facilities::find_public(tx.conn(), id).await?.ok_or(Code::NotFound)?;
            // Whoever reports the same facility, or by the same account, waits: who counts and then
            // writes beside another would pass the limit with them.
            facilities::hold(tx.conn(), id).await?;
            if let Some(resident) = resident {
                profile::hold(&tx, resident).await?;
            }
            let (at_facility, of_resident) = report::waiting(tx.conn(), id, resident).await?;
            if at_facility >= report::MAX_WAITING_PER_FACILITY
                || of_resident >= report::MAX_WAITING_PER_RESIDENT
            {
                return Err(Refusal::new(Code::TooManyReports).retry_after(QUEUE_RETRY_S).into());
            }
            let row = report::Model {
                id: report_id.0,
                facility_id: id.0,
                org_path: stored.org_path,
                resident_id: resident.map(|id| id.0),
                kind: draft.kind.as_str().to_owned(),
                text_sealed: report::seal(
                    &app.vault,
                    &app.env,
                    "text_sealed",
                    report_id,
                    draft.text.as_deref(),
                )?,
                text_open: None,
                state: ReportState::Open.as_str().to_owned(),
                answer_sealed: None,
                answer_open: None,
                handled_by: None,
                version: 1,
                created_at: now,
                updated_at: now,
                closed_at: None,
            };
            report::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.conn()).await?;
            audit::record(tx.conn(), &app.env, taken_in(&row, resident)).await?;
            tx.commit(Report { row, text: draft.text.clone(), answer: None }).await
        })
        .await
}

/// Tells the audit of a report; who did not sign in is nobody, so the entry is the system's.
fn taken_in(row: &report::Model, resident: Option<ResidentId>) -> audit::Entry {
    audit::Entry {
        actor: resident.map_or(Actor::System, Actor::Resident),
        action: "facility.report",
        subject_kind: "facility_report",
        subject_id: Some(row.id),
        org_path: row.org_path.clone(),
        detail: json!({ "kind": row.kind, "signed_in": resident.is_some() }),
    }
}

/// The reporter's own report.
pub async fn own(
    app: &App,
    resident: Option<ResidentId>,
    id: FacilityId,
    report: ReportId,
) -> Result<Report, Error> {
    Ok(report::own(app.db.read(), &app.vault, id, report, resident).await?.ok_or(Code::NotFound)?)
}

/// Moves a report along its table; returns it as it is then.
pub async fn advance(
    app: &App,
    by: StaffId,
    scope: &Scope,
    id: ReportId,
    version: i64,
    state: ReportState,
    answer: Option<&str>,
) -> Result<Report, Error> {
    let env = &app.env;
    app.db
        .in_tx("facilities.advance_report", |tx| async move {
            let found = report::find(tx.conn(), &app.vault, scope, id).await?.ok_or(Code::NotFound)?;
            if found.row.version != version {
                return Err(Code::PreconditionFailed.into());
            }
            let state = found.state().to(state, answer)?;
            let Report { mut row, text, .. } = found;
            let now = env.now();
            row.state = state.as_str().to_owned();
            let answer = answer.map(str::trim).filter(|answer| !answer.is_empty());
            (row.answer_open, row.answer_sealed) =
                (None, report::seal(&app.vault, env, "answer_sealed", id, answer)?);
            row.handled_by = Some(by.0);
            row.version = version + 1;
            row.updated_at = now;
            row.closed_at = state.is_final().then_some(now);
            let columns = report::ActiveModel {
                state: Set(row.state.clone()),
                answer_sealed: Set(row.answer_sealed.clone()),
                answer_open: Set(None),
                handled_by: Set(row.handled_by),
                version: Set(row.version),
                updated_at: Set(row.updated_at),
                closed_at: Set(row.closed_at),
                ..Default::default()
            };
            let moved = report::Entity::update_many()
                .set(columns)
                .filter(report::Column::Id.eq(id.0))
                .filter(report::Column::Version.eq(version))
                .exec(tx.conn())
                .await?;
            if moved.rows_affected == 0 {
                return Err(Code::PreconditionFailed.into());
            }
            let entry = audit::Entry {
                actor: Actor::Staff(by),
                action: "facility.advance_report",
                subject_kind: "facility_report",
                subject_id: Some(id.0),
                org_path: row.org_path.clone(),
                detail: json!({ "state": state.as_str() }),
            };
            audit::record(tx.conn(), env, entry).await?;
            tx.commit(Report { row, text, answer: answer.map(str::to_owned) }).await
        })
        .await
}
