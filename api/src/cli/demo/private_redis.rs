//! A redis-server of the demo's own: loopback, no persistence, gone with the demo.

use std::{net::TcpListener, path::Path, process::Stdio, time::Duration};

use tokio::process::{Child, Command};

/// A running private redis-server.
pub(super) struct PrivateRedis {
    child: Child,
    port: u16,
}

impl PrivateRedis {
    /// Starts one; `None` when redis-server is not on PATH or does not come up.
    pub(super) async fn start(folder: &Path) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--maxmemory-policy", "noeviction", "--daemonize", "no", "--dir"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let redis = Self { child, port };
        for _ in 0..50 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(redis);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        None
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it.
    pub(super) async fn stop(mut self) {
        // It holds nothing that matters.
        let _ = self.child.kill().await;
    }
}
