//! Renewing and ending a resident's sign-in. The channels that open one stand beside their client.

use linli_store::storage::sessions::Owner;
use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json};

use super::Tag;
use crate::{
    App,
    app::sessions::{self, Audience},
    http::{Problem, auth::Resident},
};

/// Operations on one's sign-in.
pub struct Auth;

/// A refresh token.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token last received.
    #[oai(validator(max_length = 128))]
    pub refresh_token: String,
}

/// A fresh pair of tokens.
#[derive(Object)]
pub struct TokenPair {
    /// Send it as `Authorization: Bearer …`.
    access_token: String,
    /// How long the access token is good, in seconds.
    expires_in_s: i64,
    /// Good for one renewal. Presented again within 30 seconds, because the answer was lost, it
    /// gets the same answer; later than that, the session ends.
    refresh_token: String,
}

impl From<sessions::Tokens> for TokenPair {
    fn from(tokens: sessions::Tokens) -> Self {
        Self {
            access_token: tokens.access,
            expires_in_s: i64::try_from(tokens.expires_in_s).unwrap_or(i64::MAX),
            refresh_token: tokens.refresh.to_string(),
        }
    }
}

/// Nothing to say.
#[derive(ApiResponse)]
pub enum Done {
    /// Done.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(tag = "Tag::Auth")]
impl Auth {
    /// Renews a sign-in
    ///
    /// Exchanges a refresh token for a fresh pair of tokens.
    #[oai(path = "/auth/refresh", method = "post", operation_id = "refreshTokens")]
    async fn refresh(&self, app: Data<&App>, body: Json<Refresh>) -> Result<Json<TokenPair>, Problem> {
        let tokens = sessions::refresh(&app, Audience::Resident, &body.refresh_token).await?;
        Ok(Json(tokens.into()))
    }

    /// Signs out
    ///
    /// Ends the session this request came through.
    #[oai(path = "/auth/logout", method = "post", operation_id = "signOut")]
    async fn logout(&self, app: Data<&App>, resident: Resident) -> Result<Done, Problem> {
        sessions::end(&app, Owner::Resident(resident.id), resident.session, "logout").await?;
        Ok(Done::Done)
    }
}
