//! Staff sign in, renew, sign out, and change their password.

use linli_domain::access::perm;
use linli_store::storage::sessions::Owner;
use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use zeroize::Zeroizing;

use super::Tag;
use crate::{
    App,
    app::{
        sessions::{self, Audience},
        staff::sign_in,
    },
    http::{
        Problem,
        auth::Staff,
        limits::ClientAddress,
        v1::auth::{Done, Refresh, TokenPair},
    },
};

/// Operations on one's own staff account.
pub struct Auth;

/// A user name or telephone number, and a password.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct SignIn {
    /// User name or telephone number.
    #[oai(validator(min_length = 1, max_length = 64))]
    login: String,
    /// Password.
    #[oai(validator(min_length = 1, max_length = 512))]
    password: String,
    /// What kind of client signs in, in its own short words.
    #[oai(default, validator(max_length = 64))]
    client: String,
}

/// The old and the new password.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password until now.
    #[oai(validator(min_length = 1, max_length = 512))]
    current_password: String,
    /// The password from now on: 10 to 128 characters, and not easily guessed.
    #[oai(validator(min_length = 1, max_length = 512))]
    new_password: String,
}

/// A role at a place.
#[derive(Object)]
pub struct HeldRole {
    /// Role.
    role: String,
    /// Path of the organisation it reaches from.
    org_path: String,
}

/// One's own account.
#[derive(Object)]
pub struct OwnAccount {
    /// Id.
    id: String,
    /// Roles and where they reach.
    roles: Vec<HeldRole>,
    /// Whether the password must be changed first.
    must_change_password: bool,
}

#[OpenApi(tag = "Tag::Auth")]
impl Auth {
    /// Signs in
    ///
    /// Wrong attempts are answered by growing delays per account and address (429, Retry-After).
    #[oai(path = "/auth/sign-in", method = "post", operation_id = "staffSignIn")]
    async fn sign_in(
        &self,
        app: Data<&App>,
        address: Data<&ClientAddress>,
        body: Json<SignIn>,
    ) -> Result<Json<TokenPair>, Problem> {
        let SignIn { login, password, client } = body.0;
        let command = sign_in::SignIn { login, password: Zeroizing::new(password), client };
        Ok(Json(sign_in::sign_in(&app, address.0.0, command).await?.into()))
    }

    /// Renews a sign-in
    #[oai(path = "/auth/refresh", method = "post", operation_id = "staffRefreshTokens")]
    async fn refresh(&self, app: Data<&App>, body: Json<Refresh>) -> Result<Json<TokenPair>, Problem> {
        Ok(Json(sessions::refresh(&app, Audience::Staff, &body.refresh_token).await?.into()))
    }

    /// Signs out
    #[oai(path = "/auth/logout", method = "post", operation_id = "staffSignOut")]
    async fn logout(&self, app: Data<&App>, staff: Staff<perm::OwnAccount>) -> Result<Done, Problem> {
        sessions::end(&app, Owner::Staff(staff.id), staff.session, "logout").await?;
        Ok(Done::Done)
    }

    /// Shows one's own account
    #[oai(path = "/me", method = "get", operation_id = "staffGetMe")]
    async fn me(&self, staff: Staff<perm::OwnAccount>) -> Result<Json<OwnAccount>, Problem> {
        let roles = staff.member.authority.assignments().iter();
        Ok(Json(OwnAccount {
            id: staff.id.to_string(),
            roles: roles
                .map(|(role, path)| HeldRole { role: role.as_str().to_owned(), org_path: path.to_string() })
                .collect(),
            must_change_password: staff.member.must_change_password,
        }))
    }

    /// Changes one's password
    ///
    /// Every other session of the account ends.
    #[oai(path = "/me/password", method = "post", operation_id = "staffChangePassword")]
    async fn change_password(
        &self,
        app: Data<&App>,
        staff: Staff<perm::OwnAccount>,
        body: Json<PasswordChange>,
    ) -> Result<Done, Problem> {
        let PasswordChange { current_password, new_password } = body.0;
        let (current, new) = (Zeroizing::new(current_password), Zeroizing::new(new_password));
        sign_in::change_password(&app, &staff, current, new).await?;
        Ok(Done::Done)
    }
}
