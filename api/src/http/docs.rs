//! `/docs`: every document as a page for people and as JSON, without a byte from elsewhere.
//!
//! Swagger UI is embedded in the binary; the content security policy lets the pages load nothing
//! and send only to this server, so that a page left open cannot carry a token away.

use poem::{Endpoint, EndpointExt, IntoResponse, Response, Route, http::HeaderValue, web::Html};
use poem_openapi::OpenApi;

use super::{staff_service, v1_service};

/// The embedded pages hold their script and style in line.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";

const INDEX: &str = "<!doctype html><html lang=\"zh\"><meta charset=\"utf-8\"><title>Linli 邻里</title>\
    <style>body{font:16px/1.6 sans-serif;max-width:40em;margin:3em auto}</style><h1>Linli 邻里</h1><ul>\
    <li><a href=\"/docs/v1\">居民 · residents</a> (<a href=\"/docs/v1.json\">OpenAPI</a>)</li>\
    <li><a href=\"/docs/staff\">工作人员 · staff</a> (<a href=\"/docs/staff-v1.json\">OpenAPI</a>)</li></ul></html>";

/// The pages and the documents behind them, to be nested under `/docs`.
pub fn routes() -> impl Endpoint<Output = Response> + 'static {
    let (v1, staff) = (v1_service(), staff_service());
    Route::new()
        .at("/", poem::get(poem::endpoint::make_sync(|_| Html(INDEX))))
        .at("/v1", poem::get(page(&v1)))
        .at("/staff", poem::get(page(&staff)))
        .at("/v1.json", poem::get(v1.spec_endpoint()))
        .at("/staff-v1.json", poem::get(staff.spec_endpoint()))
        .map_to_response()
        .after(|answer| async move {
            let mut response = answer?.into_response();
            response.headers_mut().insert("content-security-policy", HeaderValue::from_static(POLICY));
            Ok(response)
        })
}

fn page<T: OpenApi + 'static>(service: &poem_openapi::OpenApiService<T, ()>) -> impl Endpoint + use<T> {
    let html = service.swagger_ui_html();
    poem::endpoint::make_sync(move |_| Html(html.clone()))
}
