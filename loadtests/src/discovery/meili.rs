//! Search through Meilisearch, against the same Meilisearch asked the same directly.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{Args, points, recorder::Recorder};
use crate::{
    Failure,
    server::{Server, cpu_us_of},
    wrk::{self, Target},
};

const KEY: &str = "a key of load tests and of nothing else";
const SEARCH_TO_DIRECT: f64 = 0.8;

/// What is asked for: how it is called, and the query.
const QUESTIONS: [(&str, &str); 2] = [
    ("食堂 within 3 km", "search?limit=20&q=%E9%A3%9F%E5%A0%82&radius_m=3000"),
    ("食堂, whole city", "search?limit=20&q=%E9%A3%9F%E5%A0%82"),
];

/// Runs it; `true` when the bound holds.
pub(crate) fn run(args: &Args) -> Result<bool, Failure> {
    let folder = args.folder.join(format!("meili-{}", args.size));
    fs::create_dir_all(&folder)?;
    let data = args.folder.join(format!("city-{}", args.size));
    // A node is known by its address: its index is kept from run to run.
    let kept = folder.join("port");
    let port = match fs::read_to_string(&kept) {
        Ok(port) => port.trim().parse()?,
        Err(_) => free_port()?,
    };
    fs::write(&kept, port.to_string())?;
    let asked = questions(args, &folder, &data, port)?;

    let meili = Meili::start(&folder, port)?;
    let server = start(args, &data, port)?;
    let base = format!("http://127.0.0.1:{port}");
    let direct = Target { base: &base, token: KEY, pid: meili.0.id() };
    let mut holds = true;
    for (name, paths, bodies) in &asked {
        let before = meili.cpu_us()?;
        let through = wrk::run(&server, &args.folder, paths, args.seconds)?;
        let spent = meili.cpu_us()? - before;
        let alone =
            wrk::run_script(direct, &args.folder, &wrk::posts("/multi-search", bodies), args.seconds)?;
        let again = wrk::run(&server, &args.folder, paths, args.seconds)?;
        let ratio = f64::midpoint(through.per_second, again.per_second) / alone.per_second;
        let met = ratio >= SEARCH_TO_DIRECT && through.failed + alone.failed + again.failed == 0;
        println!(
            "{name:<24} through Linli {:>6.0} /s and {:>6.0} /s, {:.0} µs CPU of its own ({} ms of Meilisearch)",
            through.per_second,
            again.per_second,
            through.cpu_us_per_request,
            spent / 1_000,
        );
        println!(
            "{name:<24} directly      {:>6.0} /s, {:.0} µs CPU",
            alone.per_second, alone.cpu_us_per_request
        );
        println!("{name:<24} to direct     {ratio:<10.2} {}", if met { "ok" } else { "MISSED" });
        holds &= met;
        // The embedded index would have been quick: it must not have been it who answered.
        if is_degraded(&server, &paths[0])? || spent < 1_000 {
            return Err("Meilisearch did not answer all the while".into());
        }
    }
    server.stop()?;
    Ok(holds)
}

type Asked = (&'static str, Vec<String>, Vec<String>);

/// What Linli asks Meilisearch for each of our questions, seen between the two.
fn questions(args: &Args, folder: &Path, data: &Path, port: u16) -> Result<Vec<Asked>, Failure> {
    let onward = free_port()?;
    let _meili = Meili::start(folder, onward)?;
    let recorder = Recorder::listen(port, onward)?;
    let server = start(args, data, port)?;
    let near = points(&server.here)?;
    recorder.record();
    let mut asked = Vec::new();
    for (name, query) in QUESTIONS {
        let paths: Vec<_> = near.iter().map(|at| format!("/v1/facilities/{query}&{at}")).collect();
        for path in &paths {
            if is_degraded(&server, path)? {
                return Err(format!("{path} was not answered by Meilisearch").into());
            }
        }
        let bodies = recorder.searched();
        println!("{name}: {} places, {} searches of Meilisearch", paths.len(), bodies.len());
        asked.push((name, paths, bodies));
    }
    server.stop()?;
    recorder.end(port);
    Ok(asked)
}

/// A server whose index on the node is whole.
fn start(args: &Args, data: &Path, port: u16) -> Result<Server, Failure> {
    let variables = [
        ("LINLI_MEILI_URL", format!("http://127.0.0.1:{port}")),
        ("LINLI_MEILI_KEY", KEY.to_owned()),
        // It is measured how many, not whether within the usual patience on a small machine.
        ("LINLI_MEILI_TIMEOUT_MS", "3000".to_owned()),
    ];
    let server = Server::start_with(&args.linli, data, args.size, &variables)?;
    let path = format!("/v1/facilities/{}&{}", QUESTIONS[0].1, server.here);
    let deadline = Instant::now() + Duration::from_mins(15);
    while is_degraded(&server, &path)? {
        if Instant::now() > deadline {
            return Err("the index on Meilisearch was not made in time".into());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    // What is done once after a start is not what is measured.
    loop {
        let before = cpu_us_of(server.target().pid)?;
        std::thread::sleep(Duration::from_secs(1));
        if cpu_us_of(server.target().pid)? - before < 50_000 {
            return Ok(server);
        }
        if Instant::now() > deadline {
            return Err("the server did not come to rest".into());
        }
    }
}

fn is_degraded(server: &Server, path: &str) -> Result<bool, Failure> {
    Ok(server.get(path)?.get("degraded").is_some())
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A Meilisearch of our own on loopback; ends with the run.
struct Meili(Child);

impl Meili {
    fn start(folder: &Path, port: u16) -> Result<Self, Failure> {
        let db: PathBuf = folder.join("db");
        let child = Command::new("meilisearch")
            .args([
                "--no-analytics",
                "--master-key",
                KEY,
                "--http-addr",
                &format!("127.0.0.1:{port}"),
                "--db-path",
            ])
            .arg(fs::canonicalize(folder)?.join(db.file_name().unwrap_or_default()))
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("meilisearch cannot be started ({error}); install it"))?;
        let meili = Self(child);
        let deadline = Instant::now() + Duration::from_mins(1);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > deadline {
                return Err("meilisearch did not start".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(meili)
    }

    fn cpu_us(&self) -> Result<u64, Failure> {
        cpu_us_of(self.0.id())
    }
}

impl Drop for Meili {
    fn drop(&mut self) {
        // In order, so that its database is whole for the next run.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}
