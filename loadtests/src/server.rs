//! A server under test: started here, or already running elsewhere on this machine.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::{Failure, wrk::Target};

/// What `linli demo --json` says.
#[derive(Deserialize)]
struct Announced {
    base_url: String,
    resident_token: String,
    here: String,
}

/// A `linli demo` of our own; stopped when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) base: String,
    pub(crate) token: String,
    /// Where the made town is, as the query parameters say it.
    pub(crate) here: String,
    /// From the start of the process until it said it was ready.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts the demo in `folder` and waits until it takes traffic.
    pub(crate) fn start(linli: &Path, folder: &Path, size: usize) -> Result<Self, Failure> {
        Self::start_with(linli, folder, size, &[])
    }

    /// The same with further configuration.
    pub(crate) fn start_with(
        linli: &Path,
        folder: &Path,
        size: usize,
        variables: &[(&str, String)],
    ) -> Result<Self, Failure> {
        let started = Instant::now();
        let mut child = Command::new(linli)
            .args([
                "demo",
                "--json",
                "--listen",
                "127.0.0.1:0",
                "--seed",
                "1",
                "--size",
                &size.to_string(),
                "--data",
            ])
            .arg(folder)
            // One client makes all requests.
            .env("LINLI_HTTP_RATE_PER_MINUTE", "2000000000")
            .env("LINLI_HTTP_ANONYMOUS_RATE_PER_MINUTE", "2000000000")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let said = child.stdout.take().map(BufReader::new).ok_or("no standard output")?.read_line(&mut line);
        let announced: Announced =
            match said.map_err(Failure::from).and_then(|_| Ok(serde_json::from_str(&line)?)) {
                Ok(announced) => announced,
                Err(error) => {
                    child.kill()?;
                    child.wait()?;
                    return Err(error);
                }
            };
        let mut server = Self {
            child,
            base: announced.base_url,
            token: announced.resident_token,
            here: announced.here,
            ready_after: Duration::ZERO,
        };
        server.wait_until_ready()?;
        server.ready_after = started.elapsed();
        Ok(server)
    }

    fn wait_until_ready(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_mins(5);
        while Instant::now() < deadline {
            let status = Command::new("curl")
                .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &format!("{}/readyz", self.base)])
                .output()?;
            if status.stdout == b"200" {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err("the server did not become ready".into())
    }

    /// One answer, for a look at what is being measured.
    pub(crate) fn get(&self, path: &str) -> Result<serde_json::Value, Failure> {
        let authorization = format!("Authorization: Bearer {}", self.token);
        let url = format!("{}{path}", self.base);
        let output =
            Command::new("curl").args(["-s", "--fail-with-body", "-H", &authorization, &url]).output()?;
        let answer = serde_json::from_slice(&output.stdout)?;
        if output.status.success() { Ok(answer) } else { Err(format!("{path}: {answer}").into()) }
    }

    /// Whom wrk asks.
    pub(crate) fn target(&self) -> Target<'_> {
        Target { base: &self.base, token: &self.token, pid: self.child.id() }
    }

    /// Resident memory now, in mebibytes.
    pub(crate) fn rss_mib(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
        let kib: u64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
        Ok(kib / 1_024)
    }

    /// Asks it to stop in order, so that it keeps what it keeps.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Without effect on one that stopped in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time a process has used so far, in microseconds.
pub(crate) fn cpu_us_of(pid: u32) -> Result<u64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold blanks; what follows its bracket does not.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| -> Result<u64, Failure> { Ok(fields.get(at).ok_or("no such field")?.parse()?) };
    // Linux counts in hundredths of a second.
    Ok((ticks(11)? + ticks(12)?) * 10_000)
}
