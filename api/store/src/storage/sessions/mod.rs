//! Sessions and their tokens: one mechanism for residents and staff.
//!
//! A session is a family of refresh tokens, each good for one renewal. The successor of a token
//! is a keyed function of it, so a client that lost the answer presents the old token again
//! within [`GRACE`] and gets *the same* successor: the family never forks, and an older person on
//! a bad line is not signed out. A used token that comes later than that is in two hands; the
//! whole session ends.

pub mod attempts;
pub mod failed_attempt;
pub mod refresh_token;
pub mod session;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use linli_domain::ids::{ResidentId, SessionId, StaffId};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, Set};
use zeroize::Zeroizing;

use crate::{Env, Error, Vault};

/// How long a used refresh token still gets the answer that was lost.
pub const GRACE: Duration = Duration::seconds(30);

/// Whose session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A resident.
    Resident(ResidentId),
    /// A staff member.
    Staff(StaffId),
}

impl Owner {
    fn of(session: &session::Model) -> Option<Self> {
        match (session.resident_id, session.staff_id) {
            (Some(id), None) => Some(Self::Resident(id.into())),
            (None, Some(id)) => Some(Self::Staff(id.into())),
            _ => None,
        }
    }

    fn condition(self) -> Condition {
        match self {
            Self::Resident(id) => Condition::all().add(session::Column::ResidentId.eq(id.0)),
            Self::Staff(id) => Condition::all().add(session::Column::StaffId.eq(id.0)),
        }
    }

    /// How long a session lives when it is not renewed. Residents open the app now and then;
    /// a counter's computer is shared.
    const fn idle(self) -> Duration {
        match self {
            Self::Resident(_) => Duration::days(180),
            Self::Staff(_) => Duration::hours(8),
        }
    }

    /// How long a session lives however often it is renewed.
    const fn longest(self) -> Duration {
        match self {
            Self::Resident(_) => Duration::days(3 * 365),
            Self::Staff(_) => Duration::hours(16),
        }
    }
}

/// A session and the refresh token that renews it next.
#[derive(Clone)]
pub struct Opened {
    /// The session.
    pub id: SessionId,
    /// Whose it is.
    pub owner: Owner,
    /// The refresh token, shown once.
    pub refresh: Zeroizing<String>,
}

/// What became of a refresh token.
pub enum Renewal {
    /// The session goes on.
    Renewed(Opened),
    /// The token, or its session, is not valid.
    Refused,
    /// The token was used long before: its session has been ended.
    Reused(SessionId),
}

/// Opens a session.
pub async fn open(tx: &impl ConnectionTrait, env: &Env, owner: Owner, client: &str) -> Result<Opened, DbErr> {
    open_for(tx, env, owner, client, owner.idle().num_seconds().unsigned_abs()).await
}

/// Opens a session that ends after `seconds` unless it is renewed.
pub async fn open_for(
    tx: &impl ConnectionTrait,
    env: &Env,
    owner: Owner,
    client: &str,
    seconds: u64,
) -> Result<Opened, DbErr> {
    let id = env.id::<SessionId>();
    let now = env.now();
    let (resident_id, staff_id) = match owner {
        Owner::Resident(id) => (Some(id.0), None),
        Owner::Staff(id) => (None, Some(id.0)),
    };
    let row = session::ActiveModel {
        id: Set(id.0),
        resident_id: Set(resident_id),
        staff_id: Set(staff_id),
        client: Set(client.chars().take(64).collect()),
        created_at: Set(now),
        last_used_at: Set(now),
        expires_at: Set(now + Duration::seconds(i64::try_from(seconds).unwrap_or(0))),
        revoked_at: Set(None),
        revoked_why: Set(None),
    };
    session::Entity::insert(row).exec_without_returning(tx).await?;
    let refresh = Zeroizing::new(URL_SAFE_NO_PAD.encode(env.random::<32>()));
    insert_token(tx, &refresh, id, now).await?;
    Ok(Opened { id, owner, refresh })
}

/// Uses a refresh token. Commit whatever the outcome: a reuse ends the session.
pub async fn renew(
    tx: &impl ConnectionTrait,
    env: &Env,
    vault: &Vault,
    presented: &str,
) -> Result<Renewal, Error> {
    use refresh_token::{Column, Entity};
    let now = env.now();
    let Some(token) = Entity::find_by_id(digest_of(presented)).one(tx).await? else {
        return Ok(Renewal::Refused);
    };
    let id = token.session_id.into();
    let Some(Live { owner, .. }) = live(tx, now, id).await? else {
        return Ok(Renewal::Refused);
    };
    let refresh = successor(vault, now, presented);
    let first_use = Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now))
        .filter(Column::Digest.eq(token.digest.clone()))
        .filter(Column::UsedAt.is_null())
        .exec(tx)
        .await?
        .rows_affected
        == 1;
    if first_use {
        insert_token(tx, &refresh, id, now).await?;
        prolong(tx, id, owner, now).await?;
        return Ok(Renewal::Renewed(Opened { id, owner, refresh }));
    }
    // Another request may have used it between our two looks.
    let used_at = Entity::find_by_id(token.digest).one(tx).await?.and_then(|token| token.used_at);
    if used_at.is_some_and(|used_at| now - used_at > GRACE) {
        revoke(tx, env, id, "refresh_reused").await?;
        return Ok(Renewal::Reused(id));
    }
    // The key of then: it may be changing.
    let refresh = successor(vault, used_at.unwrap_or(now), presented);
    let next = Entity::find_by_id(digest_of(&refresh)).one(tx).await?;
    Ok(match next {
        Some(next) if next.used_at.is_none() => Renewal::Renewed(Opened { id, owner, refresh }),
        // The successor is in use, so its answer was not lost after all.
        _ => Renewal::Refused,
    })
}

