//! Who is behind a request: access tokens, sessions, and a short memory of both.
//!
//! An access token is good for minutes and names its session. Ending a session takes effect on every
//! server within [`config::Auth::session_cache_ms`]: of residents, whose thousands come at once at eight,
//! a server reads which sessions ended lately instead of asking for each of them again; staff are asked
//! for each time, since their roles change too.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use linli_domain::{
    Code,
    access::{Authority, OrgPath, Role},
    ids::{ResidentId, SessionId, StaffId},
};
use linli_store::{
    Error,
    audit::{self, Actor},
    storage::{
        sessions::{self, Opened, Owner, Renewal},
        staff::{account, assignment},
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use tokio_util::sync::CancellationToken;

use super::views::seen;
use crate::{App, config, http::signing::Keys};

/// Sessions remembered at once; the rest is asked again.
const REMEMBERED: u64 = 200_000;
/// How far back the ends are read again: clocks differ, and a transaction commits after it took the time.
const OVERLAP: chrono::Duration = chrono::Duration::minutes(1);

/// Whom an access token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// `/v1`.
    Resident,
    /// `/staff/v1`.
    Staff,
}

impl Audience {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Resident => "resident",
            Self::Staff => "staff",
        }
    }

    const fn of(owner: Owner) -> Self {
        match owner {
            Owner::Resident(_) => Self::Resident,
            Owner::Staff(_) => Self::Staff,
        }
    }
}

/// What an access token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claims {
    sub: Uuid,
    aud: String,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// A staff member with the roles they hold now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffMember {
    /// Who.
    pub id: StaffId,
    /// The organisation that keeps the account.
    pub org_path: String,
    /// Roles and where they reach.
    pub authority: Authority,
    /// Whether the password was set by someone else and must be changed first.
    pub must_change_password: bool,
}

/// Who is behind a live session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A resident.
    Resident(ResidentId),
    /// A staff member.
    Staff(Arc<StaffMember>),
}

/// Who is behind each session, as far as it is believed.
pub struct Cache {
    known: moka::future::Cache<SessionId, Known>,
    /// How old knowledge may be.
    believed: Duration,
    /// Every end committed before this was read.
    ends_read: Mutex<Option<Instant>>,
}

/// What was read of a session.
#[derive(Clone)]
struct Known {
    /// Who is behind it, unless it had ended.
    principal: Option<Principal>,
    expires_at: DateTime<Utc>,
    read_at: Instant,
}

impl Cache {
    /// Believes for as long as configured.
    pub fn new(config: &config::Auth) -> Self {
        // No access token outlives this.
        let longest = Duration::from_secs(config.access_ttl_s);
        Self {
            known: moka::future::Cache::builder().max_capacity(REMEMBERED).time_to_live(longest).build(),
            believed: Duration::from_millis(config.session_cache_ms),
            ends_read: Mutex::new(None),
        }
    }

    fn believes(&self, known: &Known, now: DateTime<Utc>) -> bool {
        let fresh = |at: Instant| at.elapsed() < self.believed;
        let followed = || self.ends_read.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(fresh);
        match known.principal {
            Some(Principal::Resident(_)) if known.expires_at <= now => false,
            Some(Principal::Resident(_)) => fresh(known.read_at) || followed(),
            Some(Principal::Staff(_)) | None => fresh(known.read_at),
        }
    }
}

