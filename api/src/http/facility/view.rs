//! A facility with what hangs on it, as answers show it.

use chrono::{DateTime, FixedOffset, NaiveDate};
use linli_domain::{
    Vocabulary,
    facility::{FacilityStatus, NoticeKind, ReportKind, ReportState},
    geo::Datum,
    time,
};
use linli_store::storage::facilities::{Stored, notice, photo, report};
use poem_openapi::Object;

use super::{OpenState, Profile};
use crate::{app::facilities::Shown, http::word::Word};

/// A facility as residents read it.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Facility {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: Word<FacilityStatus>,
    /// Whether it is open now.
    pub now: OpenState,
    /// Everything that is said about it.
    pub profile: Profile,
    /// What it announces today, the newest first.
    pub notices: Vec<Notice>,
    /// Its photos.
    pub photos: Vec<Photo>,
    /// Where the data comes from.
    pub source: String,
    /// When it was last edited.
    pub updated_at: DateTime<FixedOffset>,
}

/// A facility as staff read it; its version is also the `ETag`.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct StaffFacility {
    /// Its id.
    pub id: String,
    /// The organisation it belongs to.
    pub organisation_id: String,
    /// Where it stands.
    pub status: Word<FacilityStatus>,
    /// Where it may be moved to.
    pub next_statuses: Vec<Word<FacilityStatus>>,
    /// Everything that is said about it, its place in the coordinate system it was given in.
    pub profile: Profile,
    /// Where the data comes from.
    pub source: String,
    /// Its id there.
    pub external_id: Option<String>,
    /// Grows with every edit.
    pub version: i64,
    /// When it was entered.
    pub created_at: DateTime<FixedOffset>,
    /// When it was last edited.
    pub updated_at: DateTime<FixedOffset>,
}

/// A dated notice 发布.
#[derive(Debug, Object)]
pub struct Notice {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub kind: Word<NoticeKind>,
    /// Headline.
    pub title: String,
    /// Text.
    pub body: String,
    /// First date it is shown.
    pub shown_from: NaiveDate,
    /// Last date it is shown.
    pub shown_to: NaiveDate,
    /// When it was published.
    pub published_at: DateTime<FixedOffset>,
}

/// A photo.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Photo {
    /// Its id.
    pub id: String,
    /// Path of its bytes on this server.
    pub path: String,
    /// `image/jpeg`, `image/png` or `image/webp`.
    pub content_type: String,
    /// Size.
    pub bytes: i64,
    /// What it shows.
    pub caption: Option<String>,
}

/// A report as the person who made it reads it.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Report {
    /// Its id; who is not signed in reads the answer by it.
    pub id: String,
    /// What is wrong.
    pub kind: Word<ReportKind>,
    /// Where it stands.
    pub state: Word<ReportState>,
    /// What the staff answered.
    pub answer: Option<String>,
    /// When it came in.
    pub created_at: DateTime<FixedOffset>,
    /// When it ended.
    pub closed_at: Option<DateTime<FixedOffset>>,
}

impl Facility {
    /// With its place in `coord`.
    pub fn of(shown: Shown, coord: Datum) -> Self {
        let Shown { stored, state, notices, photos } = shown;
        Self {
            id: stored.id.to_string(),
            status: Word(stored.status),
            now: state.into(),
            profile: Profile::of(&stored.facility, Some(coord)),
            notices: notices.iter().map(Notice::from).collect(),
            photos: photos.iter().map(Photo::from).collect(),
            source: stored.source,
            updated_at: time::local(stored.updated_at),
        }
    }
}

impl From<Stored> for StaffFacility {
    fn from(stored: Stored) -> Self {
        Self {
            id: stored.id.to_string(),
            organisation_id: stored.organisation_id.to_string(),
            status: Word(stored.status),
            next_statuses: stored.status.next().iter().copied().map(Word).collect(),
            profile: Profile::of(&stored.facility, None),
            source: stored.source,
            external_id: stored.external_id,
            version: stored.version,
            created_at: time::local(stored.created_at),
            updated_at: time::local(stored.updated_at),
        }
    }
}

impl From<&notice::Model> for Notice {
    fn from(row: &notice::Model) -> Self {
        Self {
            id: row.id.to_string(),
            kind: Word(row.notice().kind),
            title: row.title.clone(),
            body: row.body.clone(),
            shown_from: row.shown_from,
            shown_to: row.shown_to,
            published_at: time::local(row.published_at),
        }
    }
}

impl From<&photo::Model> for Photo {
    fn from(row: &photo::Model) -> Self {
        Self {
            id: row.id.to_string(),
            path: format!("/v1/facilities/{}/photos/{}", row.facility_id, row.id),
            content_type: row.content_type.clone(),
            bytes: row.bytes,
            caption: row.caption.clone(),
        }
    }
}

impl From<report::Report> for Report {
    fn from(report: report::Report) -> Self {
        let state = report.state();
        let report::Report { row, answer, .. } = report;
        Self {
            id: row.id.to_string(),
            kind: Word(report_kind(&row)),
            state: Word(state),
            answer,
            created_at: time::local(row.created_at),
            closed_at: row.closed_at.map(time::local),
        }
    }
}

/// The kind of a report; one this version does not know is "something else".
pub fn report_kind(row: &report::Model) -> ReportKind {
    ReportKind::parse(&row.kind).unwrap_or(ReportKind::Other)
}
