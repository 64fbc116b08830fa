//! Comparing whatever holds state with the tables, and the tables with themselves; and repairing.
//!
//! The periodic jobs do the same piece by piece. Here it is done at once and told, for an operator
//! who wants to be sure.

use std::{collections::HashSet, time::Duration};

use linli_domain::{Event, ids::StockId, inventory::Tag, time::local_date};
use linli_store::{
    Error,
    inventory::{self, divergence_of_claims},
    lineage, outbox,
    storage::rooms,
};
use serde::Serialize;

use crate::{App, config::GateKind};

/// How old an event may grow before its consumer counts as gone.
const BEHIND_S: i64 = 60;
/// What the gate is told within this time was only under way.
const UNDER_WAY: Duration = Duration::from_secs(2);

/// Something that is not as it has to be.
#[derive(Debug, Serialize)]
pub struct Divergence {
    /// `lineage`, `stock`, `gate` or `outbox`.
    pub part: &'static str,
    /// Which one: a stock, a tag, a consumer.
    pub subject: String,
    /// What was found, as a sentence goes on.
    pub found: String,
    /// Whether it is as it has to be now.
    pub repaired: bool,
}

/// What to do about what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Check,
    /// Repair it.
    Repair,
    /// Repair it, knowing that the database was restored from a backup.
    AfterRestore,
}

/// Compares everything.
pub async fn run(app: &App, mode: Mode) -> Result<Vec<Divergence>, Error> {
    let mut found = Vec::new();
    found.extend(line(app, mode).await?);
    found.extend(stocks(app, mode != Mode::Check).await?);
    if app.config.gate == GateKind::Redis {
        found.extend(gate(app, mode != Mode::Check).await?);
    }
    found.extend(behind(app).await?);
    if mode != Mode::Check {
        // Catalogues live in the servers: each one compares its own now, and repairs and counts.
        app.db
            .in_tx("reconcile.catalogues", |tx| async move {
                outbox::emit(tx.conn(), &app.env, &[Event::CatalogueDoubted]).await?;
                tx.commit(()).await
            })
            .await?;
    }
    Ok(found)
}

async fn line(app: &App, mode: Mode) -> Result<Option<Divergence>, Error> {
    let state = match mode {
        Mode::Check => lineage::look(app.db.read()).await?,
        Mode::Repair => lineage::keep(&app.db, &app.env).await?,
        Mode::AfterRestore => lineage::renew(&app.db, &app.env).await?,
    };
    let text = match state {
        _ if mode == Mode::AfterRestore => "was restored: copies and the gate start over",
        lineage::State::New | lineage::State::Same => return Ok(None),
        lineage::State::Another { ahead: true } => {
            "was restored into a cluster whose transaction ids are behind: events would be lost"
        }
        lineage::State::Another { ahead: false } => "is another one than before: restored or promoted",
    };
    let repaired = mode != Mode::Check;
    Ok(Some(Divergence {
        part: "lineage",
        subject: "the database".to_owned(),
        found: text.to_owned(),
        repaired,
    }))
}

/// Compares every stock with its live claims. What differs is a defect, so it is also logged.
pub async fn stocks(app: &App, repair: bool) -> Result<Vec<Divergence>, Error> {
    let mut found = Vec::new();
    for differs in divergence_of_claims(app.db.read()).await? {
        let repaired = repair && inventory::repair(&app.db, &app.env, differs.stock_id.into()).await?;
        tracing::error!(
            stock.id = %differs.stock_id,
            stock.used = differs.used,
            stock.claimed = differs.claimed,
            stock.repaired = repaired,
            "a stock is not what its live claims hold"
        );
        metrics::counter!("linli_stock_divergence_total").increment(1);
        let text = format!("says {} used, its live claims hold {}", differs.used, differs.claimed);
        found.push(Divergence {
            part: "stock",
            subject: differs.stock_id.to_string(),
            found: text,
            repaired,
        });
    }
    Ok(found)
}

/// Compares every tag from today on; what differs twice, a while apart, was not just under way.
async fn gate(app: &App, repair: bool) -> Result<Vec<Divergence>, Error> {
    app.inventory.keep_epoch(&app.db, &app.env).await?;
    let mut suspects: Vec<(Tag, HashSet<StockId>)> = Vec::new();
    for tag in rooms::any_tags_from(app.db.read(), local_date(app.env.now())).await? {
        let differing: HashSet<_> =
            app.inventory.differing(&app.db, &app.env, &tag).await?.into_iter().collect();
        if !differing.is_empty() {
            suspects.push((tag, differing));
        }
    }
    if !suspects.is_empty() {
        tokio::time::sleep(UNDER_WAY).await;
    }
    let mut found = Vec::new();
    for (tag, before) in suspects {
        let differing = app.inventory.differing(&app.db, &app.env, &tag).await?;
        let count = differing.iter().filter(|stock| before.contains(stock)).count();
        if count == 0 {
            continue;
        }
        if repair {
            app.inventory.reconcile(&app.db, &app.env, &tag).await?;
        }
        let text = format!("says of {count} stocks what the tables do not say");
        found.push(Divergence {
            part: "gate",
            subject: tag.as_str().to_owned(),
            found: text,
            repaired: repair,
        });
    }
    Ok(found)
}

/// Consumers that do not read on. Only a worker can repair that.
async fn behind(app: &App) -> Result<Vec<Divergence>, Error> {
    let mut found = Vec::new();
    for (consumer, age_s) in outbox::cursor::ages_s(app.db.read(), app.env.now()).await? {
        if age_s > BEHIND_S {
            let text = format!("has not read an event of {age_s} s ago; is a worker running?");
            found.push(Divergence { part: "outbox", subject: consumer, found: text, repaired: false });
        }
    }
    Ok(found)
}
