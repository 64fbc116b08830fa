//! What lies outside this process: every client has timeouts, and what it reaches may be away.

pub mod blobs;
pub mod meili;
pub mod walking;

use std::time::Duration;

/// The one outbound client, with bounds; clone it, it shares its pool.
#[expect(clippy::disallowed_methods, reason = "the one place that makes a client")]
pub fn http(timeout: Duration) -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(2)))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("linli/", env!("CARGO_PKG_VERSION")))
        .build()
        .unwrap_or_else(|_| reqwest::Client::new())
}
