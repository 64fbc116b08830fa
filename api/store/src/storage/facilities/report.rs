//! Reports that published information is wrong.

use linli_domain::{
    Vocabulary,
    access::Scope,
    facility::ReportState,
    ids::{FacilityId, ReportId, ResidentId},
};
use sea_orm::{QueryOrder, QuerySelect, Set, entity::prelude::*};

use crate::{
    Env, Error, ScopeCondition, Vault,
    vault::{Place, VaultError},
};

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
    /// What would be right, sealed.
    pub text_sealed: Option<Vec<u8>>,
    /// The same as it lay open before such texts were sealed; until `vault.seal` has come by.
    #[sea_orm(column_name = "text")]
    pub text_open: Option<String>,
    /// Stable name of a `ReportState`.
    pub state: String,
    /// What the person who reported is told, sealed.
    pub answer_sealed: Option<Vec<u8>>,
    /// The same as it lay open; see `text_open`.
    #[sea_orm(column_name = "answer")]
    pub answer_open: Option<String>,
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

/// A report and what was written about it, opened.
pub struct Report {
    /// Its row.
    pub row: Model,
    /// What would be right.
    pub text: Option<String>,
    /// What the person who reported is told.
    pub answer: Option<String>,
}

impl Report {
    /// Opens what the row seals.
    pub fn of(vault: &Vault, row: Model) -> Result<Self, Error> {
        let open = |column, sealed: &Option<Vec<u8>>| {
            vault.open_some(Place::new("facility_report", column, row.id), sealed.as_deref())
        };
        // What lies open was written last: who seals empties it.
        let text = match &row.text_open {
            Some(text) => Some(text.clone()),
            None => open("text_sealed", &row.text_sealed)?.map(|text| text.to_string()),
        };
        let answer = match &row.answer_open {
            Some(text) => Some(text.clone()),
            None => open("answer_sealed", &row.answer_sealed)?.map(|text| text.to_string()),
        };
        Ok(Self { row, text, answer })
    }

    /// The state as the domain knows it.
    pub fn state(&self) -> ReportState {
        ReportState::parse(&self.row.state).unwrap_or(ReportState::Open)
    }
}

/// Seals a text of the report `id` for its column.
pub fn seal(
    vault: &Vault,
    env: &Env,
    column: &'static str,
    id: ReportId,
    text: Option<&str>,
) -> Result<Option<Vec<u8>>, VaultError> {
    text.map(|text| vault.seal(env, Place::new("facility_report", column, id), text)).transpose()
}

/// Reports waiting at one facility at the most: beyond that, more of the same helps nobody.
pub const MAX_WAITING_PER_FACILITY: u64 = 100;
/// Reports of one resident that may wait at once.
pub const MAX_WAITING_PER_RESIDENT: u64 = 10;

/// A report within scope.
pub async fn find(
    conn: &impl ConnectionTrait,
    vault: &Vault,
    scope: &Scope,
    report: ReportId,
) -> Result<Option<Report>, Error> {
    let row = Entity::find_by_id(report.0).filter(scope.condition(Column::OrgPath)).one(conn).await?;
    row.map(|row| Report::of(vault, row)).transpose()
}

/// The reporter's own report: that of the resident, or one that nobody signed.
pub async fn own(
    conn: &impl ConnectionTrait,
    vault: &Vault,
    facility: FacilityId,
    report: ReportId,
    resident: Option<ResidentId>,
) -> Result<Option<Report>, Error> {
    let row = Entity::find_by_id(report.0).filter(Column::FacilityId.eq(facility.0)).one(conn).await?;
    let own = row.filter(|row| row.resident_id.is_none() || row.resident_id == resident.map(|id| id.0));
    own.map(|row| Report::of(vault, row)).transpose()
}

/// Every report of a resident, the newest first.
pub async fn any_by(
    conn: &impl ConnectionTrait,
    vault: &Vault,
    resident: ResidentId,
) -> Result<Vec<Report>, Error> {
    let by = Entity::find().filter(Column::ResidentId.eq(resident.0)).order_by_desc(Column::Id);
    by.all(conn).await?.into_iter().map(|row| Report::of(vault, row)).collect()
}

/// Reports within scope, the oldest first: a queue.
pub async fn queue(
    conn: &impl ConnectionTrait,
    vault: &Vault,
    scope: &Scope,
    facility: Option<FacilityId>,
    state: Option<ReportState>,
    after: Option<ReportId>,
    limit: u64,
) -> Result<Vec<Report>, Error> {
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
    let rows = query.order_by_asc(Column::Id).limit(limit).all(conn).await?;
    rows.into_iter().map(|row| Report::of(vault, row)).collect()
}

/// Takes out what the resident wrote, and what they were answered; that there was a report stays.
pub async fn forget_words(conn: &impl ConnectionTrait, resident: ResidentId) -> Result<(), DbErr> {
    let nothing = ActiveModel {
        text_sealed: Set(None),
        text_open: Set(None),
        answer_sealed: Set(None),
        answer_open: Set(None),
        ..Default::default()
    };
    Entity::update_many().set(nothing).filter(Column::ResidentId.eq(resident.0)).exec(conn).await?;
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
