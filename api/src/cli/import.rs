//! `linli import`: facilities from a CSV or GeoJSON file, whole or not at all.

use std::{fs::File, path::PathBuf, sync::Arc};

use indicatif::{ProgressBar, ProgressStyle};
use linli_domain::{
    Vocabulary,
    division::{DivisionCode, Divisions},
    geo::{CHINA, Datum},
    ids::OrganisationId,
};
use linli_store::{Env, Error, audit::Actor};

use super::{Outcome, say};
use crate::{
    App, Config,
    app::exchange::{self, Format, Input, Order, Progress, Report},
};

/// Arguments of `linli import`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The file; its columns are described in IMPORT.md.
    file: PathBuf,
    /// csv or geojson; told by the file's name when absent.
    #[arg(long, value_parser = format)]
    format: Option<Format>,
    /// Name of the source; with the external id it says which facility a row is.
    #[arg(long)]
    source: String,
    /// Coordinate system of rows that do not name one: wgs84, gcj02 or bd09.
    #[arg(long, value_parser = datum)]
    datum: Option<Datum>,
    /// Refuse points and divisions outside this division (code).
    #[arg(long)]
    area: Option<DivisionCode>,
    /// Organisation (id) of rows whose division has none; otherwise that of the area.
    #[arg(long)]
    organisation: Option<OrganisationId>,
    /// Only say what would happen.
    #[arg(long)]
    dry_run: bool,
    /// Write the good rows even when others are refused.
    #[arg(long)]
    skip_invalid: bool,
    /// Write what became of the file to this one, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
}

pub(super) fn format(text: &str) -> Result<Format, String> {
    Format::parse(text).ok_or_else(|| "csv or geojson".to_owned())
}

fn datum(text: &str) -> Result<Datum, String> {
    Datum::parse(text).ok_or_else(|| "wgs84, gcj02 or bd09".to_owned())
}

/// Runs it.
pub(super) async fn run(args: Args, config: Config) -> Outcome {
    let order = order(&args)?;
    let file = args.file.clone();
    // Said before anything is opened: a missing file is the commonest mistake.
    File::open(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let input: Input = Arc::new(move || Ok(Box::new(File::open(&file)?) as Box<_>));
    let app = App::build(config, Env::system()).await?;
    let scope = exchange::everything(&app).await?;
    let bar = Bar::new();
    let result =
        exchange::import(&app, Actor::System, &scope, &order, &input, &|progress| bar.show(progress)).await;
    bar.finish();
    let report = result.map_err(plainly)?;
    if let Some(path) = &args.report {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    }
    tell(&args, &report);
    if report.refused > 0 && !args.skip_invalid {
        return Err("the file was refused; nothing was written (--skip-invalid writes the good rows)".into());
    }
    Ok(())
}

fn order(args: &Args) -> Result<Order, Box<dyn std::error::Error + Send + Sync>> {
    let format = args.format.or_else(|| Format::of_path(&args.file)).ok_or("say --format csv or geojson")?;
    let bounds = match args.area {
        Some(area) => Divisions::shipped().bounds(area).unwrap_or(CHINA),
        None => CHINA,
    };
    Ok(Order {
        format,
        source: args.source.clone(),
        datum: args.datum,
        bounds,
        area: args.area,
        organisation: args.organisation,
        dry_run: args.dry_run,
        skip_invalid: args.skip_invalid,
    })
}

/// A refusal with every field it names; on the command line there is no problem document.
fn plainly(error: Error) -> Box<dyn std::error::Error + Send + Sync> {
    let Some(refusal) = error.refusal() else { return error.into() };
    let chinese = speaks_chinese();
    let errors = refusal.errors.iter().map(|error| {
        format!("{}: {}: {}", error.field, error.code, if chinese { &error.zh } else { &error.en })
    });
    let mut lines: Vec<_> = errors.collect();
    lines.insert(0, if chinese { refusal.code.zh() } else { refusal.code.en() }.to_owned());
    lines.join("\n  ").into()
}

fn speaks_chinese() -> bool {
    std::env::var("LANG").is_ok_and(|language| language.starts_with("zh"))
}

fn tell(args: &Args, report: &Report) {
    let chinese = speaks_chinese();
    for error in &report.errors {
        let text = if chinese { &error.zh } else { &error.en };
        eprintln!("{}:{}: {}: {}: {text}", args.file.display(), error.line, error.field, error.code);
    }
    if report.errors_left_out > 0 {
        eprintln!("… and {} more", report.errors_left_out);
    }
    let Report { rows, created, updated, unchanged, refused, .. } = report;
    let mood = match (report.written, args.dry_run) {
        (true, _) => "imported",
        (false, true) => "dry run",
        (false, false) => "nothing written",
    };
    say(&format!(
        "{mood}: {rows} rows, {created} created, {updated} updated, {unchanged} unchanged, {refused} refused"
    ));
}

/// A progress bar on a terminal, a line now and then elsewhere.
struct Bar(ProgressBar);

impl Bar {
    /// Without a terminal, a line stands for so many rows.
    const LINE_ROWS: u64 = 5_000;

    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} {elapsed}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn show(&self, progress: Progress) {
        let (what, rows, total) = match progress {
            Progress::Checked(rows) => ("checked", rows, rows),
            Progress::Written(rows, total) => ("written, not yet committed", rows, total),
        };
        if self.0.is_hidden() {
            if rows.is_multiple_of(Self::LINE_ROWS) {
                eprintln!("linli import: {what}: {rows} rows");
            }
            return;
        }
        self.0.set_message(what);
        self.0.set_length(total);
        self.0.set_position(rows);
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}