/// A session that is neither ended nor past its time.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    /// Whose it is.
    pub owner: Owner,
    /// When it ends unless it is renewed.
    pub expires_at: DateTime<Utc>,
}

/// The session, if it is neither ended nor past its time.
pub async fn live(
    conn: &impl ConnectionTrait,
    now: DateTime<Utc>,
    id: SessionId,
) -> Result<Option<Live>, DbErr> {
    let row = session::Entity::find_by_id(id.0)
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .one(conn)
        .await?;
    Ok(row.and_then(|row| Some(Live { owner: Owner::of(&row)?, expires_at: row.expires_at })))
}

/// The sessions that were ended early at `since` or later, by the clock of whoever ended them.
pub async fn any_ended_since(
    conn: &impl ConnectionTrait,
    since: DateTime<Utc>,
) -> Result<Vec<SessionId>, DbErr> {
    use sea_orm::QuerySelect;
    let ids = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .filter(session::Column::RevokedAt.gte(since))
        .into_tuple::<uuid::Uuid>()
        .all(conn)
        .await?;
    Ok(ids.into_iter().map(SessionId).collect())
}

/// The live sessions of an owner, the last used first.
pub async fn list(
    conn: &impl ConnectionTrait,
    now: DateTime<Utc>,
    owner: Owner,
) -> Result<Vec<session::Model>, DbErr> {
    use sea_orm::QuerySelect;
    session::Entity::find()
        .filter(owner.condition())
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .order_by_desc(session::Column::LastUsedAt)
        .limit(100)
        .all(conn)
        .await
}

/// Ends a session; `false` when there was nothing to end.
pub async fn revoke(tx: &impl ConnectionTrait, env: &Env, id: SessionId, why: &str) -> Result<bool, DbErr> {
    let ended = end(tx, env, Condition::all().add(session::Column::Id.eq(id.0)), why).await?;
    Ok(ended > 0)
}

/// Ends one session of an owner; `false` when it is not theirs or already over.
pub async fn revoke_own(
    tx: &impl ConnectionTrait,
    env: &Env,
    owner: Owner,
    id: SessionId,
    why: &str,
) -> Result<bool, DbErr> {
    let own = owner.condition().add(session::Column::Id.eq(id.0));
    Ok(end(tx, env, own, why).await? > 0)
}

/// Ends every session of an owner, except one that may stay.
pub async fn revoke_all(
    tx: &impl ConnectionTrait,
    env: &Env,
    owner: Owner,
    except: Option<SessionId>,
    why: &str,
) -> Result<u64, DbErr> {
    let mut which = owner.condition();
    if let Some(id) = except {
        which = which.add(session::Column::Id.ne(id.0));
    }
    end(tx, env, which, why).await
}

async fn end(tx: &impl ConnectionTrait, env: &Env, which: Condition, why: &str) -> Result<u64, DbErr> {
    let done = session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::value(env.now()))
        .col_expr(session::Column::RevokedWhy, Expr::value(why))
        .filter(which)
        .filter(session::Column::RevokedAt.is_null())
        .exec(tx)
        .await?;
    Ok(done.rows_affected)
}

async fn prolong(
    tx: &impl ConnectionTrait,
    id: SessionId,
    owner: Owner,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let Some(row) = session::Entity::find_by_id(id.0).one(tx).await? else { return Ok(()) };
    let until = (now + owner.idle()).min(row.created_at + owner.longest());
    session::Entity::update_many()
        .col_expr(session::Column::LastUsedAt, Expr::value(now))
        .col_expr(session::Column::ExpiresAt, Expr::value(until))
        .filter(session::Column::Id.eq(id.0))
        .exec(tx)
        .await?;
    Ok(())
}

async fn insert_token(
    tx: &impl ConnectionTrait,
    token: &str,
    session: SessionId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = refresh_token::ActiveModel {
        digest: Set(digest_of(token)),
        session_id: Set(session.0),
        issued_at: Set(now),
        used_at: Set(None),
    };
    refresh_token::Entity::insert(row)
        .on_conflict(OnConflict::column(refresh_token::Column::Digest).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Only the digest is stored: a token has 256 random bits, so a plain hash does.
fn digest_of(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

fn successor(vault: &Vault, used_at: DateTime<Utc>, token: &str) -> Zeroizing<String> {
    Zeroizing::new(URL_SAFE_NO_PAD.encode(vault.index(used_at, "refresh_token.successor", token)))
}

#[cfg(test)]
mod tests;
