//! The calendar feed: an address to subscribe to, and what is read there.

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::Query,
    payload::{Json, PlainText},
};

use super::{Tag, auth::Done};
use crate::{
    App,
    app::bookings::calendar,
    http::{Problem, auth::Resident},
};

/// The feed.
pub struct CalendarFeed;

/// Where to subscribe
#[derive(Object)]
pub struct FeedAddress {
    /// Path and query below this server; whoever has it can read the feed. Shown this once.
    path: String,
}

/// A feed was made.
#[derive(ApiResponse)]
pub enum FeedMade {
    /// Where it is.
    #[oai(status = 201)]
    Created(Json<FeedAddress>),
}

/// The feed as calendars read it.
#[derive(ApiResponse)]
pub enum Feed {
    /// iCalendar, RFC 5545.
    #[oai(status = 200, content_type = "text/calendar; charset=utf-8")]
    Calendar(PlainText<String>, #[oai(header = "Cache-Control")] String),
}

#[OpenApi(tag = "Tag::Bookings")]
impl CalendarFeed {
    /// Makes an address where a calendar can subscribe to your bookings
    ///
    /// The address before it stops working. It opens nothing but the feed.
    #[oai(path = "/me/calendar-feed", method = "post", operation_id = "openCalendarFeed")]
    async fn open(&self, app: Data<&App>, resident: Resident) -> Result<FeedMade, Problem> {
        let secret = calendar::open(&app, resident.id).await?;
        let path = format!("/v1/bookings.ics?token={secret}");
        Ok(FeedMade::Created(Json(FeedAddress { path })))
    }

    /// Takes the address back
    #[oai(path = "/me/calendar-feed", method = "delete", operation_id = "closeCalendarFeed")]
    async fn close(&self, app: Data<&App>, resident: Resident) -> Result<Done, Problem> {
        calendar::close(&app, resident.id).await?;
        Ok(Done::Done)
    }

    /// Reads the feed
    ///
    /// What was cancelled, declined or has lapsed stays in it as cancelled, so that calendars strike it out.
    #[oai(path = "/bookings.ics", method = "get", operation_id = "readCalendarFeed")]
    async fn read(
        &self,
        app: Data<&App>,
        /// The secret of the address.
        #[oai(validator(max_length = 64))]
        token: Query<String>,
    ) -> Result<Feed, Problem> {
        let text = calendar::read(&app, &token.0).await?;
        Ok(Feed::Calendar(PlainText(text), "private, no-store".to_owned()))
    }
}
