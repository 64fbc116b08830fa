//! Residents: records, identities, households, family links, consents, favourites, merges.

pub mod consent;
pub mod family_link;
pub mod favourite;
pub mod holdings;
pub mod household;
pub mod household_member;
pub mod identity;
pub mod merge;
pub mod moves;
pub mod resident;

use linli_domain::{
    consent::{ConsentKind, FamilyScope},
    ids::ResidentId,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

/// Whether `agent` may act for `principal` within `scope`: the same person, or a live family link
/// with a live consent that names the scope.
pub async fn may_act_for(
    conn: &impl ConnectionTrait,
    agent: ResidentId,
    principal: ResidentId,
    scope: FamilyScope,
) -> Result<bool, DbErr> {
    if agent == principal {
        return Ok(true);
    }
    let link = family_link::Entity::find()
        .filter(family_link::Column::PrincipalId.eq(principal.0))
        .filter(family_link::Column::AgentId.eq(agent.0))
        .filter(family_link::Column::AcceptedAt.is_not_null())
        .filter(family_link::Column::EndedAt.is_null())
        .one(conn)
        .await?;
    let Some(link) = link else { return Ok(false) };
    let consent = consent::Entity::find()
        .filter(consent::Column::ResidentId.eq(principal.0))
        .filter(consent::Column::Kind.eq(ConsentKind::Family.as_str()))
        .filter(consent::Column::SubjectId.eq(link.id))
        .filter(consent::Column::RevokedAt.is_null())
        .one(conn)
        .await?;
    Ok(consent.is_some_and(|consent| {
        consent.scopes.as_array().is_some_and(|scopes| scopes.iter().any(|name| name == scope.as_str()))
    }))
}
