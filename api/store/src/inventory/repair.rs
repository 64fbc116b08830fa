//! Repairing a stock whose `used` is not what its live claims hold. That is a defect or somebody's
//! hand in the tables, so it is always told as well.

use linli_domain::{Event, ids::StockId};
use sea_orm::{ConnectionTrait, DbErr, QuerySelect, Statement, entity::prelude::*};

use super::entities::stock;
use crate::{Db, Env, Error, outbox};

/// Sets `used` to what the live claims hold; `false` where they agree by now, or hold more than
/// there is, which only a person can settle.
pub async fn repair(db: &Db, env: &Env, id: StockId) -> Result<bool, Error> {
    const SQL: &str = "UPDATE stock SET used = $2, version = version + 1 \
         WHERE id = $1 AND used <> $2 AND $2 <= capacity";
    db.in_tx("stock.repair", |tx| async move {
        // The lock first and the sum after it: a claim under way is either in the sum, or waits for us
        // and takes its units from the repaired row.
        stock::Entity::find_by_id(id.0).lock_exclusive().one(tx.conn()).await?;
        let claimed = claimed(tx.conn(), id).await?;
        let values = [id.0.into(), claimed.into()];
        let update = Statement::from_sql_and_values(db.backend(), SQL, values);
        let repaired = tx.execute_raw(update).await?.rows_affected() == 1;
        if repaired {
            outbox::emit(tx.conn(), env, &[Event::GateSync(id)]).await?;
        }
        tx.commit(repaired).await
    })
    .await
}

/// Units of the live claims on a stock.
async fn claimed(conn: &impl ConnectionTrait, id: StockId) -> Result<i32, DbErr> {
    const SQL: &str = "SELECT CAST(COALESCE(SUM(cs.units), 0) AS integer) AS claimed FROM claim_stock cs \
         JOIN claim c ON c.id = cs.claim_id WHERE cs.stock_id = $1 AND c.ended_at IS NULL";
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), SQL, [id.0.into()]);
    conn.query_one_raw(statement).await?.map_or(Ok(0), |row| row.try_get("", "claimed"))
}
