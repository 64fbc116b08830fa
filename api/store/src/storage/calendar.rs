//! The statutory calendar: the shipped years, and those that staff loaded over them.

use linli_domain::{
    Code,
    calendar::{Calendar, YearCalendar},
    ids::StaffId,
};
use sea_orm::{Set, entity::prelude::*, sea_query::OnConflict};

use crate::{Env, Error};

/// A year that staff loaded.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "statutory_year")]
pub struct Model {
    /// Year.
    #[sea_orm(primary_key, auto_increment = false)]
    pub year: i32,
    /// `YearCalendar` in its versioned form.
    pub arrangement: Json,
    /// Grows with every load.
    pub version: i64,
    /// Who loaded it.
    pub loaded_by: Uuid,
    /// When.
    pub loaded_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The calendar as it is now.
pub async fn load(conn: &impl ConnectionTrait) -> Result<Calendar, Error> {
    let mut years: Vec<YearCalendar> = Calendar::shipped().years().cloned().collect();
    for row in Entity::find().all(conn).await? {
        let year = serde_json::from_value(row.arrangement)
            .map_err(|error| Error::internal("reading the calendar", error))?;
        years.push(year);
    }
    Ok(Calendar::new(years)?)
}

/// A loaded year with its version.
pub async fn find(conn: &impl ConnectionTrait, year: i32) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(year).one(conn).await
}

/// Stores a year over the version it replaces, 0 when none was loaded; returns its own.
///
/// The statement itself compares the version, so of two that replace the same one, one is refused.
pub async fn save(
    conn: &impl ConnectionTrait,
    env: &Env,
    by: StaffId,
    year: &YearCalendar,
    replaced: i64,
) -> Result<i64, Error> {
    let arrangement =
        serde_json::to_value(year).map_err(|error| Error::internal("writing the calendar", error))?;
    let version = replaced.saturating_add(1);
    let row = ActiveModel {
        year: Set(year.year),
        arrangement: Set(arrangement),
        version: Set(version),
        loaded_by: Set(by.0),
        loaded_at: Set(env.now()),
    };
    let written = if replaced == 0 {
        let unless_there = OnConflict::column(Column::Year).do_nothing().to_owned();
        Entity::insert(row).on_conflict(unless_there).exec_without_returning(conn).await?
    } else {
        let same = Entity::update_many().set(row).filter(Column::Year.eq(year.year));
        same.filter(Column::Version.eq(replaced)).exec(conn).await?.rows_affected
    };
    if written == 0 { Err(Code::PreconditionFailed.into()) } else { Ok(version) }
}