/// Keeps reading which sessions ended, until told to stop.
pub async fn follow(app: App, stop: CancellationToken) {
    let mut since = app.env.now();
    let mut failing = false;
    // Also where nothing is to be believed, it must not read without a pause.
    let pause = (app.sessions.believed / 3).max(Duration::from_millis(50));
    loop {
        let (began, now) = (Instant::now(), app.env.now());
        match sessions::any_ended_since(app.db.read(), since - OVERLAP).await {
            Ok(ended) => {
                for id in ended {
                    app.sessions.known.invalidate(&id).await;
                }
                *app.sessions.ends_read.lock().unwrap_or_else(PoisonError::into_inner) = Some(began);
                (since, failing) = (now, false);
            }
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the ends of sessions cannot be read; each session is asked for again"
                );
            }
            Err(_) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// A fresh pair of tokens.
pub struct Tokens {
    /// Good for minutes.
    pub access: String,
    /// How long the access token is good.
    pub expires_in_s: u64,
    /// Good for one renewal.
    pub refresh: Zeroizing<String>,
}

/// The tokens of a session that was opened or renewed.
pub fn tokens(app: &App, opened: &Opened) -> Result<Tokens, Error> {
    let expires_in_s = app.config.auth.access_ttl_s;
    let access = mint(app, opened.id, opened.owner, expires_in_s)?;
    Ok(Tokens { access, expires_in_s, refresh: opened.refresh.clone() })
}

/// Signs an access token of a session.
pub fn mint(app: &App, session: SessionId, owner: Owner, ttl_s: u64) -> Result<String, Error> {
    let sub = match owner {
        Owner::Resident(id) => id.0,
        Owner::Staff(id) => id.0,
    };
    let iat = app.env.now().timestamp();
    let exp = iat.saturating_add_unsigned(ttl_s);
    let claims = Claims { sub, aud: Audience::of(owner).as_str().to_owned(), sid: session, iat, exp };
    let key = app.keys.token();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(key.id.clone());
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(key.secret()))
        .map_err(|error| Error::internal("signing a token", error))
}

/// The principal behind an access token for `audience`, if its session is still open.
pub async fn authenticate(
    app: &App,
    token: &str,
    audience: Audience,
) -> Result<(SessionId, Principal), Error> {
    let claims = verify(&app.keys, token, audience, app.env.now())?;
    match (principal(app, claims.sid).await?, audience) {
        (Some(Principal::Resident(id)), Audience::Resident) if id.0 == claims.sub => {
            Ok((claims.sid, Principal::Resident(id)))
        }
        (Some(Principal::Staff(member)), Audience::Staff) if member.id.0 == claims.sub => {
            Ok((claims.sid, Principal::Staff(member)))
        }
        _ => Err(Code::Unauthenticated.into()),
    }
}

/// Whom a token of ours is for, read from the token alone: enough to count requests, not to answer
/// them, since its session may have ended.
pub fn signed_subject(app: &App, token: &str, audience: Audience) -> Result<Uuid, Code> {
    verify(&app.keys, token, audience, app.env.now()).map(|claims| claims.sub)
}

fn verify(keys: &Keys, token: &str, audience: Audience, now: DateTime<Utc>) -> Result<Claims, Code> {
    let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
    let key = kid.and_then(|kid| keys.token_by_id(&kid)).ok_or(Code::Unauthenticated)?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[audience.as_str()]);
    // The clock is ours, so that tests can move it.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(key.secret()), &validation)
        .map_err(|_| Code::Unauthenticated)?
        .claims;
    if claims.exp <= now.timestamp() { Err(Code::TokenExpired) } else { Ok(claims) }
}

async fn principal(app: &App, id: SessionId) -> Result<Option<Principal>, Error> {
    let believed = |known: &Known| app.sessions.believes(known, app.env.now());
    let known = seen(&app.sessions.known, id, believed, || load(app, id)).await;
    Ok(known.map_err(|error| Error::unavailable("database", error.to_string()))?.principal)
}

async fn load(app: &App, id: SessionId) -> Result<Known, Error> {
    let (read_at, now) = (Instant::now(), app.env.now());
    let Some(live) = sessions::live(app.db.read(), now, id).await? else {
        return Ok(Known { principal: None, expires_at: now, read_at });
    };
    let principal = match live.owner {
        Owner::Resident(id) => Some(Principal::Resident(id)),
        Owner::Staff(id) => member(app, id).await?.map(|member| Principal::Staff(Arc::new(member))),
    };
    Ok(Known { principal, expires_at: live.expires_at, read_at })
}

/// A staff member as they stand now; `None` when the account is disabled or gone.
pub async fn member(app: &App, id: StaffId) -> Result<Option<StaffMember>, Error> {
    let account = account::Entity::find_by_id(id.0)
        .filter(account::Column::DisabledAt.is_null())
        .one(app.db.read())
        .await?;
    let Some(account) = account else { return Ok(None) };
    Ok(Some(StaffMember {
        id,
        org_path: account.org_path,
        authority: authority(app, id).await?,
        must_change_password: account.must_change_password,
    }))
}

