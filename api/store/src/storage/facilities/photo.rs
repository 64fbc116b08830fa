//! Photos: what is known of them; the bytes are in the blob store.

use linli_domain::ids::{FacilityId, PhotoId};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};

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

/// A page of all photos in order of id.
pub async fn any_after(
    conn: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().order_by_asc(Column::Id).limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    query.all(conn).await
}

/// Says what the bytes of a photo are from now on. Where the facility has that picture already, the
/// row keeps the digest it had, since each stands once.
pub async fn become_of(
    conn: &impl ConnectionTrait,
    row: &Model,
    digest: String,
    bytes: i64,
) -> Result<(), DbErr> {
    let same = Entity::find()
        .filter(Column::FacilityId.eq(row.facility_id))
        .filter(Column::Digest.eq(digest.as_str()))
        .one(conn)
        .await?;
    let digest = if same.is_some() { row.digest.clone() } else { digest };
    Entity::update_many()
        .col_expr(Column::Digest, Expr::value(digest))
        .col_expr(Column::Bytes, Expr::value(bytes))
        .filter(Column::Id.eq(row.id))
        .exec(conn)
        .await?;
    Ok(())
}

/// The place of the facility a photo shows.
pub async fn org_path(conn: &impl ConnectionTrait, row: &Model) -> Result<String, DbErr> {
    use super::facility;
    let path = facility::Entity::find_by_id(row.facility_id)
        .select_only()
        .column(facility::Column::OrgPath)
        .into_tuple::<String>()
        .one(conn)
        .await?;
    Ok(path.unwrap_or_default())
}
