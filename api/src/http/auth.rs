//! Who asks: absent is anonymous, present and bad is 401.
//!
//! Read here and not by a security scheme of the framework, because its optional form turns a bad
//! token into an anonymous caller. A staff permission is a type parameter, so no operation can
//! forget to ask for one. Holding it nowhere is 403, whatever the target. Holding it
//! elsewhere finds nothing, because the scope of the permission is part of every query; `staff::sight` then
//! says 403 of what the caller sees there under another role, and 404 of the rest.

use std::{marker::PhantomData, ops::Deref, sync::Arc};

use linli_domain::{
    Code,
    access::{Mark, OrgPath, Permission, Scope},
    ids::{ResidentId, SessionId, StaffId},
};
use linli_store::audit::Actor;
use poem::{Request, RequestBody, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

use super::problem::Problem;
use crate::{
    App,
    app::sessions::{Audience, Principal, StaffMember, authenticate},
};

const SCHEME: &str = "bearer";

/// A signed-in resident.
#[derive(Clone, Copy, Debug)]
pub struct Resident {
    /// Who.
    pub id: ResidentId,
    /// The session the request came through.
    pub session: SessionId,
}

/// A resident, or nobody in particular.
#[derive(Clone, Copy, Debug)]
pub struct MaybeResident(pub Option<Resident>);

/// A staff member who holds permission `P` somewhere.
#[derive(Clone, Debug)]
pub struct Staff<P> {
    /// Who asks, and where they hold the permission.
    pub actor: StaffActor,
    permission: PhantomData<P>,
}

/// A staff member, with the scope of the permission the operation asks for.
#[derive(Clone, Debug)]
pub struct StaffActor {
    /// Who.
    pub id: StaffId,
    /// Where they hold the permission of the operation.
    pub scope: Scope,
    /// The session the request came through.
    pub session: SessionId,
    /// Everything they hold, for rules that ask for more than one permission.
    pub member: Arc<StaffMember>,
}

impl StaffActor {
    /// For the audit.
    pub fn actor(&self) -> Actor {
        Actor::Staff(self.id)
    }

    /// Whether the place lies within the scope.
    pub fn reaches(&self, org_path: &str) -> bool {
        OrgPath::parse(org_path).is_some_and(|path| self.scope.contains(&path))
    }
}

impl<P> Deref for Staff<P> {
    type Target = StaffActor;

    fn deref(&self) -> &StaffActor {
        &self.actor
    }
}

/// The request's bearer token; `None` when there is no `Authorization`.
pub fn bearer(request: &Request) -> Result<Option<&str>, Code> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else { return Ok(None) };
    // The scheme is written in any case (RFC 9110).
    match value.to_str().ok().and_then(|value| value.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Code::Unauthenticated),
    }
}

/// The principal behind the request's bearer token; `None` when there is no token.
async fn principal(request: &Request, audience: Audience) -> Result<Option<(SessionId, Principal)>, Problem> {
    let Some(token) = bearer(request)? else { return Ok(None) };
    let app = request.data::<App>().ok_or(Code::Internal)?;
    Ok(Some(authenticate(app, token, audience).await?))
}

async fn resident(request: &Request) -> Result<Option<Resident>, Problem> {
    match principal(request, Audience::Resident).await? {
        Some((session, Principal::Resident(id))) => Ok(Some(Resident { id, session })),
        Some((_, Principal::Staff(_))) => Err(Code::Unauthenticated.into()),
        None => Ok(None),
    }
}

async fn staff(request: &Request, permission: Permission) -> Result<StaffActor, Problem> {
    let Some((session, Principal::Staff(member))) = principal(request, Audience::Staff).await? else {
        return Err(Code::Unauthenticated.into());
    };
    if permission != Permission::OwnAccount && member.must_change_password {
        return Err(Code::PasswordChangeRequired.into());
    }
    // One's own account needs no role: whoever lost every role can still sign out.
    if permission != Permission::OwnAccount && !member.authority.allows(permission) {
        return Err(Code::Forbidden.into());
    }
    Ok(StaffActor { id: member.id, scope: member.authority.scope(permission), session, member })
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

bearer!([] Resident, |request| resident(request).await?.ok_or_else(|| Problem::from(Code::Unauthenticated))?);
bearer!([] MaybeResident, |request| Self(resident(request).await?));
bearer!([P: Mark] Staff<P>, |request| {
    Self { actor: staff(request, P::PERMISSION).await?, permission: PhantomData }
});
