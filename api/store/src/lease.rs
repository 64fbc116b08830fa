//! Leases: a job that must run once in the city, whichever worker takes it.
//!
//! A lease only keeps two workers from doing the same work; it is not a lock that correctness
//! rests on. Every leased job is idempotent.

use chrono::Duration;
use sea_orm::{
    ConnectionTrait, DbErr, Set,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use crate::Env;

/// The lease table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lease")]
pub struct Model {
    /// What is leased.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Which process holds it.
    pub holder: Uuid,
    /// Until when.
    pub until: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Takes or renews the lease `name`; `false` when another process holds it.
pub async fn acquire(
    conn: &impl ConnectionTrait,
    env: &Env,
    name: &str,
    holder: Uuid,
    term: Duration,
) -> Result<bool, DbErr> {
    let now = env.now();
    let row = ActiveModel { name: Set(name.to_owned()), holder: Set(holder), until: Set(now + term) };
    let free_or_mine =
        Expr::col((Entity, Column::Until)).lt(now).or(Expr::col((Entity, Column::Holder)).eq(holder));
    let taken = Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::Name)
                .update_columns([Column::Holder, Column::Until])
                .action_and_where(free_or_mine)
                .to_owned(),
        )
        .exec_without_returning(conn)
        .await?;
    Ok(taken == 1)
}

/// Gives the lease back early, at shutdown.
pub async fn release(conn: &impl ConnectionTrait, name: &str, holder: Uuid) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::Name.eq(name)).filter(Column::Holder.eq(holder)).exec(conn).await?;
    Ok(())
}
