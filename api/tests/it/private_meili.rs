//! A Meilisearch that belongs to one test, where there is one on this machine.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The key of every one of them.
pub(crate) const KEY: &str = "a key of tests and nothing else";

/// A private server on loopback. It dies with the value.
pub(crate) struct PrivateMeili {
    port: u16,
    folder: TempDir,
    child: Child,
}

impl PrivateMeili {
    /// Starts one, empty; `None`, said plainly, where there is no `meilisearch` on PATH.
    pub(crate) fn spawn() -> Option<Self> {
        if Command::new("meilisearch").arg("--version").stdout(Stdio::null()).status().is_err() {
            eprintln!("SKIPPED: there is no meilisearch on PATH, so nothing is proved here about a real one");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let meili = Self { port, child: start(port, &folder), folder };
        meili.becomes_ready();
        Some(meili)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port, with what it had or, as a replacement, with nothing.
    pub(crate) fn restart(&mut self, empty: bool) {
        if empty {
            self.folder = tempfile::tempdir().unwrap();
        }
        self.child = start(self.port, &self.folder);
        self.becomes_ready();
    }

    /// Freezes it: connections stay open and nothing answers.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Ends the freeze.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Cancels every task that is queued or under way; says how many.
    pub(crate) async fn cancel_tasks(&self) -> u64 {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/tasks/cancel?statuses=enqueued,processing", self.url());
        let asked = client.post(url).bearer_auth(KEY).send().await.unwrap();
        let asked: serde_json::Value = asked.json().await.unwrap();
        let url = format!("{}/tasks/{}", self.url(), asked["taskUid"]);
        for _ in 0..200 {
            let task = client.get(&url).bearer_auth(KEY).send().await.unwrap();
            let task: serde_json::Value = task.json().await.unwrap();
            if task["status"] == "succeeded" {
                return task["details"]["canceledTasks"].as_u64().unwrap_or(0);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        0
    }

    fn signal(&self, signal: &str) {
        Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
    }

    fn becomes_ready(&self) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "meilisearch did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for PrivateMeili {
    fn drop(&mut self) {
        // Without effect on one that a test has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(port: u16, folder: &TempDir) -> Child {
    Command::new("meilisearch")
        .args([
            "--no-analytics",
            "--master-key",
            KEY,
            "--http-addr",
            &format!("127.0.0.1:{port}"),
            "--db-path",
        ])
        .arg(folder.path().join("db"))
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
