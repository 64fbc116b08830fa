//! Limits on everything a request may take: parameters, rate, concurrency, body and time.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::digest;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock, middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};
use linli_domain::{Code, Refusal};
use poem::{
    Body, Endpoint, IntoResponse, Request, Response,
    error::ReadBodyError,
    http::{HeaderName, HeaderValue, Method, header},
    web::RemoteAddr,
};
use tokio::sync::Semaphore;

use super::{
    operations::{Audience, Operation, Operations},
    problem::Problem,
};
use crate::{App, app::sessions};

/// SHA-256 of method, path and body, hexadecimal: what an idempotency key stands for.
#[derive(Clone, Debug)]
pub struct RequestDigest(pub Arc<str>);

/// The address of the client, as far as the configured proxies can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

type KeyedLimiter =
    RateLimiter<u64, DashMapStateStore<u64>, governor::clock::DefaultClock, StateInformationMiddleware>;

/// Longest path and query.
const MAX_TARGET_BYTES: usize = 8 * 1024;
/// All header names and values together.
const MAX_HEADERS_BYTES: usize = 32 * 1024;

/// Makes the layer.
pub struct Limits {
    app: App,
    operations: Arc<Operations>,
    residents: Semaphore,
    staff: Semaphore,
    principals: KeyedLimiter,
    addresses: KeyedLimiter,
    requests: AtomicU32,
}

fn per_minute(requests: u32) -> KeyedLimiter {
    let requests = NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN);
    DefaultKeyedRateLimiter::<u64>::dashmap(Quota::per_minute(requests)).with_middleware()
}

impl Limits {
    /// For this application.
    pub fn new(app: &App, operations: Arc<Operations>) -> Self {
        let http = &app.config.http;
        Self {
            app: app.clone(),
            operations,
            residents: Semaphore::new(http.max_concurrent),
            staff: Semaphore::new(http.staff_max_concurrent),
            principals: per_minute(http.rate_per_minute),
            addresses: per_minute(http.anonymous_rate_per_minute),
            requests: AtomicU32::new(0),
        }
    }

    /// Puts it round `inner`.
    pub fn wrap<E: Endpoint>(self, inner: E) -> impl Endpoint<Output = Response> {
        Limited { limits: self, inner }
    }

    /// Counts the request against its principal, or against its address when no token of ours says
    /// whose it is: invented tokens are one client, however many they are.
    fn rate(
        &self,
        request: &Request,
        audience: Audience,
        address: ClientAddress,
    ) -> Result<Option<RateState>, Problem> {
        let http = &self.app.config.http;
        if let Some(subject) = self.subject(request, audience) {
            return check(&self.principals, key_of(subject.as_bytes()), http.rate_per_minute).map(Some);
        }
        // Without a socket (a test) there is nobody to count.
        let Some(address) = address.0 else { return Ok(None) };
        let key = key_of(address.to_string().as_bytes());
        check(&self.addresses, key, http.anonymous_rate_per_minute).map(Some)
    }

    fn subject(&self, request: &Request, audience: Audience) -> Option<uuid::Uuid> {
        let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
        let audience = match audience {
            Audience::Resident => sessions::Audience::Resident,
            Audience::Staff => sessions::Audience::Staff,
        };
        sessions::signed_subject(&self.app, value.strip_prefix("Bearer ")?.trim(), audience)
    }

    const fn places(&self, audience: Audience) -> &Semaphore {
        match audience {
            Audience::Resident => &self.residents,
            Audience::Staff => &self.staff,
        }
    }

    fn timeout(&self, audience: Audience) -> Duration {
        match audience {
            Audience::Resident => self.app.config.request_timeout(),
            Audience::Staff => Duration::from_millis(self.app.config.http.staff_timeout_ms),
        }
    }

    /// Forgets, now and then, principals that are back at their full quota.
    fn shrink(&self) {
        const EVERY: u32 = 65_536;
        if self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(EVERY) {
            self.principals.retain_recent();
            self.addresses.retain_recent();
        }
    }
}

/// What is left of a quota.
struct RateState {
    limit: u32,
    remaining: u32,
}

impl RateState {
    /// The two headers that tell a client how fast it may go on.
    fn headers(&self) -> [(HeaderName, String); 2] {
        [
            (HeaderName::from_static("ratelimit-policy"), format!("\"default\";q={};w=60", self.limit)),
            (HeaderName::from_static("ratelimit"), format!("\"default\";r={}", self.remaining)),
        ]
    }
}

fn check(limiter: &KeyedLimiter, key: u64, limit: u32) -> Result<RateState, Problem> {
    match limiter.check_key(&key) {
        Ok(snapshot) => Ok(RateState { limit, remaining: snapshot.remaining_burst_capacity() }),
        Err(until) => {
            let wait = until.wait_time_from(governor::clock::DefaultClock::default().now());
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(60) + 1;
            let refusal = Refusal::new(Code::RateLimited).retry_after(seconds);
            let [(policy, of), (state, left)] = RateState { limit, remaining: 0 }.headers();
            Err(Problem::from(refusal).with_header(policy, &of).with_header(state, &left))
        }
    }
}

