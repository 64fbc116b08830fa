//! What keeps the gate near the truth: loads, syncs, the epoch, and comparing.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use linli_domain::{
    ids::StockId,
    inventory::{Stock, Tag},
};
use sea_orm::{
    ConnectionTrait, DbErr, FromQueryResult, Set, Statement,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use tokio::sync::{Mutex, MutexGuard};

use super::{
    engine::Inventory,
    gate::{Away, StockState},
    states,
};
use crate::{Db, Env, Error, failpoint};

/// How long a request waits for another one's load before it goes to SQL.
const LOAD_PATIENCE: Duration = Duration::from_millis(100);
const LOAD_SHARDS: usize = 64;

/// Keeps requests from loading the same tag at the same time.
pub(super) struct Loads {
    shards: [Mutex<()>; LOAD_SHARDS],
    hasher: RandomState,
}

impl Default for Loads {
    fn default() -> Self {
        Self { shards: [const { Mutex::const_new(()) }; LOAD_SHARDS], hasher: RandomState::new() }
    }
}

impl Loads {
    /// Waits briefly for the right to load `tag`.
    pub(super) async fn enter(&self, tag: &Tag) -> Option<MutexGuard<'_, ()>> {
        let index = usize::try_from(self.hasher.hash_one(tag) % LOAD_SHARDS as u64).unwrap_or(0);
        tokio::time::timeout(LOAD_PATIENCE, self.shards[index].lock()).await.ok()
    }
}

/// The epoch table.
pub mod gate_epoch {
    use sea_orm::entity::prelude::*;

    /// A row: the process that a node of the gate was when last seen.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "gate_epoch")]
    pub struct Model {
        /// Address of the node.
        #[sea_orm(primary_key, auto_increment = false)]
        pub node: String,
        /// Run id of its process.
        pub run_id: String,
        /// How often that changed.
        pub epoch: i64,
        /// When it changed last.
        pub changed_at: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A stock whose `used` is not what its live claims hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Divergence {
    /// Which stock.
    pub stock_id: Uuid,
    /// What its row says.
    pub used: i32,
    /// What its live claims hold.
    pub claimed: i64,
}

/// Looks for stocks whose `used` is not the sum of their live claims. Empty, or a defect.
pub async fn divergence_of_claims(conn: &impl ConnectionTrait) -> Result<Vec<Divergence>, DbErr> {
    const SQL: &str = "SELECT s.id AS stock_id, s.used AS used, CAST(COALESCE(SUM(l.units), 0) AS bigint) AS claimed \
         FROM stock s LEFT JOIN (SELECT cs.stock_id, cs.units FROM claim_stock cs \
           JOIN claim c ON c.id = cs.claim_id WHERE c.ended_at IS NULL) l ON l.stock_id = s.id \
         GROUP BY s.id, s.used HAVING s.used <> COALESCE(SUM(l.units), 0)";
    let statement = Statement::from_string(conn.get_database_backend(), SQL);
    Divergence::find_by_statement(statement).all(conn).await
}

/// Looks for stocks whose `waiting` is not how many wait for them. Empty, or a defect.
pub async fn divergence_of_lines(conn: &impl ConnectionTrait) -> Result<Vec<Divergence>, DbErr> {
    const SQL: &str = "SELECT s.id AS stock_id, s.waiting AS used, CAST(COALESCE(l.waiters, 0) AS bigint) AS claimed \
         FROM stock s LEFT JOIN (SELECT ws.stock_id, COUNT(*) AS waiters FROM waiting_stock ws \
           JOIN waiting w ON w.id = ws.waiting_id WHERE w.state = 'waiting' GROUP BY ws.stock_id) l \
           ON l.stock_id = s.id \
         WHERE s.waiting <> COALESCE(l.waiters, 0)";
    let statement = Statement::from_string(conn.get_database_backend(), SQL);
    Divergence::find_by_statement(statement).all(conn).await
}

/// A window of a quota whose `used` is not what claims took and did not give back.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct QuotaDivergence {
    /// Which rule counts whom.
    pub key: String,
    /// Which window of it.
    pub window: String,
    /// What its row says.
    pub used: i32,
    /// What claims count.
    pub claimed: i64,
}

/// Looks for quotas whose `used` is not what claims count. Empty, or a defect.
pub async fn divergence_of_quotas(conn: &impl ConnectionTrait) -> Result<Vec<QuotaDivergence>, DbErr> {
    const SQL: &str = r#"SELECT q."key", q."window", q.used, CAST(COALESCE(SUM(c.units), 0) AS bigint) AS claimed
         FROM quota q LEFT JOIN claim_quota c ON c."key" = q."key" AND c."window" = q."window"
         GROUP BY q."key", q."window", q.used HAVING q.used <> COALESCE(SUM(c.units), 0)"#;
    let statement = Statement::from_string(conn.get_database_backend(), SQL);
    QuotaDivergence::find_by_statement(statement).all(conn).await
}

impl Inventory {
    /// Tells the gate what SQL has of every stock of a tag.
    pub(super) async fn load(&self, db: &Db, env: &Env, tag: &Tag) -> Result<(), Error> {
        let states = states::of_tag(db.read(), env, tag).await?;
        failpoint::hit("gate.load").await;
        metrics::counter!("linli_gate_loads_total").increment(1);
        self.gate.load(tag, &states).await.map_err(away)
    }

