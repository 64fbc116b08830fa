//! Text through Meilisearch, with the embedded index behind it.

mod feed;

use std::time::Duration;

use linli_search::{Answer, Ask, SearchEngine, meili};
use linli_store::{Error, storage::search_node};
use tokio_util::sync::CancellationToken;

pub use feed::{feed, want_rebuild};

use crate::{App, clients::meili::AskError, health::Part};

/// How often it is looked which indexes are read and which nodes are back.
const WATCH: Duration = Duration::from_millis(500);

/// What is meant, and whether the answer came from the lesser engine.
pub async fn search(
    app: &App,
    engine: &SearchEngine,
    question: &str,
    ask: &Ask,
) -> Result<(Answer, bool), Error> {
    let failed = |error| Error::internal("searching", error);
    let Some(nodes) = &app.meili else { return Ok((engine.search(question, ask).map_err(failed)?, false)) };
    match tokio::time::timeout(nodes.patience(), engine.search_in(nodes, question, ask)).await {
        Ok(Ok(answer)) => return Ok((answer, false)),
        Ok(Err(AskError::Engine(error))) => return Err(failed(error)),
        Ok(Err(AskError::Away)) | Err(_) => {}
    }
    metrics::counter!("linli_search_degraded_total").increment(1);
    Ok((engine.search(question, ask).map_err(failed)?, true))
}

/// Keeps an eye on the nodes until `stop`: which index is read on each, and which are back.
pub async fn watch(app: App, stop: CancellationToken) {
    let Some(nodes) = &app.meili else { return };
    let fingerprint = meili::fingerprint(super::catalogue::analyzer().lexicon());
    loop {
        let mut usable = 0;
        for node in &nodes.nodes {
            // While the database is away, what was read last is read on.
            if let Ok(row) = search_node::load(app.db.read(), &app.env, &node.name).await {
                let ours = !row.index_uid.is_empty() && row.fingerprint == fingerprint;
                node.read_from(ours.then_some(row.index_uid));
            }
            node.probe().await;
            usable += usize::from(node.is_usable());
        }
        let state = match usable {
            0 => Part::Degraded("the embedded index answers"),
            _ if usable < nodes.nodes.len() => Part::Degraded("a node is away"),
            _ => Part::Ready,
        };
        app.health.set("search", state);
        metrics::gauge!("linli_search_nodes_usable").set(usable as f64);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(WATCH) => {}
        }
    }
}
