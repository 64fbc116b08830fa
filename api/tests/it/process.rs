//! The real binary in a process of its own, to be killed as power cuts and operators do.

#![allow(dead_code, reason = "instruments wait here for the tests that need them")]

use std::{
    fs::File,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::rig::{MASTER_KEYS, SIGNING_KEY, shared_redis};

/// A `linli` command on this database, with the configuration of tests.
pub(crate) fn linli(arguments: &[&str], database_url: &str, data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linli"));
    command
        .args(arguments)
        .env("LINLI_ENVIRONMENT", "test")
        .env("LINLI_DATABASE_URL", database_url)
        .env("LINLI_REDIS_URL", shared_redis())
        .env("LINLI_AUTH_SIGNING_KEY", SIGNING_KEY)
        .env("LINLI_VAULT_MASTER_KEYS", MASTER_KEYS)
        .env("LINLI_DATA_DIR", data)
        .stdin(Stdio::null());
    command
}

/// `linli serve`, answering. It is killed with the value.
pub(crate) struct ServerProcess {
    /// `http://127.0.0.1:port`
    pub(crate) base: String,
    /// The same of the internal port.
    pub(crate) internal: String,
    /// For raw sockets.
    pub(crate) address: SocketAddr,
    child: Child,
    log: PathBuf,
    data: TempDir,
}

impl ServerProcess {
    /// Starts it with further variables and waits until it is ready.
    pub(crate) fn start(database_url: &str, variables: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let log = data.path().join("stderr.log");
        let (address, internal) = (free_address(), free_address());
        let child = linli(&["serve"], database_url, data.path())
            .env("LINLI_LISTEN", address.to_string())
            .env("LINLI_INTERNAL_LISTEN", internal.to_string())
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut server = Self {
            base: format!("http://{address}"),
            internal: format!("http://{internal}"),
            address,
            child,
            log,
            data,
        };
        server.wait_until_ready();
        server
    }

    /// Everything it wrote to its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Where it keeps its files, the log among them.
    pub(crate) fn folder(&self) -> &Path {
        self.data.path()
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM: the operator asks it to go.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        let until = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the server did not end within {limit:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_until_ready(&mut self) {
        let until = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended at once with {status}:\n{}", self.log());
            }
            assert!(Instant::now() < until, "the server was not ready in time:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
