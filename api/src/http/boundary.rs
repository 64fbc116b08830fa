//! The outermost layer: request id, one log line, metrics; panics and every error become problems.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use futures_util::FutureExt;
use linli_domain::Code;
use linli_store::arrival::Arrival;
use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{HeaderName, HeaderValue, Method, header},
};

use super::{
    listener,
    operations::Operations,
    problem::{self, Language, Problem},
};
use crate::App;

/// Carries the request id in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request, for handlers that pass it on.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// Makes the layer.
pub struct Boundary {
    app: App,
    operations: Arc<Operations>,
}

impl Boundary {
    /// For this application.
    pub fn new(app: &App, operations: Arc<Operations>) -> Self {
        Self { app: app.clone(), operations }
    }

    /// Puts it round `inner`.
    pub fn wrap<E: Endpoint>(self, inner: E) -> impl Endpoint<Output = Response> {
        Bounded { boundary: self, inner }
    }
}

struct Bounded<E> {
    boundary: Boundary,
    inner: E,
}

impl<E: Endpoint> Endpoint for Bounded<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let Boundary { app, operations } = &self.boundary;
        let started = Instant::now();
        let id = request_id(app, &request);
        let language = Language::of(request.headers());
        let asked = request.method().clone();
        // HEAD is GET without the body, which the server leaves out by itself.
        let method = if asked == Method::HEAD { Method::GET } else { asked.clone() };
        request.set_method(method.clone());
        // Names the operation, or nothing: a path that is none of ours may hold anything.
        let operation =
            operations.find(&method, request.uri().path()).map_or("none", |operation| operation.id.as_str());
        request.set_data(RequestId(Arc::clone(&id)));

        let arrival = Arrival { since: started, hung_up: listener::hung_up(&request) };
        let served = arrival.serve(self.inner.call(request));
        let outcome = AssertUnwindSafe(served).catch_unwind().await;
        let mut response = match outcome {
            Ok(Ok(output)) => output.into_response(),
            Ok(Err(error)) => match problem::of_error(error) {
                Ok(problem) => problem::render(&problem, language, &id, operation),
                Err(response) => response.into_response(),
            },
            Err(_) => {
                tracing::error!(request.id = %id, operation, "a handler panicked");
                problem::render(&Problem::from(Code::Internal), language, &id, operation)
            }
        };
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if operation != "none" {
            // What no handler says may be kept is not: many answers are about a person, and some
            // are read on a computer of the library.
            response
                .headers_mut()
                .entry(header::CACHE_CONTROL)
                .or_insert(HeaderValue::from_static("no-store"));
        }
        observe(&id, asked.as_str(), operation, &response, started);
        Ok(response)
    }
}

/// The caller's id when it is harmless, else a fresh one.
fn request_id(app: &App, request: &Request) -> Arc<str> {
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    match given {
        Some(id)
            if (8..=64).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') =>
        {
            id.into()
        }
        _ => app.env.id::<uuid::Uuid>().to_string().into(),
    }
}

fn observe(id: &str, method: &str, operation: &str, response: &Response, started: Instant) {
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    let labels = [("operation", operation.to_owned()), ("status", format!("{}xx", status / 100))];
    metrics::counter!("linli_http_requests_total", &labels).increment(1);
    metrics::histogram!("linli_http_request_seconds", "operation" => operation.to_owned())
        .record(elapsed.as_secs_f64());
    let duration_ms = elapsed.as_secs_f64() * 1_000.0;
    tracing::info!(
        request.id = id,
        http.method = method,
        operation,
        http.status = status,
        duration_ms,
        "answered {operation} with {status}"
    );
}