    /// Tells the gate what SQL has of `stocks`: the work behind `gate.sync`.
    pub async fn sync(&self, db: &Db, env: &Env, stocks: &[StockId]) -> Result<(), Error> {
        let by_tag = states::of_ids(db.read(), env, stocks).await?;
        failpoint::hit("gate.sync").await;
        for (tag, states) in by_tag {
            self.gate.sync(&tag, &states).await.map_err(away)?;
        }
        Ok(())
    }

    /// Sees whether a node of the gate is another process than before, and takes on the epoch.
    ///
    /// A tag stored under another epoch is cold. So an empty restart, a promoted replica and an old
    /// snapshot cost a load each, and never a wrong answer that lasts.
    pub async fn keep_epoch(&self, db: &Db, env: &Env) -> Result<(), Error> {
        let runs = self.gate.runs().await.map_err(away)?;
        let known = gate_epoch::Entity::find().all(db.read()).await?;
        for (node, run_id) in runs {
            if known.iter().any(|row| row.node == node && row.run_id == run_id) {
                continue;
            }
            tracing::info!(gate.node = node, "another process answers at {node}: what it holds is unknown");
            let row = &gate_epoch::Model { node, run_id, epoch: 1, changed_at: env.now() };
            db.in_tx("gate.epoch", |tx| async move {
                bump(tx.conn(), row.clone()).await?;
                tx.commit(()).await
            })
            .await?;
        }
        // Rows are never deleted, so the sum grows with every change of any node.
        let rows = gate_epoch::Entity::find().all(db.read()).await?;
        self.gate.set_epoch(rows.iter().map(|row| row.epoch).sum());
        Ok(())
    }

    /// The stocks of a loaded tag of which the gate does not say what SQL says.
    pub async fn differing(&self, db: &Db, env: &Env, tag: &Tag) -> Result<Vec<StockId>, Error> {
        Ok(self.compare(db, env, tag).await?.iter().map(|state| state.stock.id).collect())
    }

    /// The gate is read first: what it says newer than SQL was committed in between.
    async fn compare(&self, db: &Db, env: &Env, tag: &Tag) -> Result<Vec<StockState>, Error> {
        let Some(in_gate) = self.gate.dump(tag).await.map_err(away)? else { return Ok(Vec::new()) };
        let in_gate: std::collections::HashMap<StockId, Stock> =
            in_gate.into_iter().map(|stock| (stock.id, stock)).collect();
        let mut states = states::of_tag(db.read(), env, tag).await?;
        states.retain(|state| match in_gate.get(&state.stock.id) {
            Some(stock) => stock.version <= state.stock.version && *stock != state.stock,
            None => true,
        });
        Ok(states)
    }

    /// Compares a loaded tag with SQL, repairs the gate, and says how many stocks differed.
    pub async fn reconcile(&self, db: &Db, env: &Env, tag: &Tag) -> Result<usize, Error> {
        let states = self.compare(db, env, tag).await?;
        if !states.is_empty() {
            self.gate.sync(tag, &states).await.map_err(away)?;
            let differed = u64::try_from(states.len()).unwrap_or(u64::MAX);
            metrics::counter!("linli_gate_divergence_total").increment(differed);
        }
        Ok(states.len())
    }
}

/// Two servers that see the change at once bump once: the second finds the run id stored.
async fn bump(tx: &impl ConnectionTrait, row: gate_epoch::Model) -> Result<(), DbErr> {
    use gate_epoch::{ActiveModel, Column, Entity};
    let run_id = row.run_id.clone();
    let row = ActiveModel {
        node: Set(row.node),
        run_id: Set(row.run_id),
        epoch: Set(row.epoch),
        changed_at: Set(row.changed_at),
    };
    let changed = OnConflict::column(Column::Node)
        .update_columns([Column::RunId, Column::ChangedAt])
        .value(Column::Epoch, Expr::col((Entity, Column::Epoch)).add(1))
        .action_and_where(Expr::col((Entity, Column::RunId)).ne(run_id))
        .to_owned();
    Entity::insert(row).on_conflict(changed).exec_without_returning(tx).await?;
    Ok(())
}

fn away(error: Away) -> Error {
    Error::unavailable("gate", error)
}
