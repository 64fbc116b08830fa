//! Fail points: named places where a test makes the process die, wait or misbehave.
//!
//! `LINLI_FAILPOINTS="claim.after_commit=abort(20);gate.load=sleep(50)"`: the process dies at the
//! twentieth claim that comes by, and every load of the gate takes 50 ms longer. Only builds with debug
//! assertions know them; a release build has neither the variable nor the places.
//!
//! | point | where |
//! |---|---|
//! | `claim.reserved` | the gate holds the units, SQL is not asked yet |
//! | `claim.before_commit` | everything is written, nothing is durable |
//! | `claim.after_commit` | the claim is durable, neither gate nor client know |
//! | `claim.settled` | the gate knows as well, the client does not |
//! | `release.before_commit`, `release.after_commit` | the same for giving back |
//! | `gate.load` | the states are read, the gate does not have them yet |
//! | `gate.sync` | the same for a sync |
//! | `import.batch`, `import.before_commit` | some rows, or all of a file, are written, none is durable |
//! | `search.fill` | a page is written into a new search index that nobody reads yet |
//! | `reindex.before_commit`, `reindex.after_commit` | some blind indexes are under the new key, durable or not |
//! | `reindex.before_forgetting` | all of them are, the old key is still there |
//! | `stock.unguarded` | a switch: SQL takes without asking whether any is left (negative control) |

#[cfg(debug_assertions)]
mod points {
    use std::{
        collections::HashMap,
        env, process,
        sync::{
            LazyLock,
            atomic::{AtomicU32, Ordering},
        },
        time::Duration,
    };

    enum Action {
        /// How many more come by before it strikes.
        Abort(AtomicU32),
        Sleep(Duration),
        On,
    }

    static POINTS: LazyLock<HashMap<String, Action>> =
        LazyLock::new(|| parse(&env::var("LINLI_FAILPOINTS").unwrap_or_default()));

    /// # Panics
    /// When the variable cannot be read: a test that misspells its fault must not pass.
    fn parse(text: &str) -> HashMap<String, Action> {
        let points = text.split(';').map(str::trim).filter(|point| !point.is_empty());
        points
            .map(|point| {
                let (name, action) = point.split_once('=').expect("a fail point is name=action");
                let (verb, number) = action.split_once('(').unwrap_or((action, "1)"));
                let number: u32 = number
                    .strip_suffix(')')
                    .and_then(|number| number.parse().ok())
                    .expect("a fail point has a whole number in its brackets");
                let action = match verb {
                    "abort" => Action::Abort(AtomicU32::new(number.max(1) - 1)),
                    "sleep" => Action::Sleep(Duration::from_millis(number.into())),
                    "on" => Action::On,
                    _ => panic!("a fail point does abort, abort(nth time), sleep(ms) or on"),
                };
                (name.to_owned(), action)
            })
            .collect()
    }

    /// Passes the place `name`, or meets what the test put there.
    pub async fn hit(name: &str) {
        match POINTS.get(name) {
            // As abrupt as kill -9: no destructor runs, no buffer is flushed.
            Some(Action::Abort(left)) => {
                let earlier =
                    left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
                if earlier.is_err() {
                    process::abort();
                }
            }
            Some(Action::Sleep(time)) => {
                // A test may wait for it.
                tracing::warn!("waiting at the fail point {name}");
                tokio::time::sleep(*time).await;
            }
            Some(Action::On) | None => {}
        }
    }

    /// Whether the switch `name` is on.
    pub fn is_on(name: &str) -> bool {
        matches!(POINTS.get(name), Some(Action::On))
    }
}

#[cfg(debug_assertions)]
pub use points::{hit, is_on};

#[cfg(not(debug_assertions))]
#[expect(clippy::unused_async, reason = "the same signature as in builds that can fail here")]
/// Nothing fails here.
pub async fn hit(_: &str) {}

#[cfg(not(debug_assertions))]
/// Nothing is switched on here.
pub const fn is_on(_: &str) -> bool {
    false
}
