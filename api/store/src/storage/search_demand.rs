//! What many people look for and do not find, by day and street.

use chrono::NaiveDate;
use sea_orm::{
    Condition, ExprTrait, FromQueryResult, QueryOrder, QuerySelect, Set,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};

use crate::Env;

/// How often something was asked for in vain.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_demand")]
pub struct Model {
    /// The local date.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: NaiveDate,
    /// The street's place in the tree; empty where nobody said where she was.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_path: String,
    /// What was asked for, folded.
    #[sea_orm(primary_key, auto_increment = false)]
    pub words: String,
    /// How often.
    pub asked: i32,
    /// When this row changed last.
    pub last_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// More of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct More {
    /// See [`Model::day`].
    pub day: NaiveDate,
    /// See [`Model::org_path`].
    pub org_path: String,
    /// See [`Model::words`].
    pub words: String,
    /// How often, beyond what stands there.
    pub asked: i32,
}

/// Adds to what stands there.
pub async fn add(conn: &impl ConnectionTrait, env: &Env, more: &[More]) -> Result<(), DbErr> {
    if more.is_empty() {
        return Ok(());
    }
    let rows = more.iter().map(|more| ActiveModel {
        day: Set(more.day),
        org_path: Set(more.org_path.clone()),
        words: Set(more.words.clone()),
        asked: Set(more.asked),
        last_at: Set(env.now()),
    });
    let sum = Expr::col((Entity, Column::Asked)).add(Expr::cust("excluded.asked"));
    Entity::insert_many(rows)
        .on_conflict(
            OnConflict::columns([Column::Day, Column::OrgPath, Column::Words])
                .value(Column::Asked, sum)
                .update_column(Column::LastAt)
                .to_owned(),
        )
        .exec_without_returning(conn)
        .await?;
    Ok(())
}

/// What was asked for in vain at one place over a time.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Sum {
    /// See [`Model::org_path`].
    pub org_path: String,
    /// See [`Model::words`].
    pub words: String,
    /// How often.
    pub asked: i64,
    /// On so many days.
    pub days: i64,
    /// On which day last.
    pub last_day: NaiveDate,
}

/// The most wanted first, from one day to another, both included.
pub async fn most_wanted(
    conn: &impl ConnectionTrait,
    visible: Condition,
    (from, to): (NaiveDate, NaiveDate),
    limit: u64,
) -> Result<Vec<Sum>, DbErr> {
    Entity::find()
        .select_only()
        .columns([Column::OrgPath, Column::Words])
        .column_as(Column::Asked.sum(), "asked")
        .column_as(Column::Day.count(), "days")
        .column_as(Column::Day.max(), "last_day")
        .filter(visible)
        .filter(Column::Day.between(from, to))
        .group_by(Column::OrgPath)
        .group_by(Column::Words)
        .order_by_desc(Column::Asked.sum())
        .order_by_asc(Column::Words)
        .order_by_asc(Column::OrgPath)
        .limit(limit)
        .into_model::<Sum>()
        .all(conn)
        .await
}
