//! Who asks: absent is anonymous, present and bad is 401.
//!
//! Read here and not by a security scheme of the framework, because its optional form turns a bad
//! token into an anonymous caller. A staff permission is a type parameter, so no operation can
//! forget to ask for one.

use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use linli_domain::{
    Code,
    access::{Mark, OrgPath, Scope},
    ids::{ResidentId, StaffId},
};
use poem::{Request, RequestBody, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{problem::Problem, signing::Keys};
use crate::App;

const SCHEME: &str = "bearer";

/// What a token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Whose it is.
    pub sub: Uuid,
    /// `resident` or `staff`.
    pub aud: String,
    /// Until when, Unix seconds.
    pub exp: i64,
    /// Where a staff member works.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
}

/// Signs a token.
pub fn mint(keys: &Keys, claims: &Claims) -> Result<String, linli_store::Error> {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(keys.token()))
        .map_err(|error| linli_store::Error::internal("signing a token", error))
}

/// Verifies a token for `audience` at `now`.
pub fn verify(keys: &Keys, token: &str, audience: &str, now: DateTime<Utc>) -> Result<Claims, Code> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[audience]);
    // The clock is ours, so that tests can move it.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(keys.token()), &validation)
        .map_err(|_| Code::Unauthenticated)?
        .claims;
    if claims.exp <= now.timestamp() { Err(Code::TokenExpired) } else { Ok(claims) }
}

fn claims_of(request: &Request, audience: &str) -> Result<Option<Claims>, Problem> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else { return Ok(None) };
    let app = request.data::<App>().ok_or(Code::Internal)?;
    let token =
        value.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).ok_or(Code::Unauthenticated)?;
    Ok(Some(verify(&app.keys, token, audience, app.env.now())?))
}

/// A signed-in resident.
#[derive(Clone, Copy, Debug)]
pub struct Resident {
    /// Who.
    pub id: ResidentId,
}

/// A resident, or nobody in particular.
#[derive(Clone, Copy, Debug)]
pub struct MaybeResident(pub Option<Resident>);

/// A staff member who holds permission `P` somewhere.
#[derive(Clone, Debug)]
pub struct Staff<P> {
    /// Who.
    pub id: StaffId,
    /// Where they hold it.
    pub scope: Scope,
    permission: PhantomData<P>,
}

fn resident(request: &Request) -> Result<Option<Resident>, Problem> {
    Ok(claims_of(request, "resident")?.map(|claims| Resident { id: claims.sub.into() }))
}

/// Declares an extractor that shows up in the document as the bearer scheme.
macro_rules! bearer {
    ([$($generic:tt)*] $name:ty, |$request:ident| $from:expr) => {
        impl<'a, $($generic)*> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                registry.create_security_scheme(
                    SCHEME,
                    MetaSecurityScheme {
                        ty: "http",
                        description: None,
                        name: None,
                        key_in: None,
                        scheme: Some("bearer"),
                        bearer_format: Some("JWT"),
                        flows: None,
                        openid_connect_url: None,
                    },
                );
            }

            fn security_schemes() -> Vec<&'static str> {
                vec![SCHEME]
            }

            async fn from_request(
                $request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok($from)
            }
        }
    };
}

bearer!([] Resident, |request| resident(request)?.ok_or_else(|| Problem::from(Code::Unauthenticated))?);
bearer!([] MaybeResident, |request| Self(resident(request)?));
bearer!([P: Mark] Staff<P>, |request| {
    let claims = claims_of(request, "staff")?.ok_or_else(|| Problem::from(Code::Unauthenticated))?;
    let paths = claims.paths.iter().filter_map(|path| OrgPath::parse(path));
    Self { id: claims.sub.into(), scope: Scope::new(paths), permission: PhantomData }
});
