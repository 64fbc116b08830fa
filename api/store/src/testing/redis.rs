//! A Redis that belongs to one test, to be killed, frozen, emptied and started again.

#![allow(dead_code, reason = "one of the two crates that compile this may not need all of it")]

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A private redis-server on loopback. It dies with the value.
pub(crate) struct PrivateRedis {
    port: u16,
    folder: TempDir,
    extra: Vec<String>,
    child: Child,
}

impl PrivateRedis {
    /// Starts one, empty and never evicting.
    pub(crate) fn spawn() -> Self {
        Self::spawn_with(Vec::new)
    }

    /// Starts one that follows `primary`, and waits until it has what that one has.
    pub(crate) fn replica_of(primary: &Self) -> Self {
        // Else it waits five seconds whether others want to follow too.
        assert_eq!(primary.ask("CONFIG SET repl-diskless-sync-delay 0").as_deref(), Some("+OK"));
        let port = primary.port.to_string();
        let replica = Self::spawn_with(|| ["--replicaof", "127.0.0.1", &port].map(str::to_owned).to_vec());
        let until = Instant::now() + Duration::from_secs(20);
        // A write is acknowledged by a replica only once it follows.
        while primary.ask("SET follows yes").is_none() || primary.ask("WAIT 1 100").as_deref() != Some(":1") {
            assert!(Instant::now() < until, "the replica does not follow");
        }
        replica
    }

    fn spawn_with(extra: impl Fn() -> Vec<String>) -> Self {
        for _ in 0..5 {
            // Another process may take the port between our look and the server's start.
            let (port, folder, extra) = (free_port(), tempfile::tempdir().unwrap(), extra());
            let mut redis = Self { port, child: start(port, &folder, &extra), folder, extra };
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

    /// Writes what it holds to disk: a restart begins from there.
    pub(crate) fn snapshot(&self) {
        assert_eq!(self.ask("SAVE").as_deref(), Some("+OK"));
    }

    /// Starts it again on the same port after [`Self::kill`], empty or with its snapshot.
    pub(crate) fn restart(&mut self) {
        self.child = start(self.port, &self.folder, &self.extra);
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

/// Three masters of a Redis Cluster that share the slots. They die with the value.
pub(crate) struct PrivateCluster(Vec<PrivateRedis>);

impl PrivateCluster {
    /// Starts them and waits until each knows that every slot is served.
    pub(crate) fn spawn() -> Self {
        let extra = || {
            let bus = free_port().to_string();
            ["--cluster-enabled", "yes", "--cluster-port", &bus].map(str::to_owned).to_vec()
        };
        let nodes: Vec<_> = (0..3).map(|_| PrivateRedis::spawn_with(extra)).collect();
        for (node, slots) in nodes.iter().zip(["0 5460", "5461 10922", "10923 16383"]) {
            let ok = node.ask(&format!("CLUSTER ADDSLOTSRANGE {slots}"));
            assert_eq!(ok.as_deref(), Some("+OK"));
            for other in &nodes {
                let (port, bus) = (other.port, &other.extra[3]);
                let ok = node.ask(&format!("CLUSTER MEET 127.0.0.1 {port} {bus}"));
                assert_eq!(ok.as_deref(), Some("+OK"));
            }
        }
        let until = Instant::now() + Duration::from_secs(20);
        let serves = |node: &PrivateRedis| {
            node.ask("GET any").is_some_and(|answer| answer == "$-1" || answer.starts_with("-MOVED"))
        };
        while !nodes.iter().all(serves) {
            assert!(Instant::now() < until, "the nodes did not become a cluster");
            thread::sleep(Duration::from_millis(50));
        }
        Self(nodes)
    }

    /// Where its nodes listen.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.0.iter().map(PrivateRedis::url).collect()
    }

    /// Addresses of its nodes where a connection is first served after `delay`.
    pub(crate) fn slow_urls(&self, delay: Duration) -> Vec<String> {
        self.0.iter().map(|node| Switch::slowly_to(node, delay).url()).collect()
    }

    /// How many keys each node holds.
    pub(crate) fn keys(&self) -> Vec<u32> {
        let count = |node: &PrivateRedis| node.ask("DBSIZE")?.strip_prefix(':')?.parse().ok();
        self.0.iter().map(|node| count(node).unwrap()).collect()
    }
}

/// An address that leads to one Redis and later to another, as after a failover.
pub(crate) struct Switch {
    port: u16,
    target: Arc<AtomicU16>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Switch {
    /// An address for `redis`.
    pub(crate) fn leading_to(redis: &PrivateRedis) -> Self {
        Self::slowly_to(redis, Duration::ZERO)
    }

    fn slowly_to(redis: &PrivateRedis, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (target, open) = (Arc::new(AtomicU16::new(redis.port)), Arc::<Mutex<Vec<_>>>::default());
        let (leads_to, opened) = (Arc::clone(&target), Arc::clone(&open));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::sleep(delay);
                // Who is refused there is cut off here.
                let Ok(server) = TcpStream::connect(("127.0.0.1", leads_to.load(Ordering::SeqCst))) else {
                    continue;
                };
                opened.lock().unwrap().extend([&client, &server].map(|stream| stream.try_clone().unwrap()));
                both_ways(client, server);
            }
        });
        Self { port, target, open }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Leads to `redis` from now on; what was connected is cut off.
    pub(crate) fn lead_to(&self, redis: &PrivateRedis) {
        self.target.store(redis.port, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            // It may be gone already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Passes on what either says, until one of them ends.
fn both_ways(client: TcpStream, server: TcpStream) {
    let pair = [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))];
    for (from, to) in pair {
        let (mut from, mut to) = (from.unwrap(), to.unwrap());
        to.set_nodelay(true).unwrap();
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(port: u16, folder: &TempDir, extra: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--maxmemory-policy", "noeviction", "--dir"])
        .arg(folder.path())
        .args(extra)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is on PATH: `make test` installs it")
}
