//! Bookings against the yardsticks: refusals and availability against `GET /v1/ping`, accepts against
//! pgbench replaying the statements of one accept; then once more over a million old bookings.

use std::{fmt::Write as _, fs, path::PathBuf};

use linli_loadtests::client::Office;

use crate::{
    Failure,
    pgbench::Transaction,
    processes::{Postgres, Redis, Serve, Site},
    wrk::{self, Measured, Target},
};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The `linli` to measure: a release build.
    #[arg(long, default_value = "target/release/linli")]
    linli: PathBuf,
    /// Seconds for each measurement.
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// Old bookings to put beside the new ones for the second round; none skips it.
    #[arg(long, default_value_t = 1_000_000)]
    old: u32,
    /// Folder to work in.
    #[arg(long, default_value = "target/loadtests/inventory")]
    folder: PathBuf,
}

/// Residents; each may be at one place at a time.
const RESIDENTS: u32 = 2_000;
/// Seats of a slot, and slots of a day.
const SEATS: u32 = 40;
const SLOTS: u32 = 24;

const REFUSED_TO_PING: f64 = 0.75;
const REFUSED_BY_GATE_TO_PING: f64 = 0.45;
const AVAILABILITY_TO_PING: f64 = 0.5;
const ACCEPTED_TO_PGBENCH: f64 = 0.4;
const SLOWER_WITH_OLD: f64 = 0.2;

/// Runs it; `true` when every bound holds.
pub(crate) fn run(args: &Args) -> Result<bool, Failure> {
    if args.folder.exists() {
        fs::remove_dir_all(&args.folder)?;
    }
    let redis = Redis::start(&args.folder.join("redis"))?;
    let database = Postgres::create("loadtests_inventory", None)?;
    let mut site = Site {
        linli: args.linli.clone(),
        folder: args.folder.clone(),
        database_url: database.url(),
        redis_url: redis.url(),
        variables: Vec::new(),
    };
    let (staff, tokens) = site.prepare(RESIDENTS)?;
    let cached = Serve::start(&site, "cached", "")?;
    site.variables.push(("LINLI_INVENTORY_REPEAT_REFUSALS_MS".to_owned(), "0".to_owned()));
    let asking = Serve::start(&site, "asking", "")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let town = runtime.block_on(Town::build(Office::new(&cached.base(), &staff)?))?;
    let bench = Bench { args, database: &database, town, tokens };

    let first = bench.round(&cached, &asking, "a")?;
    let mut holds = first.judge();
    if args.old > 0 {
        println!("\nbeside {} old bookings", args.old);
        bench.grow_old()?;
        let second = bench.round(&cached, &asking, "b")?;
        holds &= second.judge();
        holds &= first.compare(&second);
    }
    Ok(holds)
}

/// What was made to be booked.
struct Town {
    /// Rooms with their slots in the order of their times.
    rooms: Vec<(String, Vec<String>)>,
    date: String,
}

impl Town {
    async fn build(office: Office) -> Result<Self, Failure> {
        let facility = office.facility("采荷活动中心").await?;
        let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now());
        let date = (now + chrono::Duration::hours(8 + 48)).format("%Y-%m-%d").to_string();
        let times: Vec<(u32, u32)> = (0..SLOTS).map(|i| (480 + i * 30, 510 + i * 30)).collect();
        let mut rooms = Vec::new();
        // Seats for every resident at every time, and a room with one seat that is taken.
        for n in 0..=RESIDENTS.div_ceil(SEATS) {
            let room = office.room(&facility, &format!("第{n}阅览室")).await?;
            let seats = if n == 0 { 1 } else { SEATS };
            let slots = office.open_shared(&room, &date, &times, seats).await?;
            rooms.push((room, slots));
        }
        Ok(Self { rooms, date })
    }
}

/// Ratios of one round.
struct Round {
    refused: f64,
    refused_by_gate: f64,
    availability: f64,
    accepted: f64,
}

impl Round {
    fn judge(&self) -> bool {
        let bound = |what: &str, ratio: f64, least: f64| {
            let met = ratio >= least;
            println!("{what:<44} {ratio:<8.2} (≥ {least}) {}", if met { "ok" } else { "MISSED" });
            met
        };
        let all = [
            bound("refusals to ping", self.refused, REFUSED_TO_PING),
            bound("refusals without the cache to ping", self.refused_by_gate, REFUSED_BY_GATE_TO_PING),
            bound("availability to ping", self.availability, AVAILABILITY_TO_PING),
            bound("accepts to pgbench", self.accepted, ACCEPTED_TO_PGBENCH),
        ];
        all.iter().all(|met| *met)
    }

    fn compare(&self, later: &Self) -> bool {
        let pairs = [
            ("refusals", self.refused, later.refused),
            ("refusals without the cache", self.refused_by_gate, later.refused_by_gate),
            ("availability", self.availability, later.availability),
            ("accepts", self.accepted, later.accepted),
        ];
        let kept = pairs.map(|(what, before, after)| {
            let met = after >= before * (1.0 - SLOWER_WITH_OLD);
            let change = (after / before - 1.0) * 100.0;
            println!("{what:<44} {change:+.0} % {}", if met { "ok" } else { "MISSED" });
            met
        });
        kept.iter().all(|met| *met)
    }
}

struct Bench<'a> {
    args: &'a Args,
    database: &'a Postgres,
    town: Town,
    tokens: Vec<String>,
}

