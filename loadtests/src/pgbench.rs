//! pgbench as the yardstick of what is written: it replays the statements that the database logged for
//! one booking, with nothing of ours round them.

use std::{collections::HashMap, fs, path::Path, process::Command, thread, time::Duration};

use crate::{Failure, processes::Postgres};

/// The transaction of one booking, with the values it had.
pub(crate) struct Transaction {
    statements: Vec<String>,
    key: String,
    stock: String,
    resident: String,
    /// First digits of the ids made since, whose first digits are the time.
    made_since: String,
}

/// Stocks that the replay spreads over.
const STOCKS: u32 = 1_000;

impl Transaction {
    /// Logs what `book` makes the database do; the booking is made under the idempotency key `key`.
    pub(crate) fn of(
        database: &Postgres,
        key: &str,
        book: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        set_logging(database, "all")?;
        let from: u64 = database.sql("SELECT size FROM pg_stat_file('log')")?.trim().parse()?;
        let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now());
        book()?;
        set_logging(database, "none")?;
        let log = database.sql(&format!("SELECT pg_read_file('log', {from}, 10000000)"))?;
        let statements = transactions(&log)
            .into_iter()
            .find(|statements| statements.iter().any(|one| one.contains("INSERT INTO \"booking\" ")))
            .ok_or("the log of the database shows no booking")?;
        let row = database.sql(
            "SELECT cs.stock_id, b.resident_id FROM booking b JOIN claim_stock cs ON cs.claim_id = b.id \
             ORDER BY b.created_at DESC LIMIT 1",
        )?;
        let (stock, resident) = row.trim().split_once('|').ok_or("no booking is there")?;
        let hex = format!("{:012x}", now.timestamp_millis());
        let made_since = format!("{}-{}", &hex[..8], &hex[8..]);
        let (key, stock, resident) = (key.to_owned(), stock.to_owned(), resident.to_owned());
        Ok(Self { statements, key, stock, resident, made_since })
    }

    /// How many statements it has, BEGIN and COMMIT among them.
    pub(crate) fn len(&self) -> usize {
        self.statements.len()
    }

    /// Replays it for so many seconds, always anew and on another stock; returns how often per second.
    pub(crate) fn replay(&self, database: &Postgres, folder: &Path, seconds: u32) -> Result<f64, Failure> {
        database.sql(&format!(
            "INSERT INTO stock SELECT r.* FROM stock s, generate_series(0, {STOCKS} - 1) g, \
             jsonb_populate_record(s, jsonb_build_object('id', lpad(to_hex(g), 32, 'b')::uuid, \
               'capacity', 2000000000)) r WHERE s.id = '{}' ON CONFLICT DO NOTHING",
            self.stock
        ))?;
        let script = folder.join("booking.sql");
        fs::write(&script, self.script())?;
        let output = Command::new("pgbench")
            .args(["-n", "-M", "prepared", "-c", "16", "-j", "1", "-T", &seconds.to_string(), "-f"])
            .arg(&script)
            .arg(database.url())
            .output()
            .map_err(|error| format!("pgbench cannot be started: {error}"))?;
        let text = String::from_utf8(output.stdout)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next());
        match tps {
            Some(tps) if output.status.success() => Ok(tps.parse()?),
            _ => Err(format!("pgbench said: {text}{errors}").into()),
        }
    }

    fn script(&self) -> String {
        let mut fresh: HashMap<String, usize> = HashMap::new();
        let mut script =
            format!("\\set n random(1, 9000000000000000000)\n\\set stock random(0, {STOCKS} - 1)\n");
        for statement in &self.statements {
            let mut statement = statement
                .replace(&format!("'{}'", self.stock), "(lpad(to_hex(:stock::bigint), 32, 'b')::uuid)")
                .replace(&format!("'{}'", self.key), "('key ' || :n::bigint)");
            if statement.contains("\"booking_presence\"") {
                // A resident is at one place at a time; here everybody is another one.
                statement = statement.replace(&format!("'{}'", self.resident), &id_expression(0));
            }
            for id in ids(&statement) {
                if *id >= *self.made_since {
                    let next = fresh.len() + 1;
                    let nth = *fresh.entry(id.clone()).or_insert(next);
                    statement = statement.replace(&format!("'{id}'"), &id_expression(nth));
                }
            }
            script.push_str(&statement);
            script.push_str(";\n");
        }
        script
    }
}