/// The roles of a staff account.
pub async fn authority(app: &App, id: StaffId) -> Result<Authority, Error> {
    let rows =
        assignment::Entity::find().filter(assignment::Column::StaffId.eq(id.0)).all(app.db.read()).await?;
    // A role this version does not know gives nothing.
    let known = rows.iter().filter_map(|row| Some((Role::parse(&row.role)?, OrgPath::parse(&row.org_path)?)));
    Ok(Authority::new(known.collect()))
}

/// Renews a session of `audience`.
pub async fn refresh(app: &App, audience: Audience, presented: &str) -> Result<Tokens, Error> {
    let renewal = app
        .db
        .in_tx("sessions.refresh", |tx| async move {
            let renewal = match sessions::renew(tx.conn(), &app.env, &app.vault, presented).await? {
                // A token of the other audience is as good as none; nothing is written.
                Renewal::Renewed(opened) if Audience::of(opened.owner) != audience => {
                    return Err(Code::Unauthenticated.into());
                }
                Renewal::Reused(id) => {
                    audit::record(tx.conn(), &app.env, reuse(id)).await?;
                    Renewal::Reused(id)
                }
                renewal => renewal,
            };
            tx.commit(renewal).await
        })
        .await?;
    match renewal {
        Renewal::Renewed(opened) => tokens(app, &opened),
        Renewal::Refused => Err(Code::Unauthenticated.into()),
        Renewal::Reused(id) => {
            forget(app, id).await;
            tracing::warn!(session.id = %id, "a refresh token came twice; its session is ended");
            Err(Code::Unauthenticated.into())
        }
    }
}

fn reuse(id: SessionId) -> audit::Entry {
    audit::Entry {
        actor: Actor::System,
        action: "session.reuse",
        subject_kind: "session",
        subject_id: Some(id.0),
        org_path: String::new(),
        detail: serde_json::json!({}),
    }
}

/// Ends one session of its owner; `NotFound` when it is not theirs.
pub async fn end(app: &App, owner: Owner, id: SessionId, why: &str) -> Result<(), Error> {
    app.db
        .in_tx("sessions.end", |tx| async move {
            if !sessions::revoke_own(tx.conn(), &app.env, owner, id, why).await? {
                return Err(Code::NotFound.into());
            }
            tx.commit(()).await
        })
        .await?;
    forget(app, id).await;
    Ok(())
}

/// Makes this server ask again who is behind a session.
pub async fn forget(app: &App, id: SessionId) {
    app.sessions.known.invalidate(&id).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_audience_its_time_and_a_known_key() {
        let keys = Keys::new(&"a".repeat(32), "");
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let sign = |keys: &Keys, aud: &str, algorithm| {
            let claims = Claims {
                sub: Uuid::nil(),
                aud: aud.to_owned(),
                sid: Uuid::nil().into(),
                iat: now.timestamp(),
                exp: now.timestamp() + 900,
            };
            let mut header = Header::new(algorithm);
            header.kid = Some(keys.token().id.clone());
            jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(keys.token().secret())).unwrap()
        };
        let token = sign(&keys, "resident", Algorithm::HS256);
        assert!(verify(&keys, &token, Audience::Resident, now).is_ok());
        let late = now + chrono::Duration::seconds(900);
        assert_eq!(verify(&keys, &token, Audience::Resident, late).err(), Some(Code::TokenExpired));
        assert_eq!(verify(&keys, &token, Audience::Staff, now).err(), Some(Code::Unauthenticated));
        let other_algorithm = sign(&keys, "resident", Algorithm::HS512);
        assert!(verify(&keys, &other_algorithm, Audience::Resident, now).is_err());
        assert!(verify(&keys, "a.b.c", Audience::Resident, now).is_err());

        let rotated = Keys::new(&"b".repeat(32), &"a".repeat(32));
        assert!(verify(&rotated, &token, Audience::Resident, now).is_ok(), "the key before still opens");
        let replaced = Keys::new(&"b".repeat(32), "");
        assert!(verify(&replaced, &token, Audience::Resident, now).is_err());
    }
}
