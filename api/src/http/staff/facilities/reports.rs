//! The queue of reports that information is wrong.

use chrono::{DateTime, FixedOffset};
use linli_domain::{
    access::perm,
    facility::{ReportKind, ReportState},
    ids::ReportId,
    time,
};
use linli_store::storage::facilities::report;
use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use uuid::Uuid;

use crate::{
    App,
    app::facilities::reports,
    http::{
        Problem,
        auth::Staff,
        etag::{IfMatch, etag},
        facility::report_kind,
        paging::{self, DEFAULT_LIMIT},
        staff::Tag,
        word::Word,
    },
};

/// Working on reports.
pub struct Reports;

/// A page of the queue.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ReportPage {
    /// The oldest first.
    items: Vec<StaffReport>,
    /// Where the next page begins.
    next_cursor: Option<String>,
}

/// A report as staff read it: who reported is not theirs to know.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct StaffReport {
    /// Its id.
    id: String,
    /// The facility.
    facility_id: String,
    /// What is wrong.
    kind: Word<ReportKind>,
    /// What would be right.
    text: Option<String>,
    /// Where it stands.
    state: Word<ReportState>,
    /// Where it may be moved to.
    next_states: Vec<Word<ReportState>>,
    /// What the person who reported is told.
    answer: Option<String>,
    /// Grows with every move; also the `ETag`.
    version: i64,
    /// When it came in.
    created_at: DateTime<FixedOffset>,
    /// When it last moved.
    updated_at: DateTime<FixedOffset>,
}

/// A move of a report.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ReportMove {
    /// Where it shall stand.
    state: Word<ReportState>,
    /// What the person who reported is told; required at an end.
    answer: Option<String>,
}

/// The report at its version.
#[derive(ApiResponse)]
pub enum Moved {
    /// The report.
    #[oai(status = 200)]
    Moved(Json<StaffReport>, #[oai(header = "ETag")] String),
}

#[OpenApi(tag = "Tag::Facilities")]
impl Reports {
    /// Lists reports in one's scope
    #[oai(path = "/reports", method = "get", operation_id = "staffListReports")]
    async fn list(
        &self,
        app: Data<&App>,
        staff: Staff<perm::ReportHandle>,
        facility_id: Query<Option<Uuid>>,
        state: Query<Option<Word<ReportState>>>,
        cursor: Query<Option<String>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
    ) -> Result<Json<ReportPage>, Problem> {
        let (facility, state) = (facility_id.0, state.0.map(|word| word.0));
        let shape = ("reports", facility, state);
        let after =
            cursor.0.as_deref().map(|cursor| paging::open::<ReportId>(&app, &shape, cursor)).transpose()?;
        let limit = limit.0.unwrap_or(DEFAULT_LIMIT);
        let (read, more) = (app.db.read(), u64::from(limit) + 1);
        let facility = facility.map(Into::into);
        let found = report::queue(read, &app.vault, &staff.scope, facility, state, after, more).await?;
        let (found, next) = paging::cut(found, limit, |report| ReportId(report.row.id));
        Ok(Json(ReportPage {
            items: found.into_iter().map(StaffReport::from).collect(),
            next_cursor: next.map(|id| paging::seal(&app, &shape, id)),
        }))
    }

    /// Moves a report
    ///
    /// `open` and `checking` go back and forth; `corrected`, `unfounded` and `duplicate` are ends
    /// and need an answer.
    #[oai(path = "/reports/:report_id/state", method = "put", operation_id = "staffMoveReport")]
    async fn advance(
        &self,
        app: Data<&App>,
        staff: Staff<perm::ReportHandle>,
        report_id: Path<Uuid>,
        #[oai(name = "If-Match")] if_match: Header<IfMatch>,
        body: Json<ReportMove>,
    ) -> Result<Moved, Problem> {
        let ReportMove { state: Word(state), answer } = body.0;
        let (id, version) = (report_id.0.into(), if_match.0.0);
        let report =
            reports::advance(&app, staff.id, &staff.scope, id, version, state, answer.as_deref()).await?;
        let version = etag(report.row.version);
        Ok(Moved::Moved(Json(StaffReport::from(report)), version))
    }
}

impl From<report::Report> for StaffReport {
    fn from(report: report::Report) -> Self {
        let state = report.state();
        let report::Report { row, text, answer } = report;
        Self {
            kind: Word(report_kind(&row)),
            id: row.id.to_string(),
            facility_id: row.facility_id.to_string(),
            text,
            state: Word(state),
            next_states: state.next().iter().copied().map(Word).collect(),
            answer,
            version: row.version,
            created_at: time::local(row.created_at),
            updated_at: time::local(row.updated_at),
        }
    }
}
