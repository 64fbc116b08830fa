//! A Redis that belongs to one test, to be killed, frozen, emptied and started again.

#![allow(dead_code, reason = "one of the two crates that compile this may not need all of it")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A private redis-server on loopback. It dies with the value.
pub(crate) struct PrivateRedis {
    port: u16,
    folder: TempDir,
    child: Child,
}

impl PrivateRedis {
    /// Starts one, empty and never evicting.
    pub(crate) fn spawn() -> Self {
        for _ in 0..5 {
            // Another process may take the port between our look and the server's start.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let folder = tempfile::tempdir().unwrap();
            let mut redis = Self { port, child: start(port, &folder), folder };
            if redis.becomes_ready() {
                return redis;
            }
        }
        panic!("redis-server did not start on five ports");
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Ends it as a crash does. Connections are refused afterwards.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port, empty, after [`Self::kill`].
    pub(crate) fn restart(&mut self) {
        self.child = start(self.port, &self.folder);
        assert!(self.becomes_ready(), "redis-server did not start again");
    }

    /// Freezes it: connections stay open and nothing answers.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Ends the freeze.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Loses everything, as `FLUSHALL` in the wrong window does.
    pub(crate) fn flush(&self) {
        assert_eq!(self.ask("FLUSHALL").as_deref(), Some("+OK"));
    }

    /// Sends one inline command and returns the first line of the answer.
    pub(crate) fn ask(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        stream.write_all(format!("{command}\r\n").as_bytes()).ok()?;
        let mut answer = [0; 512];
        let length = stream.read(&mut answer).ok()?;
        String::from_utf8_lossy(&answer[..length]).lines().next().map(str::to_owned)
    }

    fn becomes_ready(&mut self) -> bool {
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            if self.ask("PING").as_deref() == Some("+PONG") {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "kill {signal}");
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        // Killing works on a frozen process too. It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(port: u16, folder: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--maxmemory-policy", "noeviction", "--dir"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is on PATH: `make test` installs it")
}
