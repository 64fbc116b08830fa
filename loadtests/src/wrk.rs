//! wrk as the one client of numerator and denominator.

use std::{fs, path::Path, process::Command};

use crate::{Failure, server::Server};

/// What one run measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) cpu_us_per_request: f64,
    pub(crate) failed: u64,
}

/// Asks for `paths` in turn for so many seconds.
pub(crate) fn run(
    server: &Server,
    folder: &Path,
    paths: &[String],
    seconds: u32,
) -> Result<Measured, Failure> {
    let script = folder.join("paths.lua");
    let list: Vec<_> = paths.iter().map(|path| format!("{path:?}")).collect();
    fs::write(
        &script,
        format!(
            "local paths = {{{}}}\nlocal at = 0\nrequest = function()\n  at = at % #paths + 1\n  return wrk.format('GET', paths[at])\nend\n",
            list.join(",")
        ),
    )?;
    let before = server.cpu_us()?;
    let output = Command::new("wrk")
        .args(["-t1", "-c16", &format!("-d{seconds}s"), "-s"])
        .arg(&script)
        .args(["-H", &format!("Authorization: Bearer {}", server.token), &server.base])
        .output()
        .map_err(|error| format!("wrk cannot be started ({error}); install it"))?;
    let cpu_us = server.cpu_us()? - before;
    let text = String::from_utf8(output.stdout)?;
    let number = |from: &str, before: bool| -> Option<f64> {
        let line = text.lines().find(|line| line.contains(from))?;
        let part = if before { line.split(from).next()? } else { line.split(from).nth(1)? };
        part.split_whitespace().next()?.trim_end_matches(',').parse().ok()
    };
    let per_second = number("Requests/sec:", false).ok_or_else(|| format!("wrk said: {text}"))?;
    let requests = number(" requests in ", true).ok_or("wrk counted nothing")?;
    let failed = number("Non-2xx or 3xx responses:", false).unwrap_or(0.0);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of one run"
    )]
    let measured =
        Measured { per_second, cpu_us_per_request: cpu_us as f64 / requests, failed: failed as u64 };
    Ok(measured)
}
