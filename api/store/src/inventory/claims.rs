//! Claims in SQL: the rows, and the two updates that decide.

use linli_domain::{
    ids::{ClaimId, StockId},
    inventory::{Claim, KeyDigest, Need, Shortage, Stock, Tag},
};
use sea_orm::{
    ConnectionTrait, DbErr, QueryOrder, QueryResult, QuerySelect, Set, Statement, Value, entity::prelude::*,
    sea_query::Expr,
};

use crate::{Env, Error, failpoint};

/// The stock table.
pub mod stock {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "stock")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Unit of loading in the gate.
        pub tag: String,
        /// What runs out: `room_cell`.
        pub subject: String,
        /// Units there are.
        pub capacity: i32,
        /// Units that live claims hold.
        pub used: i32,
        /// Whether it may be claimed.
        pub open: bool,
        /// Grows with every change.
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The claim table.
pub mod claim {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "claim")]
    pub struct Model {
        /// Id, which is also the id of what it is for.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Who claims.
        pub principal: String,
        /// Names it to the gate.
        pub digest: String,
        /// When it was made.
        pub created_at: DateTimeUtc,
        /// When it lapses by itself, if it does.
        pub expires_at: Option<DateTimeUtc>,
        /// When it was given back; a claim without is live.
        pub ended_at: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What a claim holds of each stock.
pub mod claim_stock {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "claim_stock")]
    pub struct Model {
        /// Which claim.
        #[sea_orm(primary_key, auto_increment = false)]
        pub claim_id: Uuid,
        /// Which stock.
        #[sea_orm(primary_key, auto_increment = false)]
        pub stock_id: Uuid,
        /// How many units.
        pub units: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Whether SQL asks for a free unit before it takes one. `Off` is the negative control of the race
/// tests: it must be convicted by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    On,
    Off,
}

impl Guard {
    pub(super) fn from_environment() -> Self {
        if failpoint::is_on("stock.unguarded") { Self::Off } else { Self::On }
    }
}

/// A stock that could not give, as SQL says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Short {
    pub(super) stock: StockId,
    pub(super) shortage: Shortage,
}

/// Writes the claim and what it holds. Comes before [`take`], whose rows are the hot ones.
pub(super) async fn insert(tx: &impl ConnectionTrait, env: &Env, claim: &Claim) -> Result<(), DbErr> {
    let row = claim::ActiveModel {
        id: Set(claim.id.0),
        principal: Set(claim.principal.clone()),
        digest: Set(claim.digest.to_string()),
        created_at: Set(env.now()),
        expires_at: Set(None),
        ended_at: Set(None),
    };
    claim::Entity::insert(row).exec_without_returning(tx).await?;
    let held = claim.needs_by_stock().into_iter().map(|need| claim_stock::ActiveModel {
        claim_id: Set(claim.id.0),
        stock_id: Set(need.stock.0),
        units: Set(to_i32(need.units)),
    });
    claim_stock::Entity::insert_many(held).exec_without_returning(tx).await?;
    Ok(())
}

/// Takes the units of every need, in the order of ids so that no two claims wait for each other.
pub(super) async fn take(
    tx: &impl ConnectionTrait,
    needs: &[Need],
    guard: Guard,
) -> Result<Result<Vec<Stock>, Short>, DbErr> {
    let sql = match guard {
        Guard::On => {
            "UPDATE stock SET used = used + $2, version = version + 1 \
             WHERE id = $1 AND open AND used + $2 <= capacity RETURNING id, capacity, used, open, version"
        }
        Guard::Off => {
            "UPDATE stock SET used = used + $2, version = version + 1 \
             WHERE id = $1 RETURNING id, capacity, used, open, version"
        }
    };
    let mut taken = Vec::with_capacity(needs.len());
    for need in needs {
        match update(tx, sql, need).await? {
            Some(stock) => taken.push(stock),
            None => return Ok(Err(why_not(tx, need.stock).await?)),
        }
    }
    Ok(Ok(taken))
}

/// Tells "closed" from "sold out"; a stock that is gone is closed.
async fn why_not(tx: &impl ConnectionTrait, stock: StockId) -> Result<Short, DbErr> {
    let row = stock::Entity::find_by_id(stock.0).one(tx).await?;
    let open = row.is_some_and(|row| row.open);
    Ok(Short { stock, shortage: if open { Shortage::SoldOut } else { Shortage::Closed } })
}

/// What a live claim holds, as its release needs to know.
pub(super) struct Held {
    pub(super) digest: KeyDigest,
    pub(super) needs: Vec<(Tag, Need)>,
}

/// Reads what a live claim holds; `None` when it is not live.
pub(super) async fn held(conn: &impl ConnectionTrait, id: ClaimId) -> Result<Option<Held>, Error> {
    let Some(row) =
        claim::Entity::find_by_id(id.0).filter(claim::Column::EndedAt.is_null()).one(conn).await?
    else {
        return Ok(None);
    };
    let digest = row.digest.parse().map_err(|error| Error::internal("reading a claim's digest", error))?;
    let rows = claim_stock::Entity::find()
        .filter(claim_stock::Column::ClaimId.eq(id.0))
        .order_by_asc(claim_stock::Column::StockId)
        .all(conn)
        .await?;
    let tags: std::collections::HashMap<Uuid, String> = stock::Entity::find()
        .select_only()
        .columns([stock::Column::Id, stock::Column::Tag])
        .filter(stock::Column::Id.is_in(rows.iter().map(|row| row.stock_id)))
        .into_tuple::<(Uuid, String)>()
        .all(conn)
        .await?
        .into_iter()
        .collect();
    let needs = rows.into_iter().filter_map(|row| {
        let need = Need { stock: row.stock_id.into(), units: to_u32(row.units) };
        Some((Tag::from(tags.get(&row.stock_id)?.clone()), need))
    });
    Ok(Some(Held { digest, needs: needs.collect() }))
}

/// Ends a live claim: `false` when it is not live any more.
pub(super) async fn end(tx: &impl ConnectionTrait, env: &Env, id: ClaimId) -> Result<bool, DbErr> {
    let ended = claim::Entity::update_many()
        .col_expr(claim::Column::EndedAt, Expr::value(env.now()))
        .filter(claim::Column::Id.eq(id.0))
        .filter(claim::Column::EndedAt.is_null())
        .exec(tx)
        .await?;
    Ok(ended.rows_affected == 1)
}

/// Gives the units of an ended claim back, in the order of ids.
pub(super) async fn give_back(tx: &impl ConnectionTrait, needs: &[Need]) -> Result<Vec<Stock>, DbErr> {
    const SQL: &str = "UPDATE stock SET used = used - $2, version = version + 1 \
                       WHERE id = $1 RETURNING id, capacity, used, open, version";
    let mut stocks = Vec::new();
    for need in needs {
        stocks.extend(update(tx, SQL, need).await?);
    }
    Ok(stocks)
}

async fn update(tx: &impl ConnectionTrait, sql: &'static str, need: &Need) -> Result<Option<Stock>, DbErr> {
    let values: [Value; 2] = [need.stock.0.into(), to_i32(need.units).into()];
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    tx.query_one_raw(statement).await?.as_ref().map(read_stock).transpose()
}

pub(super) fn read_stock(row: &QueryResult) -> Result<Stock, DbErr> {
    Ok(Stock {
        id: row.try_get::<Uuid>("", "id")?.into(),
        capacity: to_u32(row.try_get("", "capacity")?),
        used: to_u32(row.try_get("", "used")?),
        open: row.try_get("", "open")?,
        version: row.try_get("", "version")?,
    })
}

pub(super) fn to_u32(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn to_i32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
