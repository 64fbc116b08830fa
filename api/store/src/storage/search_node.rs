//! What each Meilisearch node holds. Its cursor of the outbox carries the same name.

use sea_orm::{Set, entity::prelude::*, sea_query::OnConflict};

use crate::Env;

/// A node, as this database knows it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_node")]
pub struct Model {
    /// Name of the node and of its cursor.
    #[sea_orm(primary_key, auto_increment = false)]
    pub node: String,
    /// The index that is read; empty until one was built.
    pub index_uid: String,
    /// When the node says it made that index: one of the same name made at another time is not ours.
    pub made_at: String,
    /// The vocabulary and settings it was built by.
    pub fingerprint: String,
    /// Whether somebody asked for it to be built anew.
    pub rebuild_wanted: bool,
    /// Facilities written by the build under way or the last one.
    pub done: i64,
    /// Of so many.
    pub total: i64,
    /// When this row changed last.
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What is known of a node; nothing was built when nothing is.
pub async fn load(conn: &impl ConnectionTrait, env: &Env, node: &str) -> Result<Model, DbErr> {
    let row = Entity::find_by_id(node.to_owned()).one(conn).await?;
    Ok(row.unwrap_or_else(|| Model {
        node: node.to_owned(),
        index_uid: String::new(),
        made_at: String::new(),
        fingerprint: String::new(),
        rebuild_wanted: false,
        done: 0,
        total: 0,
        updated_at: env.now(),
    }))
}

/// Writes down what is known of a node now.
pub async fn save(conn: &impl ConnectionTrait, env: &Env, row: Model) -> Result<(), DbErr> {
    use Column::{Done, Fingerprint, IndexUid, MadeAt, RebuildWanted, Total, UpdatedAt};
    let row = ActiveModel {
        node: Set(row.node),
        index_uid: Set(row.index_uid),
        made_at: Set(row.made_at),
        fingerprint: Set(row.fingerprint),
        rebuild_wanted: Set(row.rebuild_wanted),
        done: Set(row.done),
        total: Set(row.total),
        updated_at: Set(env.now()),
    };
    let all = [IndexUid, MadeAt, Fingerprint, RebuildWanted, Done, Total, UpdatedAt];
    Entity::insert(row)
        .on_conflict(OnConflict::column(Column::Node).update_columns(all).to_owned())
        .exec_without_returning(conn)
        .await?;
    Ok(())
}
