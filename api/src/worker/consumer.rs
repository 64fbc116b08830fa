//! Durable consumers of the outbox: once per city, from where the last one stopped.

use std::future::Future;

use linli_domain::Event;
use linli_store::{Error, outbox};

use crate::App;

/// Events read at once.
const BATCH: u32 = 500;

/// One bounded step of the consumer `name`; `true` when there is more to read at once.
///
/// `handle` gets the events in order and must be idempotent: the cursor moves after it, so a
/// process that dies in between hands the same events out again. When it fails, the cursor stays.
pub async fn consume<F, Fut>(app: &App, name: &str, handle: F) -> Result<bool, Error>
where
    F: FnOnce(Vec<Event>) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
{
    let from = outbox::cursor::load(app.db.any_write(), name).await?;
    let entries = outbox::read_after(app.db.read(), from, BATCH).await?;
    let Some(last) = entries.last() else { return Ok(false) };
    let lag = app.env.now() - last.at;
    metrics::gauge!("linli_outbox_lag_seconds", "consumer" => name.to_owned())
        .set(lag.as_seconds_f64().max(0.0));
    let (to, more) = (last.cursor, entries.len() >= BATCH as usize);
    // An event this version does not know was written by a newer one, which also knows what to do.
    handle(entries.into_iter().filter_map(|entry| entry.event).collect()).await?;
    outbox::cursor::save(app.db.any_write(), name, to, app.env.now()).await?;
    Ok(more)
}
