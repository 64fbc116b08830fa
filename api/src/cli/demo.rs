//! `linli demo`: a whole city district on this machine, no service and no configuration.
//!
//! SQLite in a temporary or named folder, embedded search, a private redis-server when one is on
//! PATH; seeded; prints URLs, ready tokens and curl lines. Progress goes to stderr, so that with
//! `--json` stdout carries one line for scripts.

use std::{net::SocketAddr, path::PathBuf, pin::pin, time::Duration};

use indicatif::ProgressBar;
use linli_domain::{access::Role, geo::Datum, person::Phone};
use linli_store::{Env, vault::MasterKeys};
use serde_json::json;

use super::{Outcome, migrate, say};
use crate::{
    App, Config,
    app::{
        demo::{self, Bookable, Seeded},
        residents::profile,
        staff::bootstrap,
    },
    config::{Environment, GateKind},
    serve, telemetry,
};

mod private_redis;

use private_redis::PrivateRedis;

/// The resident whose token is printed; a number that cannot be called.
const DEMO_PHONE: &str = "13800000000";
/// The staff account whose token is printed.
const DEMO_STAFF: &str = "demo";
/// How long the printed tokens are good, in seconds.
const DEMO_TOKEN_S: u64 = 30 * 86_400;

/// Arguments of `linli demo`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Address to listen on.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Folder to keep the data in; a temporary one when absent.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Facilities to generate.
    #[arg(long, default_value_t = 300)]
    size: usize,
    /// Seed of the generator; the same seed makes the same town.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON line for scripts instead of text for people.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(super) async fn run(args: Args, mut config: Config) -> Outcome {
    // From here on a signal ends the demo in order: neither its folder nor its Redis outlives it.
    let mut stopped = pin!(serve::signal());
    config.log.level = std::env::var("LINLI_LOG_LEVEL").unwrap_or_else(|_| "warn".to_owned());
    telemetry::log(&config.log);
    let env = Env::system();
    let temporary = if args.data.is_none() { Some(TemporaryFolder::new(&env)?) } else { None };
    let folder = match (&args.data, &temporary) {
        (Some(folder), _) => folder.clone(),
        (None, Some(temporary)) => temporary.0.clone(),
        (None, None) => unreachable!("one of the two is there"),
    };
    std::fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;

    let redis = if config.redis.url.is_empty() { PrivateRedis::start(&folder).await } else { None };
    configure(&mut config, &args, &folder, redis.as_ref(), &env)?;
    let outcome = live(&args, config, env, &mut stopped).await;
    if let Some(redis) = redis {
        redis.stop().await;
    }
    outcome
}

/// Makes the town and serves it until `stopped`, which may come at any moment.
async fn live(
    args: &Args,
    config: Config,
    env: Env,
    stopped: &mut (impl Future<Output = ()> + Unpin),
) -> Outcome {
    let (app, seeded) = tokio::select! {
        biased;
        () = &mut *stopped => return Ok(()),
        made = make(args, config, env) => made?,
    };
    let running = serve::start(app.clone(), true).await?;
    let ready = tokio::select! {
        biased;
        () = &mut *stopped => false,
        () = until_ready(&app) => true,
    };
    let announced = if ready { announce(args, &app, &seeded, running.address).await } else { Ok(()) };
    if ready && announced.is_ok() {
        stopped.await;
    }
    progress("stopping");
    running.stop().await;
    announced
}

/// The application on a seeded database.
async fn make(
    args: &Args,
    config: Config,
    env: Env,
) -> Result<(App, Seeded), Box<dyn std::error::Error + Send + Sync>> {
    progress("preparing the database");
    migrate::own(&config).await?;
    let app = App::build(config, env).await?;
    let seeded = seed(args, &app).await?;
    bootstrap::ensure_account(&app, DEMO_STAFF, Role::CityAdmin, Some(seeded.city)).await?;
    // Who runs the city does not take money; the tour pays at a counter.
    if let Some(Bookable { counter, .. }) = seeded.bookable {
        bootstrap::ensure_account(&app, DEMO_STAFF, Role::CounterClerk, Some(counter)).await?;
    }
    Ok((app, seeded))
}

