//! The checks, one function each.

use std::{path::Path, time::Duration};

use chrono::{DateTime, Datelike, Utc};
use linli_domain::{calendar::Calendar, time::local_date};
use linli_migrations::{Migrator, MigratorTrait};
use linli_search::CATALOGUE;
use linli_store::{
    Db, Env, audit_seal, lineage, outbox,
    storage::{self, facilities, facilities::facility, search_node as node},
};
use redis::aio::MultiplexedConnection;
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QuerySelect, Statement};
use tokio::time::{Instant, timeout};

use super::{Finding, with_causes};
use crate::{
    Config,
    app::{db_options, discovery::folder::FOLDER},
    cli::audit,
    clients::meili::{Meili, Node},
    config::{Environment, GateKind},
};

/// How long anything may take to answer a doctor.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the seals of the audit may take: there are more of them every day.
const SEALS_PATIENCE: Duration = Duration::from_secs(30);
/// A running `serve` keeps a changed catalogue well within this.
const KEPT_WITHIN: chrono::Duration = chrono::Duration::minutes(10);
/// Clocks further apart than this make tokens and holds expire at the wrong time.
const SKEW_WARN_MS: i64 = 500;
/// Oldest PostgreSQL and Redis we test with.
const POSTGRES_AT_LEAST: u32 = 15;
const REDIS_AT_LEAST: u32 = 7;
/// Oldest Meilisearch 1.x whose ranking rules we use.
const MEILI_AT_LEAST: u32 = 50;

const MB: u64 = 1024 * 1024;
const DISK_FAIL_MB: u64 = 200;
const DISK_WARN_MB: u64 = 2_048;

/// Every finding, in the order an operator would look.
pub(super) async fn all(config: &Config) -> Vec<Finding> {
    let env = Env::system();
    let mut findings = configuration(config);
    findings.extend(keys(config));
    let db = database(config, &mut findings).await;
    if let Some(db) = &db {
        findings.extend(tables(db, config, &env).await);
    }
    findings.extend(gate(config, &env).await);
    findings.extend(search(config, &env).await);
    findings.push(calendar(db.as_ref(), &env).await);
    findings.push(disk(&config.data_dir));
    findings
}

fn configuration(config: &Config) -> Vec<Finding> {
    match config.check() {
        Err(error) => vec![Finding::fail("configuration", with_causes(&error))],
        Ok(warnings) if warnings.is_empty() => {
            vec![Finding::ok("configuration", format!("holds together ({:?})", config.environment))]
        }
        Ok(warnings) => warnings.into_iter().map(|warning| Finding::warn("configuration", warning)).collect(),
    }
}

/// Present and not trivial. Whether they are the *same* on every server, only a token of one shown
/// to another can tell.
fn keys(config: &Config) -> Vec<Finding> {
    let key = config.auth.signing_key.as_bytes();
    let distinct = key.iter().collect::<std::collections::HashSet<_>>().len();
    let signing = if key.is_empty() {
        Finding::fail("keys", "auth.signing_key is empty; make one with: openssl rand -hex 32")
    } else if distinct < 10 {
        Finding::fail(
            "keys",
            "auth.signing_key repeats a few characters; make one with: openssl rand -hex 32",
        )
    } else {
        Finding::ok("keys", "auth.signing_key is there")
    };
    let master = match config.vault.keys() {
        Ok(_) => Finding::ok("keys", "the master keys of personal data are there"),
        Err(error) => Finding::fail(
            "keys",
            format!("{}; make one with: echo 1:$(openssl rand -base64 32)", with_causes(&error)),
        ),
    };
    vec![signing, master]
}

/// The database, if it answers.
async fn database(config: &Config, findings: &mut Vec<Finding>) -> Option<Db> {
    if let Some(file) = config.database.url.strip_prefix("sqlite:")
        && !Path::new(file.trim_start_matches("//")).exists()
    {
        findings.push(Finding::fail("database", format!("{file} does not exist; run `linli migrate`")));
        return None;
    }
    let text = match timeout(PATIENCE, Db::connect(&db_options(config))).await {
        Ok(Ok(db)) => return Some(db),
        Ok(Err(error)) => with_causes(&error),
        Err(_) => format!("no answer within {PATIENCE:?}"),
    };
    findings.push(Finding::fail("database", text));
    None
}

