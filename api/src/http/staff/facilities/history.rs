//! Who changed what when.

use chrono::{DateTime, FixedOffset};
use linli_domain::{access::perm, time};
use linli_store::storage::facilities::{self as storage, change};
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

use crate::{
    App,
    app::facilities,
    http::{
        Problem,
        auth::Staff,
        paging::{self, DEFAULT_LIMIT},
        staff::Tag,
    },
};

/// Reading the history.
pub struct History;

/// A page of the history.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct HistoryPage {
    /// The newest first.
    items: Vec<HistoryEntry>,
    /// Where the next page begins.
    next_cursor: Option<String>,
}

/// One change. Contents are not kept.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct HistoryEntry {
    /// Version afterwards.
    version: i64,
    /// When.
    at: DateTime<FixedOffset>,
    /// What was done, for instance `facility.set_hours`.
    action: String,
    /// The staff member; absent for an import or a job of the system.
    staff_id: Option<String>,
    /// Names of the fields that changed.
    fields: Vec<String>,
}

#[OpenApi(tag = "Tag::Facilities")]
impl History {
    /// Reads the history of a facility
    #[oai(
        path = "/facilities/:facility_id/history",
        method = "get",
        operation_id = "staffListFacilityHistory"
    )]
    async fn list(
        &self,
        app: Data<&App>,
        staff: Staff<perm::FacilityRead>,
        facility_id: Path<Uuid>,
        cursor: Query<Option<String>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
    ) -> Result<Json<HistoryPage>, Problem> {
        let shape = ("facility history", facility_id.0);
        let stored = facilities::find(&app, &staff.scope, facility_id.0.into()).await?;
        let before = cursor.0.as_deref().map(|cursor| paging::open(&app, &shape, cursor)).transpose()?;
        let limit = limit.0.unwrap_or(DEFAULT_LIMIT);
        let rows = storage::history(app.db.read(), stored.id, before, u64::from(limit) + 1).await?;
        let (rows, next) = paging::cut(rows, limit, |row| (row.version, row.id));
        Ok(Json(HistoryPage {
            items: rows.into_iter().map(HistoryEntry::from).collect(),
            next_cursor: next.map(|at| paging::seal(&app, &shape, at)),
        }))
    }
}

impl From<change::Model> for HistoryEntry {
    fn from(row: change::Model) -> Self {
        let fields = row.fields.as_array().into_iter().flatten();
        Self {
            version: row.version,
            at: time::local(row.at),
            action: row.action,
            staff_id: row.actor_id.map(|id| id.to_string()),
            fields: fields.filter_map(|field| field.as_str().map(str::to_owned)).collect(),
        }
    }
}
