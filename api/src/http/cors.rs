//! Pages of other origins: which of them a browser lets read our answers.
//!
//! Mini-programs and servers need none of this. A web console or a city's page that calls from the
//! browser has its origin in `http.cors_origins`; every other one is answered as before, and its
//! browser keeps the answer from it.

use std::collections::HashSet;

use poem::{
    Endpoint, EndpointExt, Request, Response,
    http::{HeaderName, HeaderValue, Method, header},
    middleware,
};

use super::boundary::REQUEST_ID;

/// What a page may read of an answer beside the body.
const EXPOSED: [HeaderName; 6] = [
    header::ETAG,
    header::RETRY_AFTER,
    REQUEST_ID,
    HeaderName::from_static("idempotent-replayed"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
];

/// Puts it round `inner`.
pub fn wrap<E: Endpoint<Output = Response> + 'static>(
    inner: E,
    origins: &[&str],
) -> impl Endpoint<Output = Response> + use<E> {
    let origins: HashSet<_> = origins.iter().filter_map(|text| HeaderValue::from_str(text).ok()).collect();
    let cors = middleware::Cors::new().allow_origins(origins.clone()).expose_headers(EXPOSED);
    Pages { inner: inner.with(cors), origins }
}

struct Pages<E> {
    inner: E,
    origins: HashSet<HeaderValue>,
}

impl<E: Endpoint<Output = Response>> Endpoint for Pages<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        // The middleware would refuse what it does not know, also our own pages and callers that are
        // no browser: it only sees what concerns it.
        let listed =
            request.headers().get(header::ORIGIN).is_some_and(|origin| self.origins.contains(origin));
        let preflight = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !listed || (request.method() == Method::OPTIONS && !preflight) {
            request.headers_mut().remove(header::ORIGIN);
        }
        let mut response = self.inner.call(request).await?;
        if !self.origins.is_empty() {
            // A cache must not hand one page what was answered to another.
            response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
        }
        Ok(response)
    }
}
