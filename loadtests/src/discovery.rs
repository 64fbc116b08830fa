//! Nearby and search over a made city, against the yardstick.

mod meili;
mod recorder;

use std::{fs, path::PathBuf};

use crate::{
    Failure,
    server::Server,
    wrk::{self, Measured},
};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The `linli` to measure: a release build.
    #[arg(long, default_value = "target/release/linli")]
    linli: PathBuf,
    /// Facilities to make.
    #[arg(long, default_value_t = 100_000)]
    size: usize,
    /// Seconds for each measurement.
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// Folder to work in; a made city in it is used again.
    #[arg(long, default_value = "target/loadtests/discovery")]
    folder: PathBuf,
    /// Only search through a private Meilisearch, against that Meilisearch asked the same directly.
    #[arg(long)]
    meili: bool,
}

const READY_FROM_FILE_S: f64 = 3.0;
const READY_FROM_TABLES_S: f64 = 15.0;
const MEMORY_MIB: u64 = 500;
const NEARBY_TO_PING: f64 = 0.5;
const SEARCH_3_KM_TO_PING: f64 = 0.25;
const SEARCH_CITY_TO_PING: f64 = 0.03;

/// Runs it; `true` when every bound holds.
pub(crate) fn run(args: &Args) -> Result<bool, Failure> {
    fs::create_dir_all(&args.folder)?;
    if args.meili {
        return meili::run(args);
    }
    let data = args.folder.join(format!("city-{}", args.size));
    println!("a made city of {} facilities in {}", args.size, data.display());
    // The first start makes the city; it is not measured.
    Server::start(&args.linli, &data, args.size)?.stop()?;
    let kept = data.join("catalogue");
    let mut holds = true;
    let mut bound = |what: &str, value: String, met: bool| {
        println!("{:<44} {value:<22} {}", what, if met { "ok" } else { "MISSED" });
        holds &= met;
    };
    if kept.exists() {
        fs::remove_dir_all(&kept)?;
    }
    let server = Server::start(&args.linli, &data, args.size)?;
    let seconds = server.ready_after.as_secs_f64();
    bound("ready from the tables", format!("{seconds:.2} s"), seconds < READY_FROM_TABLES_S);
    server.stop()?;
    let server = Server::start(&args.linli, &data, args.size)?;
    let seconds = server.ready_after.as_secs_f64();
    bound("ready from the kept catalogue", format!("{seconds:.2} s"), seconds < READY_FROM_FILE_S);

    let near = points(&server.here)?;
    let with =
        |rest: &str| -> Vec<String> { near.iter().map(|at| format!("/v1/facilities/{rest}&{at}")).collect() };
    let looked = server.get(&with("nearby?limit=20&facets=true")[0])?;
    println!("within 15 minutes of the first point: {}", looked["facets"]["total"]);
    println!("a page of 20: {} bytes", looked["items"].to_string().len());
    let measure = |name: &str, paths: &[String]| -> Result<Measured, Failure> {
        let measured = wrk::run(&server, &args.folder, paths, args.seconds)?;
        println!(
            "{name:<34} {:>9.0} /s  {:>7.1} µs CPU  {} failed",
            measured.per_second, measured.cpu_us_per_request, measured.failed
        );
        Ok(measured)
    };
    let ping = measure("ping", &["/v1/ping".to_owned()])?;
    let nearby = measure("nearby, top 20, no facets", &with("nearby?limit=20"))?;
    measure("nearby, top 20, facets", &with("nearby?limit=20&facets=true"))?;
    measure("nearby, top 20, open now", &with("nearby?limit=20&open_now=true"))?;
    let canteen = "search?limit=20&q=%E9%A3%9F%E5%A0%82";
    let near_text = measure("search 食堂 within 3 km", &with(&format!("{canteen}&radius_m=3000")))?;
    let city_text = measure("search 食堂, whole city", &with(canteen))?;
    measure("search lnst, whole city", &with("search?limit=20&q=lnst"))?;
    // Once more, so that a machine that became slower meanwhile is not taken for a fast server.
    let again = measure("ping, again", &["/v1/ping".to_owned()])?;

    for (what, measured, least) in [
        ("nearby to ping", nearby, NEARBY_TO_PING),
        ("search 食堂 within 3 km to ping", near_text, SEARCH_3_KM_TO_PING),
        ("search 食堂, whole city, to ping", city_text, SEARCH_CITY_TO_PING),
    ] {
        let ratio = measured.per_second / f64::midpoint(ping.per_second, again.per_second);
        bound(what, format!("{ratio:.3}"), ratio >= least && measured.failed == 0);
    }
    let cpu = f64::midpoint(ping.cpu_us_per_request, again.cpu_us_per_request) / nearby.cpu_us_per_request;
    println!("the same by processor time of the server: {cpu:.2}");
    let memory = server.rss_mib()?;
    bound("memory", format!("{memory} MiB"), memory < MEMORY_MIB);
    server.stop()?;
    Ok(holds)
}

/// Places round the town, so that no answer is the one just given.
fn points(here: &str) -> Result<Vec<String>, Failure> {
    let value = |name: &str| -> Result<f64, Failure> {
        let found = here.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        Ok(found.ok_or("the demo did not say where it is")?.parse()?)
    };
    let (lat, lng) = (value("lat")?, value("lng")?);
    let coord = here.split('&').find(|pair| pair.starts_with("coord=")).unwrap_or("coord=wgs84");
    let grid = (-8..8).flat_map(|north| (-8..8).map(move |east| (f64::from(north), f64::from(east))));
    Ok(grid
        .map(|(north, east)| format!("lat={:.4}&lng={:.4}&{coord}", lat + north * 0.002, lng + east * 0.002))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_round_the_town_in_its_own_datum() {
        let points = points("lat=30.2400&lng=120.1700&coord=gcj02").unwrap();
        assert_eq!(points.len(), 256);
        assert!(points.iter().all(|point| point.ends_with("&coord=gcj02")));
        assert!(points.contains(&"lat=30.2400&lng=120.1700&coord=gcj02".to_owned()));
    }
}
