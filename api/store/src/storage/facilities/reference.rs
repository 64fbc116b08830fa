//! Facilities by source and external id: what import and export know them by.

use std::collections::HashMap;

use linli_domain::access::Scope;
use sea_orm::{
    Condition, DbBackend, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait},
};

use super::{
    Stored,
    facility::{Column, Entity},
};
use crate::{Error, ScopeCondition};

/// What a facility is known by outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where the data comes from.
    pub source: String,
    /// Its id there.
    pub external_id: String,
}

impl Reference {
    /// The reference of a stored facility.
    pub fn of(stored: &Stored) -> Self {
        let external_id = stored.external_id.clone().unwrap_or_else(|| stored.id.to_string());
        Self { source: stored.source.clone(), external_id }
    }
}

/// Which facilities are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// From this source.
    pub source: Option<&'a str>,
    /// In this division: the beginning of its code.
    pub division: Option<&'a str>,
}

/// The facilities of a source that have one of these ids, whatever their status and organisation.
pub async fn any_by_external_ids(
    conn: &impl ConnectionTrait,
    source: &str,
    ids: impl IntoIterator<Item = &str>,
) -> Result<HashMap<String, Stored>, Error> {
    let rows = Entity::find()
        .filter(Column::Source.eq(source))
        .filter(Column::ExternalId.is_in(ids))
        .all(conn)
        .await?;
    let found = rows.into_iter().map(|row| {
        let stored = Stored::try_from(row)?;
        Ok((stored.external_id.clone().unwrap_or_default(), stored))
    });
    found.collect()
}

/// A page of the facilities in scope, ordered by the bytes of source and external id on every database.
pub async fn page_after(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    filter: Filter<'_>,
    after: Option<&Reference>,
    limit: u64,
) -> Result<Vec<Stored>, Error> {
    let bytes = |column: &'static str| -> Expr {
        match conn.get_database_backend() {
            // Other collations differ from machine to machine.
            DbBackend::Postgres => Expr::cust(format!("{column} COLLATE \"C\"")),
            _ => Expr::cust(column),
        }
    };
    let rows = Entity::find()
        .filter(scope.condition(Column::OrgPath))
        .apply_if(filter.source, |query, source| query.filter(Column::Source.eq(source)))
        .apply_if(filter.division, |query, code| query.filter(Column::Division.like(format!("{code}%"))))
        .apply_if(after, |query, Reference { source, external_id }| {
            let same = Condition::all()
                .add(bytes("source").eq(source.as_str()))
                .add(bytes("external_id").gt(external_id.as_str()));
            query.filter(Condition::any().add(bytes("source").gt(source.as_str())).add(same))
        })
        .order_by_asc(bytes("source"))
        .order_by_asc(bytes("external_id"))
        .limit(limit)
        .all(conn)
        .await?;
    rows.into_iter().map(Stored::try_from).collect()
}
