//! Facilities: rows, finders, and the one way to write them.
//!
//! Invariant: every write goes through [`write`](mod@write), which in one transaction keeps row,
//! categories, history, place in the changes feed, outbox and audit together.

pub mod category;
pub mod change;
pub mod facility;
pub mod feed;
pub mod notice;
pub mod photo;
pub mod reference;
pub mod report;
pub mod upsert;
pub mod write;

use chrono::{DateTime, NaiveDate, Utc};
use linli_domain::{
    Vocabulary,
    access::Scope,
    facility::{Category, Facility, FacilityStatus},
    ids::{FacilityId, OrganisationId},
};
use sea_orm::{
    Condition, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, Func, LockType},
};

use crate::{Error, ScopeCondition};
use facility::{Column, Entity, Model};

pub use upsert::{Incoming, Outcome, upsert};

/// The source of facilities that staff enter by hand.
pub const CONSOLE: &str = "console";

/// A facility as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Id.
    pub id: FacilityId,
    /// The organisation it belongs to.
    pub organisation_id: OrganisationId,
    /// That organisation's place in the tree.
    pub org_path: String,
    /// Where the data comes from.
    pub source: String,
    /// Its id there.
    pub external_id: Option<String>,
    /// What is said about it.
    pub facility: Facility,
    /// Where it stands.
    pub status: FacilityStatus,
    /// Grows with every edit of profile or status.
    pub version: i64,
    /// Place in the changes feed.
    pub revision: i64,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it was last edited.
    pub updated_at: DateTime<Utc>,
}

impl TryFrom<Model> for Stored {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let status = FacilityStatus::parse(&row.status)
            .ok_or_else(|| Error::internal("reading a facility's status", "not a status"))?;
        Ok(Self {
            id: row.id.into(),
            organisation_id: row.organisation_id.into(),
            org_path: row.org_path,
            source: row.source,
            external_id: row.external_id,
            facility: Facility::from_stored(row.profile.0),
            status,
            version: row.version,
            revision: row.revision,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// A facility in scope.
pub async fn find(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    id: FacilityId,
) -> Result<Option<Stored>, Error> {
    let row = Entity::find_by_id(id.0).filter(scope.condition(Column::OrgPath)).one(conn).await?;
    row.map(Stored::try_from).transpose()
}

/// A facility that residents may read.
pub async fn find_public(conn: &impl ConnectionTrait, id: FacilityId) -> Result<Option<Stored>, Error> {
    let row = Entity::find_by_id(id.0).one(conn).await?;
    let stored = row.map(Stored::try_from).transpose()?;
    Ok(stored.filter(|stored| stored.status.public()))
}

/// Holds a facility until the transaction ends, so that what hangs on it can be counted.
pub async fn hold(tx: &impl ConnectionTrait, id: FacilityId) -> Result<(), DbErr> {
    Entity::find_by_id(id.0)
        .select_only()
        .column(Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple::<Uuid>()
        .one(tx)
        .await?;
    Ok(())
}

/// Facilities by id, whatever their status; for consumers of the outbox.
pub async fn any_by_ids(conn: &impl ConnectionTrait, ids: &[FacilityId]) -> Result<Vec<Stored>, Error> {
    let rows = Entity::find().filter(Column::Id.is_in(ids.iter().map(|id| id.0))).all(conn).await?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// A page of all facilities in order of id, whatever their status; for full loads.
pub async fn any_after(
    conn: &impl ConnectionTrait,
    after: Option<FacilityId>,
    limit: u64,
) -> Result<Vec<Stored>, Error> {
    let rows = Entity::find()
        .apply_if(after, |query, after| query.filter(Column::Id.gt(after.0)))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// Id, version and status of all facilities, in order of id; for comparing what others hold.
pub async fn any_versions_after(
    conn: &impl ConnectionTrait,
    after: Option<FacilityId>,
    limit: u64,
) -> Result<Vec<(FacilityId, i64, FacilityStatus)>, Error> {
    let rows: Vec<(Uuid, i64, String)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::Version, Column::Status])
        .apply_if(after, |query, after| query.filter(Column::Id.gt(after.0)))
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_tuple()
        .all(conn)
        .await?;
    let versions = rows.into_iter().map(|(id, version, status)| {
        let status = FacilityStatus::parse(&status)
            .ok_or_else(|| Error::internal("reading a facility's status", "not a status"))?;
        Ok((id.into(), version, status))
    });
    versions.collect()
}

/// What staff narrow a list by.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Part of the official name.
    pub name: Option<String>,
    /// Listed under this category.
    pub category: Option<Category>,
    /// In this status.
    pub status: Option<FacilityStatus>,
    /// Division code, or the beginning of one.
    pub division: Option<String>,
    /// From this source.
    pub source: Option<String>,
    /// With a licence that runs out on or before this date.
    pub licence_expires_by: Option<NaiveDate>,
    /// Below this organisation.
    pub org_path: Option<String>,
}

/// A page of facilities in scope, the newest first.
pub async fn list(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    filter: &Filter,
    before: Option<FacilityId>,
    limit: u64,
) -> Result<Vec<Stored>, Error> {
    let Filter { name, category, status, division, source, licence_expires_by, org_path } = filter;
    let rows = Entity::find()
        .filter(scope.condition(Column::OrgPath))
        .apply_if(before, |query, before| query.filter(Column::Id.lt(before.0)))
        .apply_if(name.as_deref(), |query, name| {
            let lower = Expr::expr(Func::lower(Expr::col(Column::Name)));
            query.filter(lower.like(containing(&name.to_lowercase())))
        })
        .apply_if(*category, |query, category| {
            let listed = category::Entity::find()
                .select_only()
                .column(category::Column::FacilityId)
                .filter(category::Column::Category.eq(category.as_str()));
            query.filter(Column::Id.in_subquery(listed.into_query()))
        })
        .apply_if(*status, |query, status| query.filter(Column::Status.eq(status.as_str())))
        .apply_if(division.as_deref(), |query, code| query.filter(Column::Division.like(format!("{code}%"))))
        .apply_if(source.as_deref(), |query, source| query.filter(Column::Source.eq(source)))
        .apply_if(*licence_expires_by, |query, day| query.filter(Column::LicenceExpiresOn.lte(day)))
        .apply_if(org_path.as_deref(), |query, path| query.filter(Column::OrgPath.like(format!("{path}%"))))
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// A LIKE pattern for a literal text.
fn containing(text: &str) -> sea_orm::sea_query::LikeExpr {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    sea_orm::sea_query::LikeExpr::new(pattern).escape('\\')
}

/// A page of a facility's history, the newest first; `before` is version and id of the last one seen.
pub async fn history(
    conn: &impl ConnectionTrait,
    facility: FacilityId,
    before: Option<(i64, Uuid)>,
    limit: u64,
) -> Result<Vec<change::Model>, DbErr> {
    use change::Column::{FacilityId, Id, Version};
    change::Entity::find()
        .filter(FacilityId.eq(facility.0))
        .apply_if(before, |query, (version, id)| {
            let same = Condition::all().add(Version.eq(version)).add(Id.lt(id));
            query.filter(Condition::any().add(Version.lt(version)).add(same))
        })
        .order_by_desc(Version)
        .order_by_desc(Id)
        .limit(limit)
        .all(conn)
        .await
}

#[cfg(test)]
mod tests;
