//! "This information is wrong."

use linli_domain::facility::{ReportDraft, ReportKind};
use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::{
    App,
    app::facilities::reports,
    http::{Problem, auth::MaybeResident, facility::Report, v1::Tag, word::Word},
};

/// Reporting, and reading the answer.
pub struct Reports;

/// What is wrong.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewReport {
    /// What is wrong.
    kind: Word<ReportKind>,
    /// What would be right. Leave out names, phone numbers and other personal data.
    text: Option<String>,
}

/// The report was taken in.
#[derive(ApiResponse)]
pub enum Submitted {
    /// The report, with the id its answer is read by.
    #[oai(status = 201)]
    Created(Json<Report>),
}

#[OpenApi(tag = "Tag::Facilities")]
impl Reports {
    /// Reports that published information is wrong
    ///
    /// Signed in or not. The staff of the facility work on it and answer.
    #[oai(path = "/facilities/:facility_id/reports", method = "post", operation_id = "reportFacility")]
    async fn submit(
        &self,
        app: Data<&App>,
        resident: MaybeResident,
        facility_id: Path<Uuid>,
        body: Json<NewReport>,
    ) -> Result<Submitted, Problem> {
        let draft = ReportDraft { kind: body.0.kind.0, text: body.0.text };
        let resident = resident.0.map(|resident| resident.id);
        let report = reports::submit(&app, resident, facility_id.0.into(), draft).await?;
        Ok(Submitted::Created(Json(Report::from(report))))
    }

    /// Reads the answer to a report
    ///
    /// Who reported signed in has to be signed in.
    #[oai(
        path = "/facilities/:facility_id/reports/:report_id",
        method = "get",
        operation_id = "getFacilityReport"
    )]
    async fn get(
        &self,
        app: Data<&App>,
        resident: MaybeResident,
        facility_id: Path<Uuid>,
        report_id: Path<Uuid>,
    ) -> Result<Json<Report>, Problem> {
        let resident = resident.0.map(|resident| resident.id);
        let report = reports::own(&app, resident, facility_id.0.into(), report_id.0.into()).await?;
        Ok(Json(Report::from(report)))
    }
}
