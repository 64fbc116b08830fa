//! Reports that published information is wrong.

use linli_domain::{
    Vocabulary,
    access::Scope,
    facility::ReportState,
    ids::{FacilityId, ReportId, ResidentId},
};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};

use crate::ScopeCondition;

/// A report.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "facility_report")]
pub struct Model {
    /// Id. Who reported without signing in reads the answer by it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Facility.
    pub facility_id: Uuid,
    /// Place of the facility's organisation.
    pub org_path: String,
    /// Who reported, if signed in.
    pub resident_id: Option<Uuid>,
    /// Stable name of a `ReportKind`.
    pub kind: String,
    /// What would be right.
    pub text: Option<String>,
    /// Stable name of a `ReportState`.
    pub state: String,
    /// What the person who reported is told.
    pub answer: Option<String>,
    /// Who worked on it last.
    pub handled_by: Option<Uuid>,
    /// Grows with every move.
    pub version: i64,
    /// When it came in.
    pub created_at: DateTimeUtc,
    /// When it last moved.
    pub updated_at: DateTimeUtc,
    /// When it ended.
    pub closed_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The state as the domain knows it.
    pub fn state(&self) -> ReportState {
        ReportState::parse(&self.state).unwrap_or(ReportState::Open)
    }
}

/// Reports waiting at one facility at the most: beyond that, more of the same helps nobody.
pub const MAX_WAITING_PER_FACILITY: u64 = 100;
/// Reports of one resident that may wait at once.
pub const MAX_WAITING_PER_RESIDENT: u64 = 10;

/// A report within scope.
pub async fn find(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    report: ReportId,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(report.0).filter(scope.condition(Column::OrgPath)).one(conn).await
}

/// The reporter's own report: that of the resident, or one that nobody signed.
pub async fn own(
    conn: &impl ConnectionTrait,
    facility: FacilityId,
    report: ReportId,
    resident: Option<ResidentId>,
) -> Result<Option<Model>, DbErr> {
    let row = Entity::find_by_id(report.0).filter(Column::FacilityId.eq(facility.0)).one(conn).await?;
    Ok(row.filter(|row| row.resident_id.is_none() || row.resident_id == resident.map(|id| id.0)))
}

/// Reports within scope, the oldest first: a queue.
pub async fn queue(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    facility: Option<FacilityId>,
    state: Option<ReportState>,
    after: Option<ReportId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().filter(scope.condition(Column::OrgPath));
    if let Some(facility) = facility {
        query = query.filter(Column::FacilityId.eq(facility.0));
    }
    if let Some(state) = state {
        query = query.filter(Column::State.eq(state.as_str()));
    }
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after.0));
    }
    query.order_by_asc(Column::Id).limit(limit).all(conn).await
}

/// Takes out what the resident wrote, and what they were answered; that there was a report stays.
pub async fn forget_words(conn: &impl ConnectionTrait, resident: ResidentId) -> Result<(), DbErr> {
    let nothing = || Expr::value(None::<String>);
    Entity::update_many()
        .col_expr(Column::Text, nothing())
        .col_expr(Column::Answer, nothing())
        .filter(Column::ResidentId.eq(resident.0))
        .exec(conn)
        .await?;
    Ok(())
}

/// How many reports wait at the facility, and how many of the resident anywhere.
pub async fn waiting(
    conn: &impl ConnectionTrait,
    facility: FacilityId,
    resident: Option<ResidentId>,
) -> Result<(u64, u64), DbErr> {
    let waiting = || Entity::find().filter(Column::ClosedAt.is_null());
    let at_facility = waiting().filter(Column::FacilityId.eq(facility.0)).count(conn).await?;
    let of_resident = match resident {
        Some(resident) => waiting().filter(Column::ResidentId.eq(resident.0)).count(conn).await?,
        None => 0,
    };
    Ok((at_facility, of_resident))
}
