//! What the HTTP layer itself promises: bounds, stable codes, and a problem for every refusal.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use linli::http::{boundary::Boundary, limits::Limits, operations::Operations};
use linli_domain::access::Role;
use poem::{Endpoint, IntoResponse, Request, endpoint::make};
use reqwest::Method;
use serde_json::Value;

use crate::{
    database::Fresh,
    process::ServerProcess,
    rig::{Answer, Rig, both, send},
};

/// Writes `parts` with pauses between them and reads until the server closes or `limit` is over.
fn raw(address: SocketAddr, parts: &[&[u8]], pause: Duration, limit: Duration) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(limit)).unwrap();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            std::thread::sleep(pause);
        }
        // The server may have answered and closed before we are done.
        if stream.write_all(part).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    // A reset after the answer is the server not wanting to read what is left.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

async fn raw_once(rig: &Rig, request: String) -> String {
    let address = rig.address;
    tokio::task::spawn_blocking(move || {
        raw(address, &[request.as_bytes()], Duration::ZERO, Duration::from_secs(20))
    })
    .await
    .unwrap()
}

#[track_caller]
fn assert_raw_problem(answer: &str, status: u16, code: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("content-type: application/problem+json"), "{answer}");
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
    assert_eq!(body["code"], code);
    assert!(body["request_id"].as_str().is_some_and(|id| !id.is_empty()));
}

