//! `linli export`: facilities to a CSV or GeoJSON file that `linli import` reads back.

use std::{fs::File, io::Write, path::PathBuf};

use linli_domain::division::DivisionCode;
use linli_store::{Env, audit::Actor};

use super::Outcome;
use crate::{
    App, Config,
    app::exchange::{self, Export, Format, Selection},
};

/// Arguments of `linli export`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The file; standard output when absent.
    file: Option<PathBuf>,
    /// csv or geojson; told by the file's name when absent.
    #[arg(long, value_parser = super::import::format)]
    format: Option<Format>,
    /// Only facilities of this source.
    #[arg(long)]
    source: Option<String>,
    /// Only facilities in this division (code).
    #[arg(long)]
    area: Option<DivisionCode>,
}

/// Runs it.
pub(super) async fn run(args: Args, config: Config) -> Outcome {
    let by_name = args.file.as_deref().and_then(Format::of_path);
    let format = args.format.or(by_name).ok_or("say --format csv or geojson")?;
    let app = App::build(config, Env::system()).await?;
    let scope = exchange::everything(&app).await?;
    let selection = Selection { source: args.source, division: args.area.map(DivisionCode::short) };
    exchange::note_export(&app, Actor::System, &scope, format, &selection).await?;
    let export = Export::new(&app, scope, format, selection);
    let count = match &args.file {
        None => write(export, &mut std::io::stdout().lock()).await?,
        Some(file) => {
            // Half a file must not look like a whole one.
            let half = file.with_added_extension("part");
            let mut out = File::create(&half)?;
            let count = write(export, &mut out).await?;
            out.sync_all()?;
            std::fs::rename(&half, file)?;
            count
        }
    };
    eprintln!("linli export: {count} facilities");
    Ok(())
}

async fn write(
    mut export: Export,
    out: &mut impl Write,
) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    while let Some(bytes) = export.next().await? {
        out.write_all(&bytes)?;
    }
    out.flush()?;
    Ok(export.count)
}
