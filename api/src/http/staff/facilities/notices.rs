//! Notices 发布.

use chrono::NaiveDate;
use linli_domain::{
    access::perm,
    facility::{self, NoticeKind},
};
use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::{
    App,
    app::{
        facilities::notices,
        staff::sight::{Thing, judge},
    },
    http::{Problem, auth::Staff, facility::Notice, staff::Tag, word::Word},
};

/// Publishing and withdrawing.
pub struct Notices;

/// A notice to be published.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewNotice {
    /// What it is about.
    kind: Word<NoticeKind>,
    /// Headline.
    title: String,
    /// Text.
    #[oai(default)]
    body: String,
    /// First date residents see it.
    shown_from: NaiveDate,
    /// Last date residents see it.
    shown_to: NaiveDate,
}

/// Notices of a facility.
#[derive(Debug, Object)]
pub struct NoticeList {
    /// What is shown or will be, the newest first.
    items: Vec<Notice>,
}

/// The notice was published.
#[derive(ApiResponse)]
pub enum Published {
    /// The notice.
    #[oai(status = 201)]
    Published(Json<Notice>),
}

/// It is gone.
#[derive(ApiResponse)]
pub enum Withdrawn {
    /// Residents see it no more.
    #[oai(status = 204)]
    Withdrawn,
}

#[OpenApi(tag = "Tag::Facilities")]
impl Notices {
    /// Lists what a facility announces, now or later
    #[oai(path = "/facilities/:facility_id/notices", method = "get", operation_id = "staffListNotices")]
    async fn list(
        &self,
        app: Data<&App>,
        staff: Staff<perm::FacilityRead>,
        facility_id: Path<Uuid>,
    ) -> Result<Json<NoticeList>, Problem> {
        let rows = notices::list(&app, &staff.scope, facility_id.0.into()).await?;
        Ok(Json(NoticeList { items: rows.iter().map(Notice::from).collect() }))
    }

    /// Publishes a notice
    #[oai(path = "/facilities/:facility_id/notices", method = "post", operation_id = "staffPublishNotice")]
    async fn publish(
        &self,
        app: Data<&App>,
        staff: Staff<perm::NoticePublish>,
        facility_id: Path<Uuid>,
        body: Json<NewNotice>,
    ) -> Result<Published, Problem> {
        let NewNotice { kind: Word(kind), title, body, shown_from, shown_to } = body.0;
        let notice = facility::Notice { kind, title, body, shown_from, shown_to };
        let done = notices::publish(&app, staff.id, &staff.scope, facility_id.0.into(), notice).await;
        let row = judge(&app, &staff, (Thing::Facility, facility_id.0), done).await?;
        Ok(Published::Published(Json(Notice::from(&row))))
    }

    /// Withdraws a notice
    #[oai(
        path = "/facilities/:facility_id/notices/:notice_id",
        method = "delete",
        operation_id = "staffWithdrawNotice"
    )]
    async fn withdraw(
        &self,
        app: Data<&App>,
        staff: Staff<perm::NoticePublish>,
        facility_id: Path<Uuid>,
        notice_id: Path<Uuid>,
    ) -> Result<Withdrawn, Problem> {
        let (facility, notice) = (facility_id.0.into(), notice_id.0.into());
        let done = notices::withdraw(&app, staff.id, &staff.scope, facility, notice).await;
        judge(&app, &staff, (Thing::Facility, facility_id.0), done).await?;
        Ok(Withdrawn::Withdrawn)
    }
}
