//! Photos: what is known of them; the bytes are in the blob store.

use linli_domain::ids::{FacilityId, PhotoId};
use sea_orm::{QueryOrder, entity::prelude::*};

/// A photo.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "facility_photo")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Facility.
    pub facility_id: Uuid,
    /// SHA-256 of the bytes, hexadecimal: their key in the blob store.
    pub digest: String,
    /// What the bytes are, by their own signature.
    pub content_type: String,
    /// How many.
    pub bytes: i64,
    /// What it shows.
    pub caption: Option<String>,
    /// Staff member.
    pub uploaded_by: Uuid,
    /// When.
    pub uploaded_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Photos of one facility that are kept at the most.
pub const MAX_PHOTOS: usize = 12;

/// The photos of a facility, the oldest first.
pub async fn of_facility(conn: &impl ConnectionTrait, facility: FacilityId) -> Result<Vec<Model>, DbErr> {
    // The bound is kept by whoever adds one.
    Entity::find().filter(Column::FacilityId.eq(facility.0)).order_by_asc(Column::Id).all(conn).await
}

/// One photo of a facility.
pub async fn find(
    conn: &impl ConnectionTrait,
    facility: FacilityId,
    photo: PhotoId,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(photo.0).filter(Column::FacilityId.eq(facility.0)).one(conn).await
}
