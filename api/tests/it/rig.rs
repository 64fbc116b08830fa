//! The rig: a server in this process on a fresh database, a clock that stands until it is moved,
//! and an HTTP client.
//!
//! `both!(name, async |rig| { … })` runs a test on SQLite and on PostgreSQL. A second argument
//! before the body changes the configuration: `both!(name, |config| config.http.docs = false, …)`; with
//! `both!(name, idle, …)` the server does no background work.

#![allow(dead_code, reason = "instruments wait here for the tests that need them")]

use std::{net::SocketAddr, ops::Deref, sync::Arc};

use chrono::{DateTime, Utc};
use linli::{
    App, Config,
    app::{residents::profile, staff::bootstrap},
    config::{Environment, GateKind, LogFormat},
    serve::{self, Running},
};
use linli_domain::{access::Role, ids::OrganisationId, person::Phone};
use linli_store::{Env, env::TestClock, outbox};
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use sea_orm::EntityTrait;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::database::Fresh;

/// Signs the tokens of every test server, so that a token of one is good at another.
pub(crate) const SIGNING_KEY: &str = "a key that signs the tokens of tests and nothing else";

/// Wraps the keys of personal data in tests: `1:` and 32 bytes.
pub(crate) const MASTER_KEYS: &str = "1:dGVzdHMgc2VhbCB3aXRoIHRoaXMsIG5vdGhpbmcgZWw=";

/// Runs a test on SQLite and on PostgreSQL, each time on a fresh database.
macro_rules! both {
    ($name:ident, idle, $body:expr) => {
        both!(@ $name, |fresh| crate::rig::Rig::idle(fresh), $body);
    };
    ($name:ident, $body:expr) => {
        both!($name, |_| {}, $body);
    };
    ($name:ident, $configure:expr, $body:expr) => {
        both!(@ $name, |fresh| crate::rig::Rig::start(fresh, $configure), $body);
    };
    (@ $name:ident, $start:expr, $body:expr) => {
        mod $name {
            #![allow(unused_imports, reason = "a test may need nothing from around it")]
            use super::*;

            async fn run(fresh: crate::database::Fresh) {
                let rig = ($start)(fresh).await;
                crate::rig::call(&rig, $body).await;
                rig.finish().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run(crate::database::Fresh::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                run(crate::database::Fresh::postgres().await).await;
            }
        }
    };
}
pub(crate) use both;

/// Tells the compiler what kind of closure a test is.
pub(crate) async fn call<'a, F: AsyncFn(&'a Rig)>(rig: &'a Rig, test: F) {
    test(rig).await;
}

/// Where the clock of a test stands at first: Monday, 2 March 2026, 10:00 in Shanghai, a working day.
pub(crate) fn monday_morning() -> DateTime<Utc> {
    "2026-03-02T10:00:00+08:00".parse().unwrap()
}

/// A server of this process.
pub(crate) struct Server {
    /// The application itself, to arrange and to inspect.
    pub(crate) app: App,
    /// `http://127.0.0.1:port`
    pub(crate) base: String,
    /// The same of the internal port.
    pub(crate) internal: String,
    /// For raw sockets.
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
    running: Running,
    _data: TempDir,
}

/// A server, its database and its clock.
pub(crate) struct Rig {
    server: Server,
    /// Moves time.
    pub(crate) clock: Arc<TestClock>,
    fresh: Fresh,
}

impl Deref for Rig {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Rig {
    /// On SQLite, for what does not depend on the database.
    pub(crate) async fn sqlite() -> Self {
        Self::start(Fresh::sqlite().await, |_| {}).await
    }

    /// On PostgreSQL.
    pub(crate) async fn postgres() -> Self {
        Self::start(Fresh::postgres().await, |_| {}).await
    }

    /// On this database, with the configuration changed.
    pub(crate) async fn start(fresh: Fresh, configure: impl FnOnce(&mut Config)) -> Self {
        let clock = TestClock::at(monday_morning());
        let server = Server::start(&fresh.url, &clock, true, configure).await;
        Self { server, clock, fresh }
    }

    /// On this database, without jobs: no sweeper, and nobody who tells the gate what it missed.
    pub(crate) async fn idle(fresh: Fresh) -> Self {
        let clock = TestClock::at(monday_morning());
        let server = Server::start(&fresh.url, &clock, false, |_| {}).await;
        Self { server, clock, fresh }
    }

    /// A second `serve` on the same database, with the same clock.
    pub(crate) async fn another(&self, configure: impl FnOnce(&mut Config)) -> Server {
        Server::start(&self.fresh.url, &self.clock, true, configure).await
    }

    /// The same without jobs.
    pub(crate) async fn another_idle(&self, configure: impl FnOnce(&mut Config)) -> Server {
        Server::start(&self.fresh.url, &self.clock, false, configure).await
    }

    /// Where the database is, for a second process.
    pub(crate) fn database_url(&self) -> &str {
        &self.fresh.url
    }

    /// Whether this is PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        self.fresh.url.starts_with("postgres")
    }

    /// Ends everything and removes the database.
    pub(crate) async fn finish(self) {
        self.server.running.stop().await;
        self.fresh.remove().await;
    }

    /// Ends everything and keeps the database, for a second start.
    pub(crate) async fn halt(self) -> Fresh {
        self.server.running.stop().await;
        self.fresh
    }
}

