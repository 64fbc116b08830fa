//! Notices 发布.

use chrono::NaiveDate;
use linli_domain::{
    Vocabulary,
    facility::{Notice, NoticeKind},
    ids::FacilityId,
};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*};

/// A notice.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "facility_notice")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Facility.
    pub facility_id: Uuid,
    /// Stable name of a `NoticeKind`.
    pub kind: String,
    /// Headline.
    pub title: String,
    /// Text.
    pub body: String,
    /// First date it is shown.
    pub shown_from: Date,
    /// Last date it is shown.
    pub shown_to: Date,
    /// Staff member.
    pub published_by: Uuid,
    /// When.
    pub published_at: DateTimeUtc,
    /// When it was taken back.
    pub withdrawn_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Notices of one facility that are kept at the most.
pub const MAX_LIVE: u64 = 50;

impl Model {
    /// The notice as the domain knows it.
    pub fn notice(&self) -> Notice {
        Notice {
            kind: NoticeKind::parse(&self.kind).unwrap_or(NoticeKind::Information),
            title: self.title.clone(),
            body: self.body.clone(),
            shown_from: self.shown_from,
            shown_to: self.shown_to,
        }
    }
}

/// What residents see on `date`, the newest first.
pub async fn current(
    conn: &impl ConnectionTrait,
    facility: FacilityId,
    date: NaiveDate,
) -> Result<Vec<Model>, DbErr> {
    live(facility)
        .filter(Column::ShownFrom.lte(date))
        .filter(Column::ShownTo.gte(date))
        .order_by_desc(Column::Id)
        .limit(MAX_LIVE)
        .all(conn)
        .await
}

/// What residents see on `date` of any of these facilities, the newest first.
pub async fn current_of_any(
    conn: &impl ConnectionTrait,
    facilities: &[FacilityId],
    date: NaiveDate,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::FacilityId.is_in(facilities.iter().map(|id| id.0)))
        .filter(Column::WithdrawnAt.is_null())
        .filter(Column::ShownFrom.lte(date))
        .filter(Column::ShownTo.gte(date))
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(conn)
        .await
}

/// What is shown or will be, the newest first.
pub async fn upcoming(
    conn: &impl ConnectionTrait,
    facility: FacilityId,
    date: NaiveDate,
) -> Result<Vec<Model>, DbErr> {
    live(facility).filter(Column::ShownTo.gte(date)).order_by_desc(Column::Id).limit(MAX_LIVE).all(conn).await
}

/// How many are shown or will be.
pub async fn count_upcoming(
    conn: &impl ConnectionTrait,
    facility: FacilityId,
    date: NaiveDate,
) -> Result<u64, DbErr> {
    live(facility).filter(Column::ShownTo.gte(date)).count(conn).await
}

fn live(facility: FacilityId) -> Select<Entity> {
    Entity::find().filter(Column::FacilityId.eq(facility.0)).filter(Column::WithdrawnAt.is_null())
}
