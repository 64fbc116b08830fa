//! Idempotency: the same key is one effect, and a retry gets the stored answer.
//!
//! The record is the first row of the transaction that does the work. A second request with the
//! same key waits on that row (PostgreSQL: at most `lock_timeout`; SQLite: for the one writer) and
//! then either replays the answer or is told that the first is still at work. Refusals are not
//! stored: the transaction is rolled back and a retry is judged anew.

use aws_lc_rs::digest;
use chrono::Duration;
use linli_domain::{Code, Refusal, inventory::KeyDigest};
use sea_orm::{
    ConnectionTrait, EntityTrait, QueryFilter, Set,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use crate::{Db, Env, Error, Tx, error::is_lock_timeout};

/// How long an answer can be replayed.
pub const KEPT: Duration = Duration::hours(48);

/// The idempotency table.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency")]
pub struct Model {
    /// Who asked, as `resident:<id>` or `staff:<id>`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub principal: String,
    /// The caller's key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// The operation, so that a key cannot cross operations.
    pub operation: String,
    /// SHA-256 of the request, hexadecimal.
    pub digest: String,
    /// Stored status.
    pub status: i16,
    /// Stored answer.
    pub answer: Json,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it may go.
    pub expires_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A request that must have one effect.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub principal: String,
    /// Their key: 1 to 255 visible ASCII characters.
    pub key: String,
    /// What they ask for.
    pub operation: &'static str,
    /// Digest of what they sent.
    pub digest: String,
}

impl Request {
    /// Names the request to the gate, without telling it who asks.
    pub fn key_digest(&self) -> KeyDigest {
        let text = format!("{}\n{}", self.principal, self.key);
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_ref()[..16]);
        KeyDigest(bytes)
    }
}

/// The stored answer of an earlier request.
#[derive(Clone, Debug)]
pub struct Stored {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub answer: serde_json::Value,
}

/// What to do next.
#[derive(Debug)]
pub enum Begun {
    /// Do the work; the answer is already stored with it.
    Fresh,
    /// It was done; answer this.
    Replay(Stored),
}

/// One transaction that has one effect: the record, then what `work` writes. Answers whether it was done
/// now or before.
pub async fn once<F, Fut>(
    db: &Db,
    env: &Env,
    name: &'static str,
    request: &Request,
    answer: &Stored,
    work: F,
) -> Result<Begun, Error>
where
    F: Fn(Tx) -> Fut + Sync,
    Fut: Future<Output = Result<Tx, Error>> + Send,
{
    let work = &work;
    db.in_tx(name, |tx| async move {
        if let Begun::Replay(stored) = begin(&tx, env, request, answer).await? {
            return tx.commit(Begun::Replay(stored)).await;
        }
        let tx = work(tx).await?;
        tx.commit(Begun::Fresh).await
    })
    .await
}

/// Opens the work with its record, answer included, so that the hot rows can come last.
///
/// The answer must therefore be known before the work's last statements: ids and times are made by
/// the caller, not by the database.
pub async fn begin(tx: &Tx, env: &Env, request: &Request, answer: &Stored) -> Result<Begun, Error> {
    let now = env.now();
    let row = ActiveModel {
        principal: Set(request.principal.clone()),
        key: Set(request.key.clone()),
        operation: Set(request.operation.to_owned()),
        digest: Set(request.digest.clone()),
        status: Set(i16::try_from(answer.status).unwrap_or(200)),
        answer: Set(answer.answer.clone()),
        created_at: Set(now),
        expires_at: Set(now + KEPT),
    };
    // An expired record is as good as none.
    let replace_expired = OnConflict::columns([Column::Principal, Column::Key])
        .update_columns([
            Column::Operation,
            Column::Digest,
            Column::Status,
            Column::Answer,
            Column::CreatedAt,
            Column::ExpiresAt,
        ])
        .action_and_where(Expr::col((Entity, Column::ExpiresAt)).lte(now))
        .to_owned();
    let inserted =
        Entity::insert(row).on_conflict(replace_expired).exec_without_returning(tx.conn()).await.map_err(
            |error| {
                if is_lock_timeout(&error) {
                    Error::Refused(Refusal::new(Code::IdempotencyInProgress).retry_after(1))
                } else {
                    error.into()
                }
            },
        )?;
    if inserted == 1 {
        return Ok(Begun::Fresh);
    }
    match find(tx.conn(), request).await? {
        Some(stored) => Ok(Begun::Replay(stored)),
        // Gone between two statements: the retention job took it. The caller may simply retry.
        None => Err(Refusal::new(Code::IdempotencyInProgress).retry_after(1).into()),
    }
}

/// Looks for the stored answer of `request`: a retry wins over a refusal.
pub async fn find(conn: &impl ConnectionTrait, request: &Request) -> Result<Option<Stored>, Error> {
    let row = Entity::find_by_id((request.principal.clone(), request.key.clone())).one(conn).await?;
    let Some(row) = row else { return Ok(None) };
    if row.operation != request.operation || row.digest != request.digest {
        return Err(Code::IdempotencyKeyReused.into());
    }
    Ok(Some(Stored { status: u16::try_from(row.status).unwrap_or(200), answer: row.answer }))
}

/// Whether `request` had its effect, told when no transaction of it is under way any more.
///
/// It waits for such a one as a retry does, and like a retry may be told that it takes too long.
pub async fn had_effect(db: &Db, env: &Env, request: &Request) -> Result<bool, Error> {
    let none = &Stored { status: 200, answer: Json::Null };
    let found = db
        .in_tx("idempotency.had_effect", |tx| async move {
            match begin(&tx, env, request, none).await? {
                Begun::Replay(_) => tx.commit(()).await,
                // Refused, so that the record just made is undone.
                Begun::Fresh => Err(Code::NotFound.into()),
            }
        })
        .await;
    match found {
        Ok(()) => Ok(true),
        Err(Error::Refused(refusal)) if refusal.code == Code::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Deletes a batch of expired records; returns how many.
pub async fn sweep(conn: &impl ConnectionTrait, env: &Env) -> Result<u64, DbErr> {
    Ok(Entity::delete_many().filter(Column::ExpiresAt.lt(env.now())).exec(conn).await?.rows_affected)
}