fn id_expression(nth: usize) -> String {
    format!("((lpad(to_hex(:n::bigint), 16, '0') || lpad('{nth:x}', 16, '0'))::uuid)")
}

fn set_logging(database: &Postgres, what: &str) -> Result<(), Failure> {
    database.sql(&format!("ALTER SYSTEM SET log_statement = '{what}'"))?;
    database.sql("SELECT pg_reload_conf()")?;
    // Each of its processes reads that when it is idle.
    thread::sleep(Duration::from_millis(500));
    Ok(())
}

/// The committed transactions of a log, their parameters written into the statements.
fn transactions(log: &str) -> Vec<Vec<String>> {
    // `2026-11-24 13:40:00.123 UTC [4711] LOG:  …`; a line that begins with a tab goes on.
    let log = log.replace("\n\t", " ");
    let (mut open, mut done): (HashMap<&str, Vec<String>>, _) = (HashMap::new(), Vec::new());
    for line in log.lines() {
        let Some((pid, text)) = line.split_once(" [").and_then(|(_, rest)| rest.split_once("] ")) else {
            continue;
        };
        if let Some(parameters) = text.strip_prefix("DETAIL:  parameters: ") {
            if let Some(last) = open.get_mut(pid).and_then(|statements| statements.last_mut()) {
                *last = filled(last, parameters);
            }
            continue;
        }
        let Some(statement) = text.strip_prefix("LOG:  ").and_then(|text| {
            let (what, statement) = text.split_once(": ")?;
            (what == "statement" || what.starts_with("execute")).then_some(statement)
        }) else {
            continue;
        };
        if statement.starts_with("BEGIN") {
            open.insert(pid, Vec::new());
        }
        if let Some(statements) = open.get_mut(pid) {
            statements.push(statement.trim_end_matches(';').to_owned());
        }
        if statement.starts_with("COMMIT") {
            done.extend(open.remove(pid));
        }
    }
    done
}

/// Writes the values of `$1 = 'a', $2 = NULL` into a statement.
fn filled(statement: &str, parameters: &str) -> String {
    let mut values = Vec::new();
    let mut rest = parameters;
    while let Some((_, after)) = rest.split_once(" = ") {
        let end = if after.starts_with('\'') {
            // A quote inside is doubled.
            let mut quotes = after.char_indices().skip(1).filter(|(_, c)| *c == '\'').map(|(at, _)| at);
            loop {
                match quotes.next() {
                    Some(at) if after[at + 1..].starts_with('\'') => drop(quotes.next()),
                    Some(at) => break at + 1,
                    None => break after.len(),
                }
            }
        } else {
            after.find(',').unwrap_or(after.len())
        };
        values.push(&after[..end]);
        rest = &after[end..];
    }
    // From the last one, so that `$1` does not strike in `$12`.
    values.iter().enumerate().rev().fold(statement.to_owned(), |statement, (at, value)| {
        statement.replace(&format!("${}", at + 1), value)
    })
}

/// The ids that stand alone in a statement.
fn ids(statement: &str) -> Vec<String> {
    let is_id = |text: &&str| {
        text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
    };
    statement.split('\'').filter(is_id).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2026-11-24 13:40:00.123 UTC [7] LOG:  statement: BEGIN\n\
        2026-11-24 13:40:00.123 UTC [8] LOG:  execute sqlx_s_1: SELECT 1\n\
        2026-11-24 13:40:00.124 UTC [7] LOG:  execute sqlx_s_2: INSERT INTO \"a\" VALUES\n\t($1, $2, $10)\n\
        2026-11-24 13:40:00.124 UTC [7] DETAIL:  parameters: $1 = 'it''s', $2 = NULL, $3 = '3', $4 = '4', \
        $5 = '5', $6 = '6', $7 = '7', $8 = '8', $9 = '9', $10 = '01a20dbb-86d1-7365-9f07-d804eb3c69be'\n\
        2026-11-24 13:40:00.125 UTC [7] LOG:  statement: COMMIT\n";

    #[test]
    fn a_log_is_read_as_transactions_with_their_values() {
        let read = transactions(LOG);
        let insert = "INSERT INTO \"a\" VALUES ('it''s', NULL, '01a20dbb-86d1-7365-9f07-d804eb3c69be')";
        assert_eq!(read, [["BEGIN", insert, "COMMIT"]]);
        assert_eq!(ids(insert), ["01a20dbb-86d1-7365-9f07-d804eb3c69be"]);
    }
}