fn key_of(bytes: &[u8]) -> u64 {
    let digest = digest::digest(&digest::SHA256, bytes);
    let mut key = [0; 8];
    key.copy_from_slice(&digest.as_ref()[..8]);
    u64::from_le_bytes(key)
}

struct Limited<E> {
    limits: Limits,
    inner: E,
}

impl<E: Endpoint> Endpoint for Limited<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let limits = &self.limits;
        refuse_long_head(&request)?;
        let address = client_address(&request, limits.app.config.http.trusted_proxies);
        request.set_data(address);
        limits.shrink();
        let operation = limits.operations.find(request.method(), request.uri().path());
        let audience = operation.map_or(Audience::Resident, |operation| operation.audience);
        let rate = limits.rate(&request, audience, address)?;
        match operation {
            Some(operation) => refuse_unknown_parameters(operation, &request)?,
            None => refuse_unknown_method(&limits.operations, &request)?,
        }
        let Ok(_place) = limits.places(audience).try_acquire() else {
            return Err(Problem::from(Refusal::new(Code::Unavailable).retry_after(1)).into());
        };
        let largest = match operation {
            Some(Operation { upload: true, .. }) => limits.app.config.http.max_upload_bytes,
            _ => limits.app.config.http.max_body_bytes,
        };
        let timeout = limits.timeout(audience);
        read_body(&mut request, largest, timeout).await?;
        let answer = tokio::time::timeout(timeout, self.inner.call(request))
            .await
            .map_err(|_| Problem::from(Refusal::new(Code::Timeout).retry_after(2)))?;
        let mut response = answer?.into_response();
        for (name, value) in rate.iter().flat_map(RateState::headers) {
            response.headers_mut().extend(HeaderValue::from_str(&value).ok().map(|value| (name, value)));
        }
        Ok(response)
    }
}

/// A head that the parser still takes but that no honest client sends.
fn refuse_long_head(request: &Request) -> Result<(), Problem> {
    if request.uri().path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET_BYTES) {
        return Err(Code::UriTooLong.into());
    }
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    if headers.sum::<usize>() > MAX_HEADERS_BYTES {
        return Err(Code::HeadersTooLarge.into());
    }
    Ok(())
}

/// A path of ours with a method it does not have: the answer names those it has (RFC 9110).
fn refuse_unknown_method(operations: &Operations, request: &Request) -> Result<(), Problem> {
    match operations.allowed(request.uri().path()) {
        Some(methods) => Err(Problem::from(Code::MethodNotAllowed).with_header(header::ALLOW, &methods)),
        None => Ok(()),
    }
}

/// The address that the outermost trusted proxy saw; with none trusted, the socket's peer.
///
/// `X-Forwarded-For` grows to the right, so with `n` trusted proxies the n-th entry from the right
/// was written by ours. Anything further left may be invented.
pub fn client_address(request: &Request, trusted_proxies: usize) -> ClientAddress {
    let peer = || match request.remote_addr() {
        RemoteAddr(poem::Addr::SocketAddr(address)) => Some(address.ip()),
        _ => None,
    };
    if trusted_proxies == 0 {
        return ClientAddress(peer());
    }
    let named: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let ours = named.len().checked_sub(trusted_proxies).and_then(|at| named.get(at));
    ClientAddress(ours.and_then(|text| text.parse().ok()).or_else(peer))
}

/// A misspelt filter that is silently ignored shows the wrong list; so it is refused.
fn refuse_unknown_parameters(operation: &Operation, request: &Request) -> Result<(), Problem> {
    let Some(query) = request.uri().query() else { return Ok(()) };
    let unknown = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split('=').next().unwrap_or_default())
        .any(|name| !operation.parameters.contains(name));
    if unknown {
        let refusal = Refusal::field(
            "",
            "unknown_parameter",
            "含有未知的查询参数",
            "There is a query parameter this operation does not know.",
        );
        return Err(refusal.into());
    }
    Ok(())
}

/// Reads the whole body within size and time, so that no handler waits on a slow client.
async fn read_body(request: &mut Request, largest: usize, timeout: Duration) -> Result<(), Problem> {
    if !matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE) {
        return Ok(());
    }
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > largest) {
        return Err(Code::BodyTooLarge.into());
    }
    let body = request.take_body();
    let bytes = match tokio::time::timeout(timeout, body.into_bytes_limit(largest)).await {
        Err(_) => return Err(Code::RequestTimeout.into()),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => return Err(Code::BodyTooLarge.into()),
        Ok(Err(_)) => return Err(Code::BadRequest.into()),
        Ok(Ok(bytes)) => bytes,
    };
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(request.method().as_str().as_bytes());
    context.update(b"\n");
    context.update(request.uri().path().as_bytes());
    context.update(b"\n");
    context.update(&bytes);
    request.set_data(RequestDigest(hex::encode(context.finish()).into()));
    request.set_body(Body::from_bytes(bytes));
    Ok(())
}
