//! `linli eval FILE`: how well the search answers what people ask.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use linli_search::eval::{Report, questions};
use linli_store::Env;

use super::{Outcome, say};
use crate::{App, Config, app::discovery::eval::City, clients::meili::Meili};

/// Which engine is asked.
#[derive(Clone, Copy, ValueEnum)]
enum Engine {
    /// The one in this process.
    Embedded,
    /// The first configured Meilisearch node, by an index of its own.
    Meili,
}

/// How well is asked, not how fast: a busy machine may take its time.
const PATIENCE_MS: u64 = 10_000;

/// What to ask, and whom.
#[derive(ClapArgs)]
pub(super) struct Args {
    /// Questions, one JSON object a line, such as those of `search/eval/`.
    file: PathBuf,
    /// Whom to ask.
    #[arg(long, value_enum, default_value = "embedded")]
    engine: Engine,
    /// Ask about a made city of so many facilities and not about the one of the tables.
    #[arg(long, value_name = "FACILITIES")]
    made: Option<usize>,
    /// Which city is made.
    #[arg(long, default_value_t = 1, requires = "made")]
    seed: u64,
}

/// Runs it.
pub(super) async fn run(args: Args, mut config: Config) -> Outcome {
    let questions = questions(&std::fs::read_to_string(&args.file)?)?;
    let env = Env::system();
    config.meili.timeout_ms = PATIENCE_MS;
    let meili = Meili::configured(&config.search, &config.meili);
    let city = match args.made {
        Some(size) => City::made(size, args.seed, env.now()).await?,
        None => City::of_tables(&App::build(config, env.clone()).await?).await?,
    };
    let judged = match (args.engine, meili) {
        (Engine::Embedded, _) => city.embedded(&questions)?,
        (Engine::Meili, Some(meili)) => city.through(&meili, &env, &questions).await?,
        (Engine::Meili, None) => return Err("no Meilisearch is configured: set LINLI_MEILI_URL".into()),
    };
    say(&format!("{} questions about {} facilities", questions.len(), city.len()));
    say(Report(&judged).to_string().trim_end());
    Ok(())
}