impl Server {
    async fn start(
        url: &str,
        clock: &Arc<TestClock>,
        with_jobs: bool,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = test_config(url);
        data.path().clone_into(&mut config.data_dir);
        configure(&mut config);
        let env = Env::with_clock(Arc::<TestClock>::clone(clock));
        let app = App::build(config, env).await.unwrap();
        let running = serve::start(app.clone(), with_jobs).await.unwrap();
        Self {
            base: format!("http://{}", running.address),
            internal: format!("http://{}", running.internal),
            address: running.address,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            app,
            running,
            _data: data,
        }
    }

    /// Stops a server made by [`Rig::another`].
    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }

    /// A request to `path`, without a token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// A GET without a token.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// A POST of `body` without a token.
    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    /// A fresh resident's access token.
    pub(crate) async fn resident_token(&self) -> String {
        let number = u64::from_be_bytes(self.app.env.random()) % 1_000_000_000;
        self.resident_with(&format!("13{number:09}")).await
    }

    /// The access token of the resident with this telephone number, made if missing.
    pub(crate) async fn resident_with(&self, phone: &str) -> String {
        profile::token(&self.app, &Phone::parse(phone).unwrap(), 3_600).await.unwrap()
    }

    /// The access token of a fresh staff account that holds `role` at `place`, or at the city.
    pub(crate) async fn staff_token(&self, role: Role, place: Option<OrganisationId>) -> String {
        self.staff_with(&[(role, place)]).await
    }

    /// The access token of a fresh staff account that holds each role at its place.
    pub(crate) async fn staff_with(&self, roles: &[(Role, Option<OrganisationId>)]) -> String {
        bootstrap::ensure_city(&self.app, "测试市").await.unwrap();
        let username = format!("u{}", self.app.env.id::<Uuid>().simple())[..32].to_owned();
        for (role, place) in roles {
            bootstrap::ensure_account(&self.app, &username, *role, *place).await.unwrap();
        }
        bootstrap::token(&self.app, &username, 3_600).await.unwrap()
    }

    /// The text of `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        let response = self.client.get(format!("{}/metrics", self.internal)).send().await.unwrap();
        response.text().await.unwrap()
    }

    /// Waits until every durable consumer of the outbox has seen everything in it.
    pub(crate) async fn drained(&self) {
        for _ in 0..200 {
            let mut behind = Vec::new();
            for row in outbox::cursor::Entity::find().all(self.app.db.read()).await.unwrap() {
                let cursor = outbox::Cursor { xid: row.xid, seq: row.seq };
                if !outbox::read_after(self.app.db.read(), cursor, 1).await.unwrap().is_empty() {
                    behind.push(row.consumer);
                }
            }
            if behind.is_empty() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("consumers of the outbox are behind after 10 s");
    }
}

/// What every test server has in common.
pub(crate) fn test_config(url: &str) -> Config {
    let mut config = Config::load_with(None, |_| None).unwrap();
    config.environment = Environment::Test;
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.internal_listen = config.listen;
    url.clone_into(&mut config.database.url);
    config.gate = GateKind::Redis;
    config.redis.url = shared_redis();
    SIGNING_KEY.clone_into(&mut config.auth.signing_key);
    MASTER_KEYS.clone_into(&mut config.vault.master_keys);
    // A hash that costs little: tests sign in often.
    (config.passwords.memory_kib, config.passwords.passes) = (64, 1);
    config.http.docs = true;
    // One client makes all requests of a test.
    config.http.rate_per_minute = 1_000_000;
    config.http.anonymous_rate_per_minute = 1_000_000;
    config.http.drain_ms = 0;
    config.log.format = LogFormat::Text;
    config
}

/// A build without optimisation on a busy machine is slow, which is not what a rush is about.
pub(crate) fn patient(config: &mut Config) {
    config.inventory.patience_ms = 60_000;
    config.database.acquire_timeout_ms = 60_000;
    config.http.request_timeout_ms = 60_000;
}

/// The Redis of all tests. Keys are made of fresh ids, so tests do not meet in it; one that empties
/// or kills its Redis takes a [`crate::private_redis::PrivateRedis`].
pub(crate) fn shared_redis() -> String {
    std::env::var("LINLI_TEST_REDIS")
        .expect("LINLI_TEST_REDIS names no Redis: run the tests with `.ci/with-services cargo nextest run …`")
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body, or `null` when it is not JSON.
    pub(crate) json: Value,
    pub(crate) text: String,
}

/// Sends and reads.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer { status, headers, json: serde_json::from_str(&text).unwrap_or(Value::Null), text }
}

impl Answer {
    /// A header as text, empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts success and hands out the body.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text);
        self.json
    }

    /// Asserts that this is the problem `code`, whole and well formed.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.json["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["type"], format!("urn:linli:problem:{code}"));
        assert!(self.json["title"].as_str().is_some_and(|title| !title.is_empty()), "{}", self.text);
        let id = self.json["request_id"].as_str().unwrap_or_default();
        assert!(!id.is_empty() && id == self.header("x-request-id"), "{}", self.text);
        if status == 503 || status == 429 {
            assert!(!self.header("retry-after").is_empty(), "{code} names no Retry-After");
        }
    }
}
