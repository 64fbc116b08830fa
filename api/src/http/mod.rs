//! HTTP: routes by audience, and the layers every request passes.
//!
//! ```text
//! cors (pages of listed origins)
//! └ boundary (request id, log, metrics, panics, every error → problem+json)
//!   └ limits (unknown parameters, rate, concurrency, body, time)
//!       └ routes: /v1 residents · /staff/v1 staff
//! ```

pub mod auth;
pub mod body;
pub mod boundary;
pub mod cors;
pub mod docs;
pub mod etag;
pub mod facility;
pub mod idempotency;
pub mod limits;
pub mod listener;
pub mod operations;
pub mod paging;
pub mod parameters;
pub mod problem;
pub mod signing;
pub mod staff;
pub mod stored;
pub mod timetable;
pub mod v1;
mod waitlist;
pub mod wire;
pub mod word;

use std::sync::Arc;

use poem::{Endpoint, EndpointExt, Response, Route};
use poem_openapi::OpenApiService;

use crate::App;
pub use problem::Problem;

/// Version of the documents.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The residents' and public API.
pub fn v1_service() -> OpenApiService<v1::Api, ()> {
    OpenApiService::new(v1::api(), "Linli 邻里: residents", VERSION)
        .description("Find the facility nearby, book its room. Conventions: API-DESIGN.md.")
        .server("/v1")
}

/// The staff API.
pub fn staff_service() -> OpenApiService<staff::Api, ()> {
    OpenApiService::new(staff::api(), "Linli 邻里: staff", VERSION)
        .description("For community staff and operators, within their part of the organisation tree.")
        .server("/staff/v1")
}

/// Every document with the file it is checked in under.
pub fn documents() -> Vec<(&'static str, String)> {
    vec![("v1.json", v1_service().spec()), ("staff-v1.json", staff_service().spec())]
}

/// The whole endpoint, the same in production and in tests. `probes` pass no limit: the balancer
/// must get an answer when nobody else does.
pub fn endpoint(app: &App, probes: Route) -> impl Endpoint<Output = Response> + 'static {
    let (v1, staff) = (v1_service(), staff_service());
    let operations = Arc::new(operations::Operations::read(&[
        ("/v1", operations::Audience::Resident, &v1.spec()),
        ("/staff/v1", operations::Audience::Staff, &staff.spec()),
    ]));
    let mut routes = Route::new();
    if app.config.http.docs {
        routes = routes.nest("/docs", docs::routes());
    }
    let routes = routes.nest("/v1", v1).nest("/staff/v1", staff).data(app.clone());
    let limited = limits::Limits::new(app, Arc::clone(&operations)).wrap(routes);
    let bounded = boundary::Boundary::new(app, operations).wrap(probes.nest_no_strip("/", limited));
    cors::wrap(bounded, &app.config.http.origins().unwrap_or_default())
}
