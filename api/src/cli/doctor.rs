//! `linli doctor`: everything a server needs, looked at from where it will run.
//!
//! Each line is a finding with a sentence an operator can act on. Nothing is changed, and a failed
//! look never hides the next one.

mod checks;

use serde::Serialize;

use super::{Outcome, say};
use crate::{Config, config::ConfigError};

/// Arguments of `linli doctor`.
#[derive(clap::Args)]
pub struct Args {
    /// Print one JSON array for scripts.
    #[arg(long)]
    json: bool,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// What was looked at and how it is.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    text: String,
}

impl Finding {
    fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, state: State::Ok, text: text.into() }
    }

    fn warn(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, state: State::Warn, text: text.into() }
    }

    fn fail(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, state: State::Fail, text: text.into() }
    }
}

/// Runs it; fails when a finding does.
pub async fn run(args: Args, config: Result<Config, ConfigError>) -> Outcome {
    let findings = match config {
        Ok(config) => checks::all(&config).await,
        Err(error) => vec![Finding::fail("configuration", with_causes(&error))],
    };
    if args.json {
        say(&serde_json::to_string(&findings)?);
    } else {
        for Finding { check, state, text } in &findings {
            let state = match state {
                State::Ok => "ok  ",
                State::Warn => "WARN",
                State::Fail => "FAIL",
            };
            say(&format!("{state}  {check:<14} {text}"));
        }
    }
    match findings.iter().filter(|finding| finding.state == State::Fail).count() {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} checks failed", findings.len()).into()),
    }
}

/// An error with what caused it, on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Some libraries repeat their cause in their own text.
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
