//! Chaos: residents book and cancel on two servers while processes die, Redis forgets and replies
//! get lost; then the judge reads what they saw.

mod residents;
mod scenario;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use linli_loadtests::{
    client::{Crowd, Failure, Office, Person, Wish, patience},
    history::{Call, Op, Outcome},
    verdict::{Finding, judge},
    world::{Allowance, World},
};

use self::{
    residents::Habits,
    scenario::{Fault, SCENARIOS, Scenario},
};
use crate::processes::{Postgres, Redis, Serve, Site};

/// What to break.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The `linli` to torture: a build with debug assertions knows the fail points.
    #[arg(long, default_value = "target/debug/linli")]
    linli: PathBuf,
    /// Which scenarios; all of them when absent.
    #[arg(long)]
    scenario: Vec<String>,
    /// SQLite with one server, instead of PostgreSQL with two.
    #[arg(long)]
    sqlite: bool,
    /// Seconds of each scenario.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Residents.
    #[arg(long, default_value_t = 40)]
    residents: u32,
    /// What they do and when faults strike follows from this.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder to work in.
    #[arg(long, default_value = "target/loadtests/chaos")]
    folder: PathBuf,
}

/// How long the servers have to come to rest.
const REST: Duration = Duration::from_secs(2);

/// Runs it; `true` when nothing is found.
pub(crate) fn run(args: &Args) -> Result<bool, Failure> {
    let wanted: Vec<&Scenario> = SCENARIOS
        .iter()
        .filter(|scenario| args.scenario.is_empty() || args.scenario.iter().any(|name| name == scenario.name))
        .collect();
    if wanted.is_empty() {
        let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        return Err(format!("no such scenario; there are {}", names.join(", ")).into());
    }
    println!(
        "{:<32} {:>9} {:>9} {:>9} {:>8} {:>7} {:>7} {:>7} {:>9}",
        "scenario",
        "booked/s",
        "refused/s",
        "gave back",
        "replayed",
        "unknown",
        "failed",
        "deaths",
        "findings"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut clean = true;
    for scenario in wanted {
        let findings = runtime.block_on(torture(args, scenario))?;
        for finding in findings.iter().take(20) {
            println!("    {finding}");
        }
        clean &= findings.is_empty();
    }
    Ok(clean)
}

/// One run of one scenario.
async fn torture(args: &Args, scenario: &Scenario) -> Result<Vec<Finding>, Failure> {
    let folder = args.folder.join(scenario.name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let mut redis = Redis::start(&folder.join("redis"))?;
    let database = if args.sqlite {
        None
    } else {
        Some(Postgres::create(&format!("chaos_{}", scenario.name.replace(['-', '.'], "_")), None)?)
    };
    let database_url = match &database {
        Some(database) => database.url(),
        None => format!("sqlite:{}", folder.join("linli.db").display()),
    };
    let linli = args.linli.clone();
    let site = Site { linli, folder, database_url, redis_url: redis.url(), variables: Vec::new() };
    let (staff, tokens) = site.prepare(args.residents + 1)?;
    let mut serves = vec![Serve::start(&site, "one", scenario.fail_points)?];
    if !args.sqlite {
        serves.push(Serve::start(&site, "two", "")?);
    }
    let office = Office::new(&serves[serves.len() - 1].base(), &staff)?;
    let town = Town::build(office, &serves, tokens).await?;

    let (began, until) = (Instant::now(), Instant::now() + Duration::from_secs(args.seconds));
    let habits = Habits { gives_up: scenario.gives_up, until, seed: args.seed };
    let residents = residents::live(&town, habits);
    break_things(scenario, args.seed, until, &mut serves, &mut redis).await?;
    redis.revive()?;
    for serve in &mut serves {
        serve.revive(true)?;
    }
    for resident in residents {
        resident.await?;
    }
    let took = began.elapsed();
    tokio::time::sleep(REST).await;
    let findings = town.verdict().await?;
    report(scenario, &town.crowd.seen.calls(), took, &serves, findings.len());
    Ok(findings)
}

/// Lets the faults strike in turn until the end, and brings back what died.
async fn break_things(
    scenario: &Scenario,
    seed: u64,
    until: Instant,
    serves: &mut [Serve],
    redis: &mut Redis,
) -> Result<(), Failure> {
    let mut strikes = usize::try_from(seed).unwrap_or_default();
    while Instant::now() < until {
        for serve in &mut *serves {
            serve.revive(false)?;
        }
        tokio::time::sleep(scenario.every / 2).await;
        let Some(fault) = scenario.faults.get(strikes % scenario.faults.len().max(1)) else { continue };
        strikes += 1;
        match fault {
            Fault::KillServer => {
                let victim = strikes % serves.len();
                serves[victim].kill()?;
            }
            Fault::FlushRedis => redis.flush()?,
            Fault::KillRedis => redis.kill()?,
            Fault::FreezeRedis => redis.freeze()?,
        }
        tokio::time::sleep(scenario.every / 2).await;
        redis.revive()?;
    }
    Ok(())
}

/// The rooms, the residents, and what they saw.
pub(crate) struct Town {
    office: Office,
    world: World,
    rooms: Vec<(String, Vec<String>)>,
    date: String,
    bases: Vec<String>,
    people: Vec<Person>,
    auditor: Person,
    crowd: Crowd,
}

impl Town {
    /// Three rooms whose slots overlap each other.
    async fn build(office: Office, serves: &[Serve], tokens: Vec<String>) -> Result<Self, Failure> {
        let facility = office.facility("采荷活动中心").await?;
        let times: Vec<(u32, u32)> = (0..6).map(|i| (540 + i * 30, 600 + i * 30)).collect();
        // The servers have the clock on the wall, and a facility's date is that of Shanghai.
        let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now());
        let date = (now + chrono::Duration::hours(8 + 48)).format("%Y-%m-%d").to_string();
        let (mut world, mut rooms) = (World::default(), Vec::new());
        for name in ["东厅", "西厅", "南厅"] {
            let room = office.room(&facility, name).await?;
            let slots = office.open(&mut world, &room, &date, &times).await?;
            rooms.push((room, slots));
        }
        let mut people: Vec<Person> = (0..).zip(tokens).map(|(id, token)| Person { id, token }).collect();
        let auditor = people.pop().ok_or("no resident")?;
        let bases = serves.iter().map(Serve::base).collect();
        Ok(Self { office, world, rooms, date, bases, people, auditor, crowd: Crowd::new()? })
    }

    /// Books what is free at rest, so that a unit which only looks free is found, and judges.
    async fn verdict(&self) -> Result<Vec<Finding>, Failure> {
        let rooms: Vec<String> = self.rooms.iter().map(|(room, _)| room.clone()).collect();
        for (room, slots) in &self.rooms {
            // Every second one does not overlap.
            for slot in slots.iter().step_by(2) {
                let wish = Wish {
                    base: self.bases[0].clone(),
                    person: self.auditor.clone(),
                    key: format!("audit-{slot}"),
                    room: room.clone(),
                    slots: vec![slot.clone()],
                };
                self.crowd.create(&wish, patience(Duration::from_secs(10))).await;
            }
        }
        let rest = self.office.at_rest(&rooms, &self.date, |id| self.crowd.number_of(id)).await?;
        let allowance = Allowance { unavailable: true, ..Allowance::default() };
        Ok(judge(&self.world, &self.crowd.seen.calls(), &rest, allowance))
    }
}

/// One line for a scenario.
fn report(scenario: &Scenario, calls: &[Call], took: Duration, serves: &[Serve], findings: usize) {
    let count = |wanted: &dyn Fn(&Call) -> bool| calls.iter().filter(|call| wanted(call)).count();
    let creates = |call: &Call| matches!(call.op, Op::Create { .. });
    let fresh = |call: &Call| matches!(call.outcome, Outcome::Done { replayed: false, .. });
    let booked = count(&|call| creates(call) && fresh(call));
    let refused = count(&|call| matches!(call.outcome, Outcome::Refused { .. }));
    let deaths: u32 = serves.iter().map(|serve| serve.deaths).sum();
    #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
    let rate = |n: usize| n as f64 / took.as_secs_f64();
    println!(
        "{:<32} {:>9.0} {:>9.0} {:>9} {:>8} {:>7} {:>7} {:>7} {:>9}",
        scenario.name,
        rate(booked),
        rate(refused),
        count(&|call| !creates(call) && fresh(call)),
        count(&|call| matches!(call.outcome, Outcome::Done { replayed: true, .. })),
        count(&|call| call.outcome == Outcome::Unknown),
        count(&|call| matches!(call.outcome, Outcome::Failed { .. })),
        deaths,
        findings
    );
}
