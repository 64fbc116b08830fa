//! wrk as the one client of numerator and denominator.

use std::{fs, path::Path, process::Command};

use crate::{
    Failure,
    server::{Server, cpu_us_of},
};

/// What one run measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) cpu_us_per_request: f64,
    pub(crate) requests: u64,
    /// Answers that are neither 2xx nor 3xx.
    pub(crate) failed: u64,
}

/// Whom wrk asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) base: &'a str,
    pub(crate) token: &'a str,
    /// The process whose time counts.
    pub(crate) pid: u32,
}

/// Asks for `paths` in turn for so many seconds.
pub(crate) fn run(
    server: &Server,
    folder: &Path,
    paths: &[String],
    seconds: u32,
) -> Result<Measured, Failure> {
    run_script(server.target(), folder, &gets(paths), seconds)
}

/// A script that asks for `paths` in turn.
pub(crate) fn gets(paths: &[String]) -> String {
    let list: Vec<_> = paths.iter().map(|path| format!("{path:?}")).collect();
    let paths = format!("local paths = {{{}}}", list.join(","));
    requests(&paths, "#paths", "'GET', paths[at]")
}

/// A script that sends `bodies` of JSON to one path in turn.
pub(crate) fn posts(path: &str, bodies: &[String]) -> String {
    // What is between such brackets Lua takes as it is.
    let list: Vec<_> = bodies.iter().map(|body| format!("[==[{body}]==]")).collect();
    let bodies = format!("local bodies = {{{}}}", list.join(","));
    requests(
        &bodies,
        "#bodies",
        &format!("'POST', {path:?}, {{['Content-Type'] = 'application/json'}}, bodies[at]"),
    )
}

/// A script that sends so many requests in turn, each by its number `at`: method, path, headers, body. They
/// are written before the first is sent, since the client's work takes time from the server on the same
/// cores.
pub(crate) fn requests(given: &str, count: &str, each: &str) -> String {
    format!(
        "{given}
local function headers(own)
  for name, value in pairs(wrk.headers) do own[name] = own[name] or value end
  return own
end
local function write(method, path, own, body)
  return wrk.format(method, path, headers(own or {{}}), body)
end
local requests = {{}}
init = function()
  for at = 1, {count} do requests[at] = write({each}) end
end
local sent = 0
request = function()
  sent = sent % #requests + 1
  return requests[sent]
end
"
    )
}

/// How a line about an answer begins that [`telling`] did not expect.
const UNEXPECTED: &str = "not 2xx:";

/// The same script, telling every answer that is no success.
pub(crate) fn telling(script: &str) -> String {
    format!(
        "{script}response = function(status, _, body)
  if status > 299 then print('{UNEXPECTED} ' .. status .. ' ' .. body) end
end
"
    )
}

/// Asks what a script says for so many seconds.
pub(crate) fn run_script(
    target: Target<'_>,
    folder: &Path,
    script: &str,
    seconds: u32,
) -> Result<Measured, Failure> {
    let file = folder.join("requests.lua");
    fs::write(&file, script)?;
    let before = cpu_us_of(target.pid)?;
    let output = Command::new("wrk")
        .args(["-t1", "-c16", &format!("-d{seconds}s"), "-s"])
        .arg(&file)
        .args(["-H", &format!("Authorization: Bearer {}", target.token), target.base])
        .output()
        .map_err(|error| format!("wrk cannot be started ({error}); install it"))?;
    let cpu_us = cpu_us_of(target.pid)? - before;
    let text = String::from_utf8(output.stdout)?;
    text.lines().filter(|line| line.starts_with(UNEXPECTED)).take(3).for_each(|line| println!("{line}"));
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
    let measured = Measured {
        per_second,
        cpu_us_per_request: cpu_us as f64 / requests,
        requests: requests as u64,
        failed: failed as u64,
    };
    Ok(measured)
}
