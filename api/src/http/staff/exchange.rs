//! Facilities as files: import and export for staff, within their scope.

use std::{io::Cursor, sync::Arc};

use futures_util::stream;
use linli_domain::{
    Refusal, Vocabulary,
    access::perm,
    division::{DivisionCode, Divisions},
    geo::{CHINA, Datum},
};
use linli_store::audit::Actor;
use poem::{Body, IntoResponse, Response, http::header, web::Data};
use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    param::Query,
    payload::{Binary, Json, Payload},
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::exchange::{self, Export, Format, Input, Order, Report, RowError, Selection},
    http::{Problem, auth::Staff},
};

/// Operations on files.
pub struct Exchange;

/// How a file is laid out; IMPORT.md describes the columns.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum FileFormat {
    /// Comma-separated values, UTF-8, headings first.
    Csv,
    /// A GeoJSON FeatureCollection of points.
    Geojson,
}

impl From<FileFormat> for Format {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Csv => Self::Csv,
            FileFormat::Geojson => Self::Geojson,
        }
    }
}

/// What became of a file.
#[derive(Object)]
pub(super) struct ImportReport {
    /// Whether anything was written.
    written: bool,
    /// Rows read.
    rows: i64,
    /// Facilities entered, or that would be.
    created: i64,
    /// Facilities that were there and differed.
    updated: i64,
    /// Facilities that were there and did not differ.
    unchanged: i64,
    /// Rows that were refused.
    refused: i64,
    /// Why, in the order of the file.
    errors: Vec<ImportError>,
    /// Mistakes beyond those told.
    errors_left_out: i64,
}

/// One mistake in a file.
#[derive(Object)]
pub(super) struct ImportError {
    /// Line on which the row begins (CSV) or the feature ends (GeoJSON).
    line: i64,
    /// The column, with the place inside its cell.
    field: String,
    /// Stable code.
    code: String,
    /// What is wrong, in Chinese.
    zh: String,
    /// What is wrong, in English.
    en: String,
}

impl From<Report> for ImportReport {
    fn from(report: Report) -> Self {
        let Report { written, rows, created, updated, unchanged, refused, errors, errors_left_out } = report;
        let errors = errors.into_iter().map(ImportError::from).collect();
        Self {
            written,
            rows: count(rows),
            created: count(created),
            updated: count(updated),
            unchanged: count(unchanged),
            refused: count(refused),
            errors,
            errors_left_out: count(errors_left_out),
        }
    }
}

impl From<RowError> for ImportError {
    fn from(RowError { line, field, code, zh, en }: RowError) -> Self {
        Self { line: count(line), field, code: code.to_owned(), zh, en }
    }
}

/// A count as JavaScript can read it; no file has that many rows.
fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A file that is made while it is sent.
pub(super) struct ExportFile {
    format: Format,
    export: Export,
}

impl IntoResponse for ExportFile {
    fn into_response(self) -> Response {
        let (kind, name) = match self.format {
            Format::Csv => ("text/csv; charset=utf-8", "facilities.csv"),
            Format::Geojson => ("application/geo+json", "facilities.geojson"),
        };
        let pages = stream::try_unfold(self.export, |mut export| async move {
            // A failure breaks the connection off, so that half a file is not taken for a whole one.
            let page = export.next().await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(page.map(|bytes| (bytes, export)))
        });
        Response::builder()
            .content_type(kind)
            .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
            .header(header::CACHE_CONTROL, "no-store")
            .body(Body::from_bytes_stream(pages))
    }
}