/// What is announced must answer: the catalogue loads after the port is open.
async fn until_ready(app: &App) {
    while !app.health.report().0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Fills what the caller did not say: everything a demo needs is in its folder.
fn configure(
    config: &mut Config,
    args: &Args,
    folder: &std::path::Path,
    redis: Option<&PrivateRedis>,
    env: &Env,
) -> Outcome {
    config.environment = Environment::Demo;
    config.http.docs = true;
    folder.clone_into(&mut config.data_dir);
    config.internal_listen.set_port(0);
    // Nobody balances a demo; Ctrl-C should end it at once.
    config.http.drain_ms = 0;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if std::env::var_os("LINLI_DATABASE_URL").is_none() {
        config.database.url = format!("sqlite:{}", folder.join("linli.db").display());
    }
    if let Some(redis) = redis {
        config.redis.url = redis.url();
    }
    config.gate = if config.redis.url.is_empty() { GateKind::Open } else { GateKind::Redis };
    if config.auth.signing_key.is_empty() {
        config.auth.signing_key = kept_secret(folder, "signing.key", || hex::encode(env.random::<32>()))?;
    }
    if config.vault.keys().is_err() {
        config.vault.master_keys =
            kept_secret(folder, "master.keys", || MasterKeys::generate(env.random()).to_string())?;
    }
    Ok(())
}

/// A secret of this folder, made at the first start, so that tokens survive a restart.
fn kept_secret(
    folder: &std::path::Path,
    name: &str,
    make: impl FnOnce() -> String,
) -> Result<String, std::io::Error> {
    let file = folder.join(name);
    if let Ok(secret) = std::fs::read_to_string(&file) {
        return Ok(secret);
    }
    let secret = make();
    std::fs::write(&file, &secret)?;
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(secret)
}

/// Makes the city, or completes what an earlier start made.
async fn seed(args: &Args, app: &App) -> Result<Seeded, linli_store::Error> {
    progress(&format!("generating {} facilities (seed {})", args.size, args.seed));
    let bar = ProgressBar::new(args.size as u64);
    let seeded = demo::seed(app, args.size, args.seed, &|what, done, total| {
        bar.set_length(total as u64);
        bar.set_message(what);
        bar.set_position(done as u64);
    })
    .await?;
    bar.finish_and_clear();
    Ok(seeded)
}

async fn announce(args: &Args, app: &App, seeded: &Seeded, address: SocketAddr) -> Outcome {
    let resident = profile::token(app, &Phone::parse(DEMO_PHONE)?, DEMO_TOKEN_S).await?;
    let staff = bootstrap::token(app, DEMO_STAFF, DEMO_TOKEN_S).await?;
    let base = format!("http://{address}");
    let gate = if app.config.gate == GateKind::Redis { "redis" } else { "open" };
    let (lat, lng) = seeded.middle.in_datum(Datum::Gcj02);
    if args.json {
        let bookable = seeded.bookable.as_ref();
        say(&json!({
            "base_url": base, "resident_token": resident, "staff_token": staff,
            "partner_key": null, "partner_secret": null, "gate": gate,
            "here": format!("lat={lat:.4}&lng={lng:.4}&coord=gcj02"),
            "room_id": bookable.map(|bookable| bookable.room.to_string()),
            "slot_id": bookable.map(|bookable| bookable.slot.to_string()),
        })
        .to_string());
        return Ok(());
    }
    say(&format!("Linli is at {base} (docs: {base}/docs, gate: {gate})"));
    say(&format!("resident token: {resident}\nstaff token:    {staff}\n"));
    let here = format!("lat={lat:.4}&lng={lng:.4}&coord=gcj02");
    say("# what is within a quarter of an hour's walk and open now");
    say(&format!("curl -s '{base}/v1/facilities/nearby?{here}&within_minutes=15&open_now=true'"));
    say("# the canteens, the nearest first");
    say(&format!("curl -s -G '{base}/v1/facilities/search?{here}' --data-urlencode 'q=食堂'"));
    if let Some(Bookable { room, slot, .. }) = seeded.bookable {
        let body = json!({ "room_id": room.to_string(), "slot_ids": [slot.to_string()], "party_size": 2 });
        say("# a room for tomorrow; the same line again answers the same booking");
        say(&format!(
            "curl -s '{base}/v1/bookings' -H 'Authorization: Bearer {resident}' -H 'Idempotency-Key: demo-{slot}' \\\n  \
             -H 'Content-Type: application/json' -d '{body}'"
        ));
    }
    Ok(())
}

fn progress(text: &str) {
    eprintln!("linli demo: {text}");
}

/// A folder that goes with the demo.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn new(env: &Env) -> Result<Self, std::io::Error> {
        let folder = std::env::temp_dir().join(format!("linli-demo-{}", hex::encode(env.random::<6>())));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