/// What the tables say.
async fn tables(db: &Db, config: &Config, env: &Env) -> Vec<Finding> {
    let mut findings = vec![version(db, config).await.unwrap_or_else(|error| broken("database", &error))];
    findings.push(schema(db).await.unwrap_or_else(|error| broken("schema", &error)));
    if db.backend() == DbBackend::Postgres {
        findings.push(database_clock(db, env).await.unwrap_or_else(|error| broken("clock", &error)));
    }
    // Without its tables there is nothing to look at, and `schema` has said so.
    let looked = [history(db).await, backlog(db, env).await, seals(db).await, kept(db, config, env).await];
    findings.extend(looked.into_iter().flatten());
    findings
}

fn broken(check: &'static str, error: &DbErr) -> Finding {
    Finding::fail(check, with_causes(error))
}

async fn version(db: &Db, config: &Config) -> Result<Finding, DbErr> {
    let started = Instant::now();
    if db.backend() == DbBackend::Sqlite {
        let version: String = scalar(db, "SELECT sqlite_version()").await?;
        let text = format!("SQLite {version} answers in {} ms", started.elapsed().as_millis());
        return Ok(match config.environment {
            Environment::Production => Finding::warn("database", format!("{text}; it serves one process")),
            Environment::Demo | Environment::Test => Finding::ok("database", text),
        });
    }
    let number: String = scalar(db, "SELECT current_setting('server_version_num')").await?;
    let elapsed = started.elapsed().as_millis();
    let major = number.parse::<u32>().unwrap_or_default() / 10_000;
    if major < POSTGRES_AT_LEAST {
        let text = format!("PostgreSQL {major} is older than {POSTGRES_AT_LEAST}, the oldest we test with");
        return Ok(Finding::fail("database", text));
    }
    let most: String = scalar(db, "SELECT current_setting('max_connections')").await?;
    if most.parse::<u32>().is_ok_and(|most| most < 2 * config.database.max_connections) {
        let text = format!(
            "PostgreSQL {major} allows {most} connections; two servers with database.max_connections = {} need more",
            config.database.max_connections
        );
        return Ok(Finding::warn("database", text));
    }
    Ok(Finding::ok("database", format!("PostgreSQL {major} answers in {elapsed} ms")))
}

async fn schema(db: &Db) -> Result<Finding, DbErr> {
    let pending = Migrator::get_pending_migrations(db.any_write()).await?.len();
    Ok(match pending {
        0 => Finding::ok("schema", "is that of this version"),
        _ => Finding::fail("schema", format!("{pending} migrations are pending; run `linli migrate`")),
    })
}

async fn database_clock(db: &Db, env: &Env) -> Result<Finding, DbErr> {
    let asked = env.now();
    let theirs: DateTime<Utc> = scalar(db, "SELECT clock_timestamp()").await?;
    Ok(skew("PostgreSQL", asked, theirs, env.now()))
}

/// Their clock against the middle of the time the question took.
fn skew(whose: &str, asked: DateTime<Utc>, theirs: DateTime<Utc>, answered: DateTime<Utc>) -> Finding {
    let ours = asked + (answered - asked) / 2;
    let apart_ms = (theirs - ours).num_milliseconds();
    if apart_ms.abs() > SKEW_WARN_MS {
        let text = format!("{whose} is {apart_ms} ms from our clock; synchronise both (NTP)");
        return Finding::warn("clock", text);
    }
    Finding::ok("clock", format!("{whose} is {apart_ms} ms from ours"))
}

/// Whether the database is the one it was when a server last looked.
async fn history(db: &Db) -> Result<Finding, DbErr> {
    const REPAIR: &str = "`serve` repairs that at its start, `linli reconcile --after-restore` at once";
    Ok(match lineage::look(db.read()).await? {
        lineage::State::New | lineage::State::Same => Finding::ok("history", "goes on"),
        lineage::State::Another { ahead: true } => {
            Finding::warn("history", format!("was restored, and positions lie in the future; {REPAIR}"))
        }
        lineage::State::Another { ahead: false } => {
            Finding::warn("history", format!("is another one than before (restored or promoted); {REPAIR}"))
        }
    })
}