both!(a_token_says_who_asks_until_it_expires, async |rig| {
    let token = rig.resident_with("13812345678").await;
    let answer = send(rig.get("/v1/ping").bearer_auth(&token)).await.ok();
    assert_eq!(answer["resident_id"].as_str().map(str::len), Some(36));
    send(rig.get("/staff/v1/ping").bearer_auth(&token)).await.is_problem(401, "unauthenticated");
    rig.clock.advance(chrono::Duration::hours(2));
    send(rig.get("/v1/ping").bearer_auth(&token)).await.is_problem(401, "token_expired");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_of_the_transport_is_a_problem_over_a_real_socket() {
    let rig = Rig::sqlite().await;
    let token = rig.resident_token().await;
    let line = |line: &str, headers: &str| {
        format!("{line} HTTP/1.1\r\nHost: linli\r\nConnection: close\r\n{headers}\r\n")
    };
    let signed = format!("Authorization: Bearer {token}\r\n");
    let long = "x".repeat(9_000);
    let table = [
        (line("GET /v1/nowhere", ""), 404, "not_found"),
        (line("GET /nowhere", ""), 404, "not_found"),
        (line("GET /v1/%ff%fe", ""), 400, "bad_request"),
        (line("PUT /v1/ping", ""), 405, "method_not_allowed"),
        (line("TRACE /v1/ping", ""), 405, "method_not_allowed"),
        (line("GET /v1/ping", ""), 401, "unauthenticated"),
        (line("GET /v1/ping", "Authorization: Bearer nonsense\r\n"), 401, "unauthenticated"),
        (line("GET /v1/ping", "Authorization: Basic bm8=\r\n"), 401, "unauthenticated"),
        (line("GET /v1/ping?surprise=1", &signed), 422, "invalid_input"),
        (line(&format!("GET /v1/ping?{long}"), &signed), 414, "uri_too_long"),
        (
            line("GET /v1/ping", &format!("{signed}X-Long: {}\r\n", "y".repeat(40_000))),
            431,
            "headers_too_large",
        ),
        (line("POST /v1/ping", "Content-Length: 41943040\r\n"), 405, "method_not_allowed"),
        (line("POST /v1/bookings", &format!("{signed}Content-Length: 41943040\r\n")), 413, "body_too_large"),
    ];
    for (request, status, code) in table {
        let answer = raw_once(&rig, request).await;
        assert_raw_problem(&answer, status, code);
    }
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_is_not_there_names_those_that_are() {
    let rig = Rig::sqlite().await;
    let answer = send(rig.request(reqwest::Method::DELETE, "/v1/ping")).await;
    answer.is_problem(405, "method_not_allowed");
    assert!(answer.header("allow").contains("GET"), "{:?}", answer.headers);
    rig.finish().await;
}

/// 40 MB without a length: the size is only known while reading.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_forty_megabytes_in_chunks_is_refused_early() {
    let rig = Rig::sqlite().await;
    let (address, token) = (rig.address, rig.resident_token().await);
    tokio::task::spawn_blocking(move || {
        let head = format!(
            "POST /v1/bookings HTTP/1.1\r\nHost: linli\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        let mut parts = vec![head.as_bytes()];
        parts.extend([chunk.as_bytes(); 640]);
        let answer = raw(address, &parts, Duration::ZERO, Duration::from_secs(20));
        // The server closes while we still send, and a reset may overtake its answer.
        if !answer.is_empty() {
            assert_raw_problem(&answer, 413, "body_too_large");
        }
    })
    .await
    .unwrap();
    assert_eq!(send(rig.get("/v1/ping").bearer_auth(rig.resident_token().await)).await.status, 200);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_drips_is_408_and_a_head_that_drips_is_cut_off() {
    let fresh = Fresh::sqlite().await;
    let rig = Rig::start(fresh, |config| {
        config.http.request_timeout_ms = 600;
        config.http.head_timeout_ms = 1_500;
    })
    .await;
    let (address, token) = (rig.address, rig.resident_token().await);
    tokio::task::spawn_blocking(move || {
        let head = format!(
            "POST /v1/bookings HTTP/1.1\r\nHost: linli\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
        );
        let parts: Vec<&[u8]> = std::iter::once(head.as_bytes()).chain([b" ".as_slice(); 6]).collect();
        let answer = raw(address, &parts, Duration::from_millis(200), Duration::from_secs(5));
        assert_raw_problem(&answer, 408, "request_timeout");

        // One byte of a header every 100 ms never lets the connection rest.
        let began = Instant::now();
        let mut parts: Vec<&[u8]> = vec![b"GET /v1/ping HTTP/1.1\r\nX-Slow: "];
        parts.extend([b"z".as_slice(); 40]);
        let answer = raw(address, &parts, Duration::from_millis(100), Duration::from_secs(10));
        assert_eq!(answer, "", "a drip-fed head is not answered");
        assert!(began.elapsed() < Duration::from_secs(5), "it held its connection {:?}", began.elapsed());
    })
    .await
    .unwrap();
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_another_kind_is_415() {
    let rig = Rig::sqlite().await;
    let token = rig.resident_token().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml"] {
        let request = rig.request(reqwest::Method::POST, "/v1/bookings").bearer_auth(&token);
        let request = request.header("Idempotency-Key", "k").header("content-type", kind).body("13800000000");
        let answer = send(request).await;
        answer.is_problem(415, "unsupported_media_type");
        assert!(!answer.text.contains("13800000000"), "{}", answer.text);
    }
    rig.finish().await;
}

/// One place, taken by a body on its way: the next is told to come back, staff have places of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_every_place_is_taken_the_next_is_told_to_come_back() {
    let fresh = Fresh::sqlite().await;
    let rig = Rig::start(fresh, |config| config.http.max_concurrent = 1).await;
    let (token, staff) = (rig.resident_token().await, rig.staff_token(Role::CityAdmin, None).await);
    let mut stream = TcpStream::connect(rig.address).unwrap();
    let head = format!(
        "POST /v1/bookings HTTP/1.1\r\nHost: linli\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut refused = None;
    for _ in 0..200 {
        let answer = send(rig.get("/v1/ping").bearer_auth(&token)).await;
        if answer.status == 503 {
            refused = Some(answer);
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    refused.expect("the one place is never taken").is_problem(503, "unavailable");
    assert_eq!(send(rig.get("/staff/v1/ping").bearer_auth(&staff)).await.status, 200);
    stream.write_all(b"}").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(send(rig.get("/v1/ping").bearer_auth(&token)).await.status, 200);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_and_a_handler_that_hangs_are_problems() {
    let fresh = Fresh::sqlite().await;
    let rig = Rig::start(fresh, |config| config.http.request_timeout_ms = 200).await;
    let layered = |inner| layers(&rig, inner);

    let answer = call(&layered(make(|_| async { deliberately_panic() }).boxed_response())).await;
    answer.is_problem(500, "internal");
    assert!(!answer.text.contains("0000000"), "the panic's text is not for clients");

    let hangs = make(|_| async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        "late"
    });
    call(&layered(hangs.boxed_response())).await.is_problem(503, "timeout");

    let leaks = make(|_| async {
        Err::<&str, _>(poem::Error::from_string(
            "password=hunter2",
            poem::http::StatusCode::INTERNAL_SERVER_ERROR,
        ))
    });
    let answer = call(&layered(leaks.boxed_response())).await;
    answer.is_problem(500, "internal");
    assert!(!answer.text.contains("hunter2"));
    rig.finish().await;
}

#[expect(clippy::panic, reason = "the subject of the test")]
fn deliberately_panic() -> &'static str {
    panic!("phone 13800000000")
}

/// The layers of production round another endpoint.
fn layers(
    rig: &Rig,
    inner: poem::endpoint::BoxEndpoint<'static, poem::Response>,
) -> impl Endpoint<Output = poem::Response> + use<> {
    let operations = Arc::new(Operations::read(&[]));
    let limited = Limits::new(&rig.app, Arc::clone(&operations)).wrap(inner);
    Boundary::new(&rig.app, operations).wrap(limited)
}

trait BoxedResponse {
    fn boxed_response(self) -> poem::endpoint::BoxEndpoint<'static, poem::Response>;
}

impl<E: Endpoint + 'static> BoxedResponse for E {
    fn boxed_response(self) -> poem::endpoint::BoxEndpoint<'static, poem::Response> {
        use poem::EndpointExt;
        self.map_to_response().boxed()
    }
}

async fn call(endpoint: &impl Endpoint<Output = poem::Response>) -> Answer {
    let response = endpoint.call(Request::default()).await.unwrap().into_response();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.into_body().into_string().await.unwrap();
    Answer { status, headers, json: serde_json::from_str(&text).unwrap_or(Value::Null), text }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_is_kept_when_harmless_and_made_otherwise() {
    let rig = Rig::sqlite().await;
    let asked = |id: &'static str| send(rig.get("/v1/nowhere").header("x-request-id", id));
    assert_eq!(asked("abc-123_DEF").await.header("x-request-id"), "abc-123_DEF");
    for bad in ["short", "with space and more", "<script>alert(1)</script>"] {
        let answer = asked(bad).await;
        assert_ne!(answer.header("x-request-id"), bad);
        answer.is_problem(404, "not_found");
    }
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_problem_speaks_the_language_that_is_asked_for() {
    let rig = Rig::sqlite().await;
    let titled = async |language: &str| {
        send(rig.get("/v1/nowhere").header("accept-language", language)).await.json["title"].clone()
    };
    assert_eq!(titled("en-GB, zh;q=0.5").await, "Not found.");
    assert_eq!(titled("zh-CN").await, "没有找到");
    assert_eq!(titled("fr").await, "没有找到");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let fresh = Fresh::sqlite().await;
    let rig = Rig::start(fresh, |config| {
        config.http.rate_per_minute = 3;
        config.http.anonymous_rate_per_minute = 5;
        config.http.trusted_proxies = 1;
    })
    .await;
    let token = rig.resident_with("13900000001").await;
    for left in ["2", "1", "0"] {
        let answer = send(rig.get("/v1/ping").bearer_auth(&token)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit"), format!("\"default\";r={left}"));
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=3;w=60");
    }
    let refused = send(rig.get("/v1/ping").bearer_auth(&token)).await;
    refused.is_problem(429, "rate_limited");
    assert_eq!(refused.header("ratelimit"), "\"default\";r=0");
    // Another token of the same account is the same account; another account is not.
    rig.clock.advance(chrono::Duration::seconds(1));
    let again = rig.resident_with("13900000001").await;
    assert_ne!(again, token);
    send(rig.get("/v1/ping").bearer_auth(again)).await.is_problem(429, "rate_limited");
    let other = send(rig.get("/v1/ping").bearer_auth(rig.resident_token().await)).await;
    assert_eq!(other.status, 200, "another principal is not held responsible");

    // Only the entry that our own proxy wrote, the last, tells clients apart.
    let from = |forwarded: String| send(rig.get("/v1/nowhere").header("x-forwarded-for", forwarded));
    for n in 0..5 {
        assert_eq!(from(format!("10.9.9.{n}, 203.0.113.7")).await.status, 404);
    }
    from("10.9.9.99, 203.0.113.7".to_owned()).await.is_problem(429, "rate_limited");
    assert_eq!(from("203.0.113.7, 203.0.113.8".to_owned()).await.status, 404);

    // Inventing a new token for every request makes nobody a new client.
    let invented = |n: i32| {
        let request = rig.get("/v1/ping").header("x-forwarded-for", "203.0.113.9");
        send(request.bearer_auth(format!("invented-{n}")))
    };
    for n in 0..5 {
        invented(n).await.is_problem(401, "unauthenticated");
    }
    invented(6).await.is_problem(429, "rate_limited");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_of_the_client_does_not_make_it_another_client() {
    let fresh = Fresh::sqlite().await;
    let rig = Rig::start(fresh, |config| config.http.anonymous_rate_per_minute = 2).await;
    let from = |forwarded: &'static str| send(rig.get("/v1/nowhere").header("x-forwarded-for", forwarded));
    assert_eq!(from("198.51.100.1").await.status, 404);
    assert_eq!(from("198.51.100.2").await.status, 404);
    from("198.51.100.3").await.is_problem(429, "rate_limited");
    rig.finish().await;
}

/// Negative control included: the marker is searched for where it must not be, and what is
/// searched is known to hold the request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_strings_and_paths_of_callers_are_in_no_log_and_no_metric() {
    let fresh = Fresh::sqlite().await;
    let server = ServerProcess::start(&fresh.url, &[("LINLI_LOG_LEVEL", "debug")]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["/v1/ping?q=13912345678", "/v1/nowhere/13912345678", "/v1/ping?phone=13912345678"] {
        let answer = client
            .get(format!("{}{path}", server.base))
            .header("x-request-id", "seen-in-the-log")
            .header("user-agent", "13912345678")
            .send()
            .await
            .unwrap();
        assert!(!answer.text().await.unwrap().contains("13912345678"));
    }
    let metrics =
        client.get(format!("{}/metrics", server.internal)).send().await.unwrap().text().await.unwrap();
    let log = server.log();
    assert!(log.contains("seen-in-the-log") && metrics.contains("linli_http_requests_total"), "{log}");
    assert!(!log.contains("13912345678"), "{log}");
    assert!(!metrics.contains("13912345678"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_listed_origins_may_read_and_no_others() {
    let listed = "https://console.example.cn";
    let configure = |config: &mut linli::Config| config.http.cors_origins = listed.to_owned();
    let rig = Rig::start(Fresh::sqlite().await, configure).await;
    let from = |origin: &'static str, method: Method, path: &str| {
        rig.request(method, path).header("origin", origin).header("authorization", "Bearer of nothing")
    };

    let refused = send(from(listed, Method::GET, "/v1/ping")).await;
    assert_eq!(refused.header("access-control-allow-origin"), listed, "mistakes can be read too");
    assert!(refused.header("access-control-expose-headers").contains("x-request-id"));
    assert!(refused.header("vary").to_ascii_lowercase().contains("origin"));
    refused.is_problem(401, "unauthenticated");

    let asked = from(listed, Method::OPTIONS, "/v1/bookings")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,idempotency-key");
    let preflight = send(asked).await;
    assert_eq!(preflight.status, 200);
    assert!(preflight.header("access-control-allow-methods").contains("POST"));
    assert!(preflight.header("access-control-allow-headers").contains("idempotency-key"));

    // Others are served, and their browsers keep the answer from the page.
    for origin in ["https://elsewhere.example", "null"] {
        let answer = send(from(origin, Method::GET, "/v1/ping")).await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
        answer.is_problem(401, "unauthenticated");
        let asked =
            from(origin, Method::OPTIONS, "/v1/bookings").header("access-control-request-method", "POST");
        send(asked).await.is_problem(405, "method_not_allowed");
    }
    send(from(listed, Method::OPTIONS, "/v1/bookings")).await.is_problem(405, "method_not_allowed");
    rig.finish().await;
}
