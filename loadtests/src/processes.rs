//! The processes of a run: `linli serve`, a Redis of its own, a database of its own. All of them
//! listen on loopback, and all of them end with the run.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use linli_loadtests::client::Failure;

/// Signs the tokens of a run and nothing else.
const SIGNING_KEY: &str = "a key that signs the tokens of load tests and nothing else";
const MASTER_KEYS: &str = "1:dGVzdHMgc2VhbCB3aXRoIHRoaXMsIG5vdGhpbmcgZWw=";
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Where a run keeps its files and finds its services.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) linli: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) database_url: String,
    pub(crate) redis_url: String,
    /// Further configuration.
    pub(crate) variables: Vec<(String, String)>,
}

impl Site {
    /// A `linli` command with the configuration of the run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.linli);
        command
            .args(arguments)
            .env("LINLI_ENVIRONMENT", "test")
            .env("LINLI_DATABASE_URL", &self.database_url)
            .env("LINLI_REDIS_URL", &self.redis_url)
            .env("LINLI_AUTH_SIGNING_KEY", SIGNING_KEY)
            .env("LINLI_VAULT_MASTER_KEYS", MASTER_KEYS)
            .env("LINLI_DATA_DIR", self.folder.join("data"))
            // One client makes all requests.
            .env("LINLI_HTTP_RATE_PER_MINUTE", "2000000000")
            .env("LINLI_HTTP_ANONYMOUS_RATE_PER_MINUTE", "2000000000")
            .env("LINLI_LOG_LEVEL", "warn")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end and returns what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, Failure> {
        let output = self.command(arguments).stderr(Stdio::piped()).output()?;
        if !output.status.success() {
            return Err(format!("linli {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// A schema, an administrator's token and so many residents' tokens.
    pub(crate) fn prepare(&self, residents: u32) -> Result<(String, Vec<String>), Failure> {
        fs::create_dir_all(&self.folder)?;
        self.run(&["migrate"])?;
        self.run(&["staff", "--user", "loadtests", "--role", "city_admin"])?;
        let staff = self.run(&["token", "staff", "--user", "loadtests"])?.trim().to_owned();
        let phones: Vec<_> = (0..residents).map(|id| format!("139{id:08}")).collect();
        let mut tokens = Vec::new();
        for some in phones.chunks(200) {
            let mut arguments = vec!["token", "resident"];
            arguments.extend(some.iter().flat_map(|phone| ["--phone", phone]));
            tokens.extend(self.run(&arguments)?.lines().map(str::to_owned));
        }
        if tokens.len() != phones.len() {
            return Err("not every resident got a token".into());
        }
        Ok((staff, tokens))
    }
}

/// `linli serve` on ports of its own, which it keeps when it is started again.
pub(crate) struct Serve {
    site: Site,
    pub(crate) address: SocketAddr,
    internal: SocketAddr,
    fail_points: String,
    log: PathBuf,
    child: Child,
    /// How often it was found dead.
    pub(crate) deaths: u32,
}

impl Serve {
    /// Starts it and waits until it takes connections.
    pub(crate) fn start(site: &Site, name: &str, fail_points: &str) -> Result<Self, Failure> {
        let (address, internal) = (free_address()?, free_address()?);
        let log = site.folder.join(format!("{name}.log"));
        let child = spawn(site, (address, internal), fail_points, &log)?;
        let (site, fail_points) = (site.clone(), fail_points.to_owned());
        let mut serve = Self { site, address, internal, fail_points, log, child, deaths: 0 };
        serve.wait_until_ready()?;
        Ok(serve)
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// One request, whose answer must be a success.
    pub(crate) fn post(&self, path: &str, token: &str, key: &str, body: &str) -> Result<String, Failure> {
        let output = Command::new("curl")
            .args([
                "-s",
                "--fail-with-body",
                "--noproxy",
                "*",
                "-H",
                &format!("Authorization: Bearer {token}"),
            ])
            .args(["-H", &format!("Idempotency-Key: {key}"), "-H", "Content-Type: application/json"])
            .args(["--data", body, &format!("{}{path}", self.base())])
            .output()?;
        let answer = String::from_utf8(output.stdout)?;
        if output.status.success() { Ok(answer) } else { Err(format!("{path}: {answer}").into()) }
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub(crate) fn kill(&mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again when it is dead. Without fail points it stays alive from then on.
    pub(crate) fn revive(&mut self, healed: bool) -> Result<(), Failure> {
        if self.child.try_wait()?.is_none() {
            return Ok(());
        }
        self.deaths += 1;
        let fail_points = if healed { "" } else { self.fail_points.as_str() };
        self.child = spawn(&self.site, (self.address, self.internal), fail_points, &self.log)?;
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> Result<(), Failure> {
        let until = Instant::now() + READY_WITHIN;
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                return Err(format!("the server ended at once with {status}:\n{log}").into());
            }
            if Instant::now() > until {
                return Err("the server was not ready in time".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(
    site: &Site,
    (address, internal): (SocketAddr, SocketAddr),
    fail_points: &str,
    log: &Path,
) -> Result<Child, Failure> {
    let log = File::options().create(true).append(true).open(log)?;
    let child = site
        .command(&["serve"])
        .env("LINLI_LISTEN", address.to_string())
        .env("LINLI_INTERNAL_LISTEN", internal.to_string())
        .env("LINLI_FAILPOINTS", fail_points)
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .map_err(|error| format!("{} cannot be started: {error}", site.linli.display()))?;
    Ok(child)
}

/// A redis-server that may be killed, frozen and emptied.
pub(crate) struct Redis {
    port: u16,
    folder: PathBuf,
    child: Child,
}

impl Redis {
    pub(crate) fn start(folder: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(folder)?;
        let port = free_address()?.port();
        let mut redis = Self { port, folder: folder.to_owned(), child: redis_server(port, folder)? };
        redis.wait()?;
        Ok(redis)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub(crate) fn kill(&mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again, empty, when it is dead; lets it go on when it is frozen.
    pub(crate) fn revive(&mut self) -> Result<(), Failure> {
        if self.child.try_wait()?.is_some() {
            self.child = redis_server(self.port, &self.folder)?;
        }
        signal(self.child.id(), "-CONT")?;
        self.wait()
    }

    pub(crate) fn freeze(&self) -> Result<(), Failure> {
        signal(self.child.id(), "-STOP")
    }

    pub(crate) fn flush(&self) -> Result<(), Failure> {
        let done = Command::new("redis-cli")
            .args(["-p", &self.port.to_string(), "FLUSHALL"])
            .stdout(Stdio::null())
            .status()?;
        if done.success() { Ok(()) } else { Err("FLUSHALL failed".into()) }
    }

    fn wait(&mut self) -> Result<(), Failure> {
        let until = Instant::now() + READY_WITHIN;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if self.child.try_wait()?.is_some() || Instant::now() > until {
                return Err("redis-server did not start".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Killing works on a frozen process too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn redis_server(port: u16, folder: &Path) -> Result<Child, Failure> {
    let child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--maxmemory-policy", "noeviction", "--dir"])
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("redis-server cannot be started: {error}"))?;
    Ok(child)
}

fn signal(pid: u32, signal: &str) -> Result<(), Failure> {
    let sent = Command::new("kill").args([signal, &pid.to_string()]).status()?;
    if sent.success() { Ok(()) } else { Err(format!("kill {signal} failed").into()) }
}

fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A database of its own on the PostgreSQL that `.ci/with-services` started.
pub(crate) struct Postgres {
    server: String,
    name: String,
}

impl Postgres {
    pub(crate) fn create(name: &str, template: Option<&str>) -> Result<Self, Failure> {
        let url = std::env::var("LINLI_TEST_PG")
            .map_err(|_| "LINLI_TEST_PG names no PostgreSQL; run this under .ci/with-services")?;
        let server =
            url.rsplit_once('/').map(|(server, _)| server.to_owned()).ok_or("no database in the URL")?;
        let postgres = Self { server, name: name.to_owned() };
        let template = template.map(|template| format!(" TEMPLATE {template}")).unwrap_or_default();
        postgres.sql_in("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        postgres.sql_in("postgres", &format!("CREATE DATABASE {name}{template}"))?;
        Ok(postgres)
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// Runs SQL and returns its rows, columns apart by `|`.
    pub(crate) fn sql(&self, sql: &str) -> Result<String, Failure> {
        self.sql_in(&self.name, sql)
    }

    fn sql_in(&self, database: &str, sql: &str) -> Result<String, Failure> {
        let output = Command::new("psql")
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .arg(format!("{}/{database}", self.server))
            .output()
            .map_err(|error| format!("psql cannot be started: {error}"))?;
        if !output.status.success() {
            return Err(format!("{sql}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It goes with the private server anyhow.
        let _ = self.sql_in("postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}