/// Whether anybody's hand was in the audit.
async fn seals(db: &Db) -> Result<Finding, DbErr> {
    let Ok(verified) = timeout(SEALS_PATIENCE, audit_seal::verify(db.read())).await else {
        return Ok(Finding::warn("audit", format!("its seals take longer than {SEALS_PATIENCE:?} to check")));
    };
    let verdict = verified?;
    Ok(if verdict.broken.is_empty() {
        Finding::ok("audit", audit::summary(&verdict))
    } else {
        let text = format!("{}; see `linli audit verify`", audit::summary(&verdict));
        Finding::fail("audit", text)
    })
}

/// The catalogue that a start would begin with. It is kept when it changed, so one that is older
/// than the last change has nobody who keeps it.
async fn kept(db: &Db, config: &Config, env: &Env) -> Result<Finding, DbErr> {
    let file = config.data_dir.join(FOLDER).join(CATALOGUE);
    let Ok(kept_at) = std::fs::metadata(&file).and_then(|file| file.modified()).map(DateTime::<Utc>::from)
    else {
        return Ok(Finding::ok("catalogue", "is not kept here; a start reads the tables"));
    };
    let changed_at = facility::Entity::find()
        .select_only()
        .column_as(facility::Column::UpdatedAt.max(), "changed_at")
        .into_tuple::<Option<DateTime<Utc>>>()
        .one(db.read())
        .await?
        .flatten();
    let text = format!("was kept {} min ago", (env.now() - kept_at).num_minutes());
    if changed_at.is_some_and(|changed_at| changed_at - kept_at > KEPT_WITHIN) {
        return Ok(Finding::warn(
            "catalogue",
            format!("{text} and facilities changed since; no `serve` keeps it in this data_dir"),
        ));
    }
    Ok(Finding::ok("catalogue", text))
}

/// How far the consumers of the outbox are behind.
async fn backlog(db: &Db, env: &Env) -> Result<Finding, DbErr> {
    let ages = outbox::cursor::ages_s(db.read(), env.now()).await?;
    Ok(match ages.into_iter().max_by_key(|(_, age_s)| *age_s) {
        Some((consumer, age_s)) if age_s > 60 => {
            Finding::warn("outbox", format!("{consumer} is {age_s} s behind; is a worker running?"))
        }
        _ => Finding::ok("outbox", "nothing waits for long"),
    })
}

async fn scalar<T: sea_orm::TryGetable>(db: &Db, sql: &'static str) -> Result<T, DbErr> {
    let row = db.read().query_one_raw(Statement::from_string(db.backend(), sql)).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))?;
    row.try_get_by_index(0)
}

async fn gate(config: &Config, env: &Env) -> Vec<Finding> {
    if config.gate == GateKind::Open {
        return vec![Finding::warn("gate", "is open: every request of a rush reaches the database")];
    }
    let mut findings = Vec::new();
    for node in config.redis.url.split(',').map(str::trim).filter(|node| !node.is_empty()) {
        match timeout(PATIENCE, redis(node, env)).await {
            Ok(Ok(found)) => findings.extend(found),
            // The text of a Redis error may hold the address with its password; its kind does not.
            Ok(Err(error)) => findings.push(Finding::fail("gate", format!("Redis: {:?}", error.kind()))),
            Err(_) => findings.push(Finding::fail("gate", format!("Redis: no answer within {PATIENCE:?}"))),
        }
    }
    findings
}

async fn redis(node: &str, env: &Env) -> redis::RedisResult<Vec<Finding>> {
    let mut redis = redis::Client::open(node)?.get_multiplexed_async_connection().await?;
    let info: String = redis::cmd("INFO").arg("server").query_async(&mut redis).await?;
    let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or("?").trim();
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok()).unwrap_or_default();
    let mut findings = vec![if major < REDIS_AT_LEAST {
        Finding::fail(
            "gate",
            format!("Redis {version} is older than {REDIS_AT_LEAST}, the oldest we test with"),
        )
    } else {
        Finding::ok("gate", format!("Redis {version} answers"))
    }];
    findings.push(eviction(&mut redis).await);
    let asked = env.now();
    let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(&mut redis).await?;
    let theirs = DateTime::from_timestamp_micros(seconds * 1_000_000 + micros).unwrap_or_default();
    findings.push(skew("Redis", asked, theirs, env.now()));
    Ok(findings)
}

