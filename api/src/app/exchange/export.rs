//! Writing facilities to a file that an import reads back as the same facilities.

use linli_domain::{access::Scope, import};
use linli_store::{
    Error,
    audit::{self, Actor},
    storage::facilities::reference::{self, Reference},
};

use serde_json::json;

use super::{Format, csv as table, geojson};
use crate::App;

/// Facilities read at once.
const PAGE: u64 = 2000;

/// Which facilities are exported.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only those from this source.
    pub source: Option<String>,
    /// Only those in this division: the beginning of its code.
    pub division: Option<String>,
}

/// A file in the making, page by page, by source and id: the same facilities make the same bytes.
pub struct Export {
    app: App,
    scope: Scope,
    format: Format,
    selection: Selection,
    /// Facilities written so far.
    pub count: u64,
    at: At,
}

/// Where the writing stands.
enum At {
    Start,
    After(Reference),
    End,
}

/// Tells the audit that a file leaves the house, once for each place it is about. Before the first
/// byte: how much of it arrived, nobody knows afterwards.
pub async fn note_export(
    app: &App,
    actor: Actor,
    scope: &Scope,
    format: Format,
    selection: &Selection,
) -> Result<(), Error> {
    // The name of a source is the caller's text.
    let detail = json!({
        "format": format.as_str(),
        "division": selection.division,
        "one_source": selection.source.is_some(),
    });
    let (detail, env) = (&detail, &app.env);
    app.db
        .in_tx("facilities.export", |tx| async move {
            for path in scope.paths() {
                let entry = audit::Entry {
                    actor,
                    action: "facility.export",
                    subject_kind: "facility",
                    subject_id: None,
                    org_path: path.as_str().to_owned(),
                    detail: detail.clone(),
                };
                audit::record(tx.conn(), env, entry).await?;
            }
            tx.commit(()).await
        })
        .await
}

impl Export {
    /// The facilities of `selection` within `scope`.
    pub fn new(app: &App, scope: Scope, format: Format, selection: Selection) -> Self {
        Self { app: app.clone(), scope, format, selection, count: 0, at: At::Start }
    }

    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let (is_first, after) = match std::mem::replace(&mut self.at, At::End) {
            At::Start => (true, None),
            At::After(reference) => (false, Some(reference)),
            At::End => return Ok(None),
        };
        let Selection { source, division } = &self.selection;
        let filter = reference::Filter { source: source.as_deref(), division: division.as_deref() };
        let conn = self.app.db.read();
        let page = reference::page_after(conn, &self.scope, filter, after.as_ref(), PAGE).await?;
        self.count += page.len() as u64;
        let is_last = (page.len() as u64) < PAGE;
        if let (false, Some(last)) = (is_last, page.last()) {
            self.at = At::After(Reference::of(last));
        }
        let cells = page.iter().map(|stored| {
            let Reference { source, external_id } = Reference::of(stored);
            import::write(&source, &external_id, stored.status, &stored.facility)
        });
        let bytes = match self.format {
            Format::Csv => table::page(cells, is_first),
            Format::Geojson => geojson::page(cells, is_first, is_last),
        };
        bytes.map(Some).map_err(|error| Error::internal("writing an export", error))
    }
}
