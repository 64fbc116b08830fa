//! `linli openapi`: the documents as files, checked in and compared in CI.

use std::path::PathBuf;

use super::{Outcome, say};
use crate::http;

/// Arguments of `linli openapi`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Folder of the documents.
    #[arg(long, default_value = "api/openapi")]
    dir: PathBuf,
    /// Compare instead of writing; fails when a file differs.
    #[arg(long)]
    check: bool,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Outcome {
    let mut stale = Vec::new();
    for (name, text) in http::documents() {
        let file = args.dir.join(name);
        let text = format!("{}\n", text.trim_end());
        if !args.check {
            std::fs::create_dir_all(&args.dir)?;
            std::fs::write(&file, text)?;
            say(&format!("wrote {}", file.display()));
        } else if std::fs::read_to_string(&file).ok().as_deref() != Some(&text) {
            stale.push(file.display().to_string());
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("not as the code says: {}; run `linli openapi` and review the change", stale.join(", "))
        .into())
}
