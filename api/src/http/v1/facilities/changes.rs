//! The feed of changed facilities, for copies elsewhere.

use chrono::{DateTime, FixedOffset, Utc};
use linli_domain::{Code, Refusal, facility::FacilityStatus, geo::Datum, time};
use linli_store::{
    lineage,
    storage::facilities::{Stored, feed},
};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    App,
    app::facilities,
    http::{
        Problem,
        facility::Profile,
        paging::{self, DEFAULT_LIMIT},
        v1::Tag,
        word::Word,
    },
};

/// Reading the feed.
pub struct Changes;

/// A copy may be away this long before it has to start over.
const CURSOR_TTL_S: u64 = 90 * 24 * 3600;

/// A page of the feed.
#[derive(Debug, Object)]
pub struct ChangePage {
    /// Facilities at their latest change, the oldest change first.
    items: Vec<FacilityChange>,
    /// Where to go on, now or later; always there.
    next_cursor: String,
    /// Whether there is more at once.
    more: bool,
}

/// A facility that changed.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct FacilityChange {
    /// Its id.
    id: String,
    /// It has closed for good: drop it.
    deleted: bool,
    /// Grows with every edit; a lower version never replaces a higher one.
    version: i64,
    /// When it was last edited.
    updated_at: DateTime<FixedOffset>,
    /// Where it stands.
    status: Word<FacilityStatus>,
    /// Everything that is said about it, in WGS-84; absent when deleted.
    profile: Option<Profile>,
}

/// What the cursor carries: nobody but us reads it.
#[derive(Serialize, Deserialize)]
struct Position {
    place: Option<feed::Place>,
    since: Option<DateTime<Utc>>,
    /// A restore undoes changes that a copy has already taken; the copy must then start over.
    lineage: Option<Uuid>,
}

#[OpenApi(tag = "Tag::Facilities")]
impl Changes {
    /// Reads what changed
    ///
    /// Every facility stands once in the feed, at its latest change; reading on with `next_cursor`
    /// misses nothing, however long transactions took. Closed facilities come as `deleted`.
    /// `modified_after` only chooses where to begin.
    #[oai(path = "/facilities/changes", method = "get", operation_id = "listFacilityChanges")]
    async fn list(
        &self,
        app: Data<&App>,
        /// Begin with what was edited at or after this time.
        modified_after: Query<Option<DateTime<FixedOffset>>>,
        /// Go on from an earlier page; not together with `modified_after`.
        cursor: Query<Option<String>>,
        /// Changes read at once; a page may hold fewer.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<ChangePage>, Problem> {
        let lineage = lineage::current(app.db.read()).await.map_err(linli_store::Error::from)?;
        let from: Position = match (&cursor.0, modified_after.0) {
            (Some(_), Some(_)) => return Err(not_both().into()),
            (Some(cursor), None) => paging::open_within(&app, &"facility changes", cursor, CURSOR_TTL_S)?,
            (None, since) => Position { place: None, since: since.map(|at| at.to_utc()), lineage },
        };
        if from.lineage != lineage {
            return Err(Code::CursorExpired.into());
        }
        let limit = limit.0.unwrap_or(DEFAULT_LIMIT);
        let rows = facilities::changes(&app, from.place, from.since, limit + 1).await?;
        let (rows, next) = paging::cut(rows, limit, place);
        let reached = rows.last().map(place).or(from.place);
        let to = Position { place: reached, since: from.since, lineage };
        Ok(Json(ChangePage {
            // What is only planned was never public, so nobody has a copy to drop.
            items: rows
                .into_iter()
                .filter(|stored| stored.status.public())
                .map(FacilityChange::from)
                .collect(),
            next_cursor: paging::seal(&app, &"facility changes", to),
            more: next.is_some(),
        }))
    }
}

fn place(stored: &Stored) -> feed::Place {
    feed::Place { revision: stored.revision, id: stored.id }
}

fn not_both() -> Refusal {
    Refusal::field("modified_after", "contradiction", "不能与 cursor 同时使用", "Not together with cursor.")
}

impl From<Stored> for FacilityChange {
    fn from(stored: Stored) -> Self {
        let deleted = !stored.status.listed();
        Self {
            id: stored.id.to_string(),
            deleted,
            version: stored.version,
            updated_at: time::local(stored.updated_at),
            status: Word(stored.status),
            profile: (!deleted).then(|| Profile::of(&stored.facility, Some(Datum::Wgs84))),
        }
    }
}
