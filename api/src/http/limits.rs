//! Limits on everything a request may take: parameters, rate, concurrency, body and time.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
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
use poem_openapi::error::ParseRequestPayloadError;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    auth,
    body::BodySchema,
    operations::{Audience, Operation, Operations},
    parameters,
    problem::Problem,
};
use crate::{App, app::sessions};

/// SHA-256 of method, path and body, hexadecimal: what an idempotency key stands for.
#[derive(Clone, Debug)]
pub struct RequestDigest(pub Arc<str>);

/// The address of the client, as far as the configured proxies can be believed; of IPv6 the network
/// (/64) alone, since whoever has one address there has them all.
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
    fn rate(&self, subject: Option<Uuid>, address: ClientAddress) -> Result<Option<RateState>, Problem> {
        let http = &self.app.config.http;
        if let Some(subject) = subject {
            return check(&self.principals, key_of(subject.as_bytes()), http.rate_per_minute).map(Some);
        }
        // Without a socket (a test) there is nobody to count.
        let Some(address) = address.0 else { return Ok(None) };
        let key = key_of(address.to_string().as_bytes());
        check(&self.addresses, key, http.anonymous_rate_per_minute).map(Some)
    }

    /// Whom the token is for, if there is one: what its signature and its time say.
    fn subject(&self, request: &Request, audience: Audience) -> Result<Option<Uuid>, Code> {
        let audience = match audience {
            Audience::Resident => sessions::Audience::Resident,
            Audience::Staff => sessions::Audience::Staff,
        };
        let token = auth::bearer(request)?;
        token.map(|token| sessions::signed_subject(&self.app, token, audience)).transpose()
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
        let subject = limits.subject(&request, audience);
        let rate = limits.rate(subject.ok().flatten(), address)?;
        match operation {
            Some(operation) => refuse_misaddressed(operation, &request, subject)?,
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
        // A body of another type is the handler's to refuse.
        let is_json = request.content_type().is_some_and(|kind| kind.contains("json"));
        let schema = operation.and_then(|operation| operation.body.as_ref()).filter(|_| is_json);
        let body = read_body(&mut request, largest, timeout, schema).await?;
        let answer = tokio::time::timeout(timeout, self.inner.call(request))
            .await
            .map_err(|_| Problem::from(Refusal::new(Code::Timeout).retry_after(2)))?;
        let answer = answer.map_err(|error| match (schema, body) {
            (Some(schema), Some(body)) if error.is::<ParseRequestPayloadError>() => {
                schema.faults(&body).map_or(error, |refusal| Problem::from(refusal).into())
            }
            _ => error,
        });
        let mut response = answer?.into_response();
        for (name, value) in rate.iter().flat_map(RateState::headers) {
            response.headers_mut().extend(HeaderValue::from_str(&value).ok().map(|value| (name, value)));
        }
        Ok(response)
    }
}

/// Refuses what no handler would see: a token that is bad, parameters that mean nothing here.
fn refuse_misaddressed(
    operation: &Operation,
    request: &Request,
    subject: Result<Option<Uuid>, Code>,
) -> Result<(), Problem> {
    if let (Err(code), false) = (subject, operation.signs_in) {
        // Also where no token is needed: who thinks to be signed in must learn otherwise.
        return Err(code.into());
    }
    Ok(parameters::check(&operation.parameters, request.uri().query().unwrap_or_default())?)
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
        RemoteAddr(poem::Addr::SocketAddr(address)) => Some(network(address.ip())),
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
    // Some proxies write the port too.
    let parsed = ours
        .and_then(|text| text.parse::<IpAddr>().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip())));
    ClientAddress(parsed.map(network).or_else(peer))
}

/// What stands for one client: an IPv4 address, however it is written, or the /64 of an IPv6 one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

/// Reads the whole body within size and time, so that no handler waits on a slow client.
///
/// A body with a schema is looked at, and handed out to be looked at again.
async fn read_body(
    request: &mut Request,
    largest: usize,
    timeout: Duration,
    schema: Option<&BodySchema>,
) -> Result<Option<Vec<u8>>, Problem> {
    if !matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE) {
        return Ok(None);
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
    let seen = schema.map(|schema| schema.refuse_ambiguous(&bytes).map(|()| bytes.to_vec())).transpose()?;
    request.set_body(Body::from_bytes(bytes));
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_is_an_address_or_a_network() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("203.0.113.7"), "203.0.113.7");
        assert_eq!(network("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::9"));
        assert_ne!(network("2001:db8:1:2::9"), network("2001:db8:1:3::9"));
    }

    #[test]
    fn the_address_is_read_where_our_proxy_wrote_it() {
        let of = |forwarded: &str| {
            let request = Request::builder().header("x-forwarded-for", forwarded).finish();
            client_address(&request, 1).0.map(|address| address.to_string())
        };
        assert_eq!(of("198.51.100.1, 203.0.113.7").as_deref(), Some("203.0.113.7"));
        assert_eq!(of("203.0.113.7:51000").as_deref(), Some("203.0.113.7"));
        assert_eq!(of("[2001:db8::1]:443").as_deref(), Some("2001:db8::"));
        assert_eq!(of("unknown"), None);
    }
}
