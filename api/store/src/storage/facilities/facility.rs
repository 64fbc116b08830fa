//! The facility table.

use linli_domain::facility::FacilityData;
use sea_orm::{FromJsonQueryResult, entity::prelude::*};
use serde::{Deserialize, Serialize};

/// What is said about a facility, read without a JSON value in between: a whole city is read at a start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Profile(pub FacilityData);

/// A facility: the profile, and the columns that queries select by.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "facility")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The organisation it belongs to.
    pub organisation_id: Uuid,
    /// That organisation's place in the tree.
    pub org_path: String,
    /// Where the data comes from.
    pub source: String,
    /// Its id there.
    pub external_id: Option<String>,
    /// Official name, as in the profile.
    pub name: String,
    /// Stable name of a `FacilityStatus`.
    pub status: String,
    /// Division code, as in the profile.
    pub division: Option<String>,
    /// Latitude, WGS-84, as in the profile.
    pub lat: Option<f64>,
    /// Longitude, WGS-84, as in the profile.
    pub lng: Option<f64>,
    /// In its versioned form.
    pub profile: Profile,
    /// When the first licence runs out, as in the profile.
    pub licence_expires_on: Option<Date>,
    /// Grows with every edit of profile or status.
    pub version: i64,
    /// Place in the changes feed: see [`super::feed`].
    pub revision: i64,
    /// When it was entered.
    pub created_at: DateTimeUtc,
    /// When it was last edited.
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