impl Bench<'_> {
    fn round(&self, cached: &Serve, asking: &Serve, name: &str) -> Result<Round, Failure> {
        let half = if name == "a" { 0 } else { SLOTS / 2 };
        let taken = &self.town.rooms[0];
        self.book_one(cached, &format!("{name}-full"), taken, half)?;
        let refusals = self.bookings(&format!("{name}-refused"), |_| (0, half));
        let seats = self
            .bookings(&format!("{name}-seat"), |at| (1 + at % RESIDENTS / SEATS, half + 1 + at / RESIDENTS));
        let rooms = self.town.rooms.iter().skip(1);
        let date = &self.town.date;
        let lists: Vec<_> =
            rooms.map(|(room, _)| format!("/v1/rooms/{room}/slots?from={date}&to={date}")).collect();
        let ping = wrk::gets(&["/v1/ping".to_owned()]);

        let before = self.measure("ping", cached, &ping)?;
        let refused = self.measure_refused("refusals", cached, &refusals)?;
        let asking_before = self.measure("ping, of the server without a cache", asking, &ping)?;
        let refused_by_gate = self.measure_refused("refusals without the cache", asking, &refusals)?;
        let availability = self.measure("availability of a room and day", cached, &wrk::gets(&lists))?;
        let after = self.measure("ping, again", cached, &ping)?;
        let accepted = self.measure("accepts", cached, &wrk::telling(&seats))?;
        // One in a hundred may have met a hiccup of the machine; it is told above.
        if accepted.failed * 100 > accepted.requests || availability.failed > 0 {
            return Err("not everything was answered as it should be".into());
        }
        let key = format!("{name}-logged");
        let one = Transaction::of(self.database, &key, || {
            self.book_one(cached, &key, &self.town.rooms[1], half + SLOTS / 2 - 1)
        })?;
        println!("the transaction of one accept has {} statements", one.len());
        let replayed = one.replay(self.database, &self.args.folder, self.args.seconds)?;
        println!("{:<34} {replayed:>9.0} /s", "pgbench, the same statements");
        let pings = f64::midpoint(before.per_second, after.per_second);
        Ok(Round {
            refused: refused.per_second / pings,
            refused_by_gate: refused_by_gate.per_second / asking_before.per_second,
            availability: availability.per_second / pings,
            accepted: accepted.per_second / replayed,
        })
    }

    fn measure(&self, name: &str, serve: &Serve, script: &str) -> Result<Measured, Failure> {
        let (base, token) = (serve.base(), self.tokens[0].as_str());
        let target = Target { base: &base, token, pid: serve.pid() };
        let measured = wrk::run_script(target, &self.args.folder, script, self.args.seconds)?;
        println!(
            "{name:<34} {:>9.0} /s  {:>7.1} µs CPU  {} not 2xx",
            measured.per_second, measured.cpu_us_per_request, measured.failed
        );
        Ok(measured)
    }

    fn measure_refused(&self, name: &str, serve: &Serve, script: &str) -> Result<Measured, Failure> {
        let measured = self.measure(name, serve, script)?;
        if measured.failed < measured.requests {
            return Err("something was booked where everything is taken".into());
        }
        Ok(measured)
    }

    /// A script of bookings by one resident after the other: of the n-th, which room at which time.
    fn bookings(&self, keys: &str, nth: impl Fn(u32) -> (u32, u32)) -> String {
        let mut given = String::from("local tokens = {\n");
        for token in &self.tokens {
            let _ = writeln!(given, "  {token:?},");
        }
        given.push_str("}\nlocal wishes = {\n");
        for at in 0..RESIDENTS * (SLOTS / 2 - 2) {
            let (room, slot) = nth(at);
            let (room, slots) = &self.town.rooms[room as usize];
            let slot = &slots[slot as usize];
            let resident = at % RESIDENTS + 1;
            let _ = writeln!(given, "  {{{resident}, {room:?}, {slot:?}}},");
        }
        let _ = writeln!(
            given,
            "}}
local function own(at)
  local wish = wishes[at]
  return {{
    ['Authorization'] = 'Bearer ' .. tokens[wish[1]],
    ['Content-Type'] = 'application/json',
    ['Idempotency-Key'] = {keys:?} .. '-' .. at,
  }}
end
local function body(at)
  local wish = wishes[at]
  return '{{\"room_id\":\"' .. wish[2] .. '\",\"slot_ids\":[\"' .. wish[3] .. '\"],\"party_size\":1}}'
end"
        );
        wrk::requests(&given, "#wishes", "'POST', '/v1/bookings', own(at), body(at)")
    }

    /// One booking, by a resident who books nothing else.
    fn book_one(
        &self,
        serve: &Serve,
        key: &str,
        room: &(String, Vec<String>),
        slot: u32,
    ) -> Result<(), Failure> {
        let body = format!(
            "{{\"room_id\":\"{}\",\"slot_ids\":[\"{}\"],\"party_size\":1}}",
            room.0, room.1[slot as usize]
        );
        serve.post("/v1/bookings", &self.tokens[RESIDENTS as usize - 1], key, &body).map(drop)
    }

    /// Puts old bookings beside the new ones, copied from one of them.
    fn grow_old(&self) -> Result<(), Failure> {
        self.database.sql(&OLD.replace("$old", &self.args.old.to_string()))?;
        // What was written just now would be tidied up in the middle of a measurement.
        self.database.sql("VACUUM ANALYZE")?;
        self.database.sql("CHECKPOINT")?;
        Ok(())
    }
}

/// A hundred live claims on each of so many old slots, by residents who were at one place at a time.
const OLD: &str = include_str!("inventory/old.sql");