impl ApiResponse for ExportFile {
    fn meta() -> MetaResponses {
        let table = <Binary<Vec<u8>> as Payload>::schema_ref();
        // A client reads whatever ends in +json as JSON, so the document must not call it a string.
        let collection = MetaSchemaRef::Inline(Box::new(MetaSchema::new("object")));
        let content = [("text/csv", table), ("application/geo+json", collection)]
            .map(|(content_type, schema)| MetaMediaType { content_type, schema });
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The file.",
                status: Some(200),
                status_range: None,
                content: content.into(),
                headers: vec![],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}

fn division(text: Option<&String>) -> Result<Option<DivisionCode>, Refusal> {
    let invalid = |_| {
        let (zh, en) =
            ("行政区划代码应为2、4、6、9或12位数字", "A division code has 2, 4, 6, 9 or 12 digits.");
        Refusal::field("area", "division", zh, en)
    };
    text.map(|text| text.parse::<DivisionCode>().map_err(invalid)).transpose()
}

fn datum(text: Option<&String>) -> Result<Option<Datum>, Refusal> {
    let unknown =
        || Refusal::field("datum", "unknown", "应为 wgs84、gcj02 或 bd09", "One of wgs84, gcj02, bd09.");
    text.map(|text| Datum::parse(text).ok_or_else(unknown)).transpose()
}

#[OpenApi(tag = "Tag::Exchange")]
impl Exchange {
    /// Imports a file of facilities
    ///
    /// Whole or not at all: one refused row refuses the file, unless `skip_invalid` is set; then
    /// `written` says so and `errors` says why. The same file again changes nothing, so this
    /// operation needs no idempotency key. Columns are described in IMPORT.md.
    #[oai(path = "/facility-imports", method = "post", operation_id = "importFacilities")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter of the operation")]
    async fn import(
        &self,
        app: Data<&App>,
        staff: Staff<perm::FacilityImport>,
        /// How the file is laid out.
        format: Query<FileFormat>,
        /// Name of the source; with the external id it says which facility a row is.
        source: Query<String>,
        /// Coordinate system of rows that name none: `wgs84`, `gcj02` or `bd09`.
        datum: Query<Option<String>>,
        /// Refuse points and divisions outside this division.
        area: Query<Option<String>>,
        /// Organisation of rows whose division has none; otherwise that of the area.
        organisation_id: Query<Option<Uuid>>,
        /// Only say what would happen.
        #[oai(default)]
        dry_run: Query<bool>,
        /// Write the good rows even when others are refused.
        #[oai(default)]
        skip_invalid: Query<bool>,
        /// The file.
        file: Binary<Vec<u8>>,
    ) -> Result<Json<ImportReport>, Problem> {
        let area = division(area.as_ref())?;
        let order = Order {
            format: format.0.into(),
            source: source.0,
            datum: self::datum(datum.as_ref())?,
            bounds: area.and_then(|area| Divisions::shipped().bounds(area)).unwrap_or(CHINA),
            area,
            organisation: organisation_id.0.map(Into::into),
            dry_run: dry_run.0,
            skip_invalid: skip_invalid.0,
        };
        let bytes: Arc<[u8]> = file.0.into();
        let input: Input = Arc::new(move || Ok(Box::new(Cursor::new(Arc::clone(&bytes))) as Box<_>));
        let actor = Actor::Staff(staff.id);
        let report = exchange::import(&app, actor, &staff.scope, &order, &input, &|_| {}).await?;
        Ok(Json(report.into()))
    }

    /// Exports facilities to a file
    ///
    /// Everything within your scope, by source and external id; an import reads it back.
    #[oai(path = "/facility-exports", method = "get", operation_id = "exportFacilities")]
    async fn export(
        &self,
        app: Data<&App>,
        staff: Staff<perm::FacilityExport>,
        /// How the file is laid out.
        format: Query<FileFormat>,
        /// Only facilities of this source.
        source: Query<Option<String>>,
        /// Only facilities in this division.
        area: Query<Option<String>>,
    ) -> Result<ExportFile, Problem> {
        let division = division(area.as_ref())?.map(DivisionCode::short);
        let (format, selection) = (format.0.into(), Selection { source: source.0, division });
        exchange::note_export(&app, Actor::Staff(staff.id), &staff.scope, format, &selection).await?;
        Ok(ExportFile { format, export: Export::new(&app, staff.scope.clone(), format, selection) })
    }
}
