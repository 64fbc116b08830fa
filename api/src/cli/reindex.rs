//! `linli reindex`: everything that is searched, built anew from the tables.

use std::time::Duration;

use indicatif::ProgressBar;
use linli_store::{Env, storage::search_node};
use tokio_util::sync::CancellationToken;

use super::{Outcome, say};
use crate::{
    App, Config,
    app::discovery::{catalogue, meili},
};

/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Runs it: the embedded index of this folder, then every Meilisearch node, by whichever process feeds it.
pub(super) async fn run(config: Config) -> Outcome {
    let app = App::build(config, Env::system()).await?;
    match catalogue::rebuild(&app).await? {
        Some(facilities) => say(&format!("embedded index: {facilities} facilities")),
        None => say(
            "embedded index: a running server keeps it in this data_dir and compares it with the tables itself",
        ),
    }
    let Some(nodes) = &app.meili else { return Ok(()) };
    let stop = CancellationToken::new();
    let mut feeds = tokio::task::JoinSet::new();
    for node in &nodes.nodes {
        meili::want_rebuild(&app, &node.name).await?;
        // A worker may be feeding it already; then this one only waits for its turn.
        feeds.spawn(meili::feed(app.clone(), node.clone(), stop.clone()));
    }
    for node in &nodes.nodes {
        let bar = ProgressBar::new(0).with_message(node.name.clone());
        loop {
            let row = search_node::load(app.db.any_write(), &app.env, &node.name).await?;
            bar.set_length(u64::try_from(row.total).unwrap_or_default());
            bar.set_position(u64::try_from(row.done).unwrap_or_default());
            if !row.rebuild_wanted {
                bar.finish_and_clear();
                say(&format!("{}: {} facilities in {}", node.name, row.done, row.index_uid));
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    stop.cancel();
    while feeds.join_next().await.is_some() {}
    Ok(())
}