/// A Redis that evicts forgets holds when it is full, which is when they matter.
async fn eviction(redis: &mut MultiplexedConnection) -> Finding {
    let answer: redis::RedisResult<Vec<String>> =
        redis::cmd("CONFIG").arg("GET").arg("maxmemory-policy").query_async(redis).await;
    match answer.as_deref() {
        Ok([_, policy]) if policy == "noeviction" => Finding::ok("gate", "Redis evicts nothing"),
        Ok([_, policy]) => {
            Finding::fail("gate", format!("Redis evicts ({policy}); set maxmemory-policy noeviction"))
        }
        _ => Finding::warn("gate", "Redis does not tell its maxmemory-policy; it must be noeviction"),
    }
}

/// Every Meilisearch node: it answers, is one we test with, and holds what the tables list.
async fn search(config: &Config, env: &Env) -> Vec<Finding> {
    let Some(meili) = Meili::configured(&config.search, &config.meili) else {
        return vec![Finding::ok("search", "the embedded index answers")];
    };
    let Ok(Ok(db)) = timeout(PATIENCE, Db::connect(&db_options(config))).await else { return Vec::new() };
    let mut findings = Vec::new();
    for node in &meili.nodes {
        findings.push(match timeout(PATIENCE, search_node(&db, env, node)).await {
            Ok(Ok(finding)) => finding,
            Ok(Err(text)) => Finding::fail("search", format!("{}: {text}", node.name)),
            Err(_) => Finding::fail("search", format!("{}: no answer within {PATIENCE:?}", node.name)),
        });
    }
    findings
}

async fn search_node(db: &Db, env: &Env, node: &Node) -> Result<Finding, String> {
    let version = node.version().await.map_err(|error| with_causes(&error))?;
    if version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).unwrap_or_default()
        < MEILI_AT_LEAST
    {
        let text = format!("{}: Meilisearch {version} is older than 1.{MEILI_AT_LEAST}", node.name);
        return Ok(Finding::fail("search", text));
    }
    let row = node::load(db.read(), env, &node.name).await.map_err(|error| with_causes(&error))?;
    if row.index_uid.is_empty() {
        let text = format!("{}: nothing was built yet; run a worker or `linli reindex`", node.name);
        return Ok(Finding::warn("search", text));
    }
    let held = node.count(&row.index_uid).await.map_err(|error| with_causes(&error))?;
    let listed = listed(db).await.map_err(|error| with_causes(&error))?;
    let text = format!("{}: Meilisearch {version} holds {held} of {listed} facilities", node.name);
    Ok(if held == listed { Finding::ok("search", text) } else { Finding::warn("search", text) })
}

/// How many facilities residents may find.
async fn listed(db: &Db) -> Result<usize, linli_store::Error> {
    let (mut count, mut after) = (0, None);
    loop {
        let page = facilities::any_versions_after(db.read(), after, 20_000).await?;
        let Some((last, ..)) = page.last() else { return Ok(count) };
        after = Some(*last);
        count += page.iter().filter(|(.., status)| status.listed()).count();
    }
}

/// The notice for the next year appears in November at the latest.
async fn calendar(db: Option<&Db>, env: &Env) -> Finding {
    let today = local_date(env.now());
    let loaded = match db {
        Some(db) => storage::calendar::load(db.read()).await.ok(),
        None => None,
    };
    let calendar = loaded.unwrap_or_else(Calendar::shipped);
    let last = calendar.years().map(|year| year.year).max().unwrap_or_default();
    let this = today.year();
    if last < this {
        Finding::fail("calendar", format!("ends with {last}; opening hours on holidays are not known"))
    } else if last == this && today.month() >= 11 {
        Finding::warn("calendar", format!("ends with {last}; load the notice for {}", this + 1))
    } else {
        Finding::ok("calendar", format!("is known to the end of {last}"))
    }
}

fn disk(folder: &Path) -> Finding {
    // Before the first start there is none; it will be made on the disk of what is there.
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let stat = match rustix::fs::statvfs(there) {
        Ok(stat) => stat,
        Err(error) => return Finding::fail("disk", format!("data_dir cannot be looked at: {error}")),
    };
    let free_mb = stat.f_bavail * stat.f_frsize / MB;
    let text = format!("{free_mb} MB are free in data_dir");
    match free_mb {
        0..DISK_FAIL_MB => Finding::fail("disk", text),
        DISK_FAIL_MB..DISK_WARN_MB => Finding::warn("disk", text),
        _ => Finding::ok("disk", text),
    }
}
