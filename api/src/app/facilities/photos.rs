//! Photos: bytes in the blob store, a row that names them.
//!
//! What is kept is the picture and not what the camera wrote beside it: see [`picture`](super::picture).

use aws_lc_rs::digest;
use linli_domain::{
    Code, Refusal,
    access::Scope,
    ids::{FacilityId, PhotoId, StaffId},
};
use linli_store::{
    Error, OnConstraint, Tx,
    audit::{self, Actor},
    storage::facilities::{
        self, Stored, photo,
        write::{self, Done},
    },
};
use sea_orm::{EntityTrait, IntoActiveModel, ModelTrait};
use serde_json::json;

use super::picture::{self, Picture};
use crate::{App, http::body};

/// Largest photo.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
const MAX_CAPTION_CHARS: usize = 100;

/// Adds a photo.
pub async fn add(
    app: &App,
    by: StaffId,
    scope: &Scope,
    id: FacilityId,
    caption: Option<String>,
    bytes: &[u8],
) -> Result<photo::Model, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Code::BodyTooLarge.into());
    }
    let caption = caption.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if caption.as_deref().is_some_and(|text| text.chars().count() > MAX_CAPTION_CHARS) {
        return Err(Refusal::field("caption", "length", "最多100字", "At most 100 characters.").into());
    }
    // A form is no JSON body, so nobody has looked yet.
    if caption.as_deref().is_some_and(|text| text.chars().any(body::is_forbidden)) {
        let (zh, en) = ("含有不可见的控制字符", "It contains control characters.");
        return Err(Refusal::field("caption", "control_character", zh, en).into());
    }
    // Out of scope, nothing is even written to the disk.
    facilities::find(app.db.read(), scope, id).await?.ok_or(Code::NotFound)?;
    let Picture { content_type, bytes } = &picture::take_in(bytes).ok_or(Code::PhotoInvalid)?;
    let row = &photo::Model {
        id: app.env.id::<PhotoId>().0,
        facility_id: id.0,
        digest: hex::encode(digest::digest(&digest::SHA256, bytes)),
        content_type: (*content_type).to_owned(),
        bytes: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        caption,
        uploaded_by: by.0,
        uploaded_at: app.env.now(),
    };
    app.blobs.put(row.id, bytes).await.map_err(|error| Error::unavailable("photos", error))?;
    let added = app
        .db
        .in_tx("facilities.add_photo", |tx| async move {
            let stored = facilities::find(tx.conn(), scope, id).await?.ok_or(Code::NotFound)?;
            // Its update of the facility holds the row, so that two uploads count one after the other.
            record(app, &tx, by, &stored, "facility.add_photo").await?;
            if photo::of_facility(tx.conn(), id).await?.len() >= photo::MAX_PHOTOS {
                return Err(Code::PhotoLimit.into());
            }
            photo::Entity::insert(row.clone().into_active_model())
                .exec_without_returning(tx.conn())
                .await
                .on_constraint("facility_photo_key", || {
                    Refusal::new(Code::Conflict).with_detail("该照片已上传过", "This photo is already there.")
                })?;
            tx.commit(row.clone()).await
        })
        .await;
    if added.is_err() {
        discard(app, row.id.into()).await;
    }
    added
}

/// Removes a photo.
pub async fn remove(
    app: &App,
    by: StaffId,
    scope: &Scope,
    id: FacilityId,
    photo: PhotoId,
) -> Result<(), Error> {
    app.db
        .in_tx("facilities.remove_photo", |tx| async move {
            let stored = facilities::find(tx.conn(), scope, id).await?.ok_or(Code::NotFound)?;
            let row = photo::find(tx.conn(), id, photo).await?.ok_or(Code::NotFound)?;
            row.delete(tx.conn()).await?;
            record(app, &tx, by, &stored, "facility.remove_photo").await?;
            tx.commit(()).await
        })
        .await?;
    discard(app, photo).await;
    Ok(())
}

/// What cleaning found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Photos looked at.
    pub photos: u64,
    /// Those that held more than the picture, and hold it no longer.
    pub cleaned: u64,
    /// Those whose bytes are missing or are no picture any more; they stay as they are.
    pub unreadable: u64,
}

/// Takes out of stored photos what the camera wrote: of those that came before photos were taken in
/// without it. May run beside a server and be repeated.
pub async fn clean(app: &App) -> Result<Cleaned, Error> {
    let mut done = Cleaned::default();
    let mut after = None;
    loop {
        let rows = photo::any_after(app.db.read(), after, 100).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        for row in &rows {
            done.photos += 1;
            let bytes = app.blobs.get(row.id).await.map_err(|error| Error::unavailable("photos", error))?;
            let Some((picture, bytes)) = bytes.and_then(|bytes| Some((picture::take_in(&bytes)?, bytes)))
            else {
                tracing::warn!(photo.id = %row.id, "a photo cannot be read");
                done.unreadable += 1;
                continue;
            };
            if picture.bytes != bytes {
                replace(app, row, &picture).await?;
                done.cleaned += 1;
            }
        }
    }
    Ok(done)
}

/// Under the same id, so that whoever knows its address finds the picture and nothing else.
async fn replace(app: &App, row: &photo::Model, picture: &Picture) -> Result<(), Error> {
    app.db
        .in_tx("facilities.clean_photo", |tx| async move {
            let digest = hex::encode(digest::digest(&digest::SHA256, &picture.bytes));
            let bytes = i64::try_from(picture.bytes.len()).unwrap_or(i64::MAX);
            photo::become_of(tx.conn(), row, digest, bytes).await?;
            let entry = audit::Entry {
                actor: Actor::System,
                action: "facility.clean_photo",
                subject_kind: "facility",
                subject_id: Some(row.facility_id),
                org_path: photo::org_path(tx.conn(), row).await?,
                detail: json!({ "photo": row.id }),
            };
            audit::record(tx.conn(), &app.env, entry).await?;
            tx.commit(()).await
        })
        .await?;
    // After the commit: dying in between, the next run finds it again.
    app.blobs.put(row.id, &picture.bytes).await.map_err(|error| Error::unavailable("photos", error))
}

/// A photo of a public facility with its bytes.
pub async fn read(app: &App, id: FacilityId, photo: PhotoId) -> Result<(photo::Model, Vec<u8>), Error> {
    facilities::find_public(app.db.read(), id).await?.ok_or(Code::NotFound)?;
    let row = photo::find(app.db.read(), id, photo).await?.ok_or(Code::NotFound)?;
    let bytes = app.blobs.get(row.id).await.map_err(|error| Error::unavailable("photos", error))?;
    let bytes = bytes.ok_or_else(|| Error::internal("reading a photo", "its bytes are missing"))?;
    Ok((row, bytes))
}

/// Bytes no row names any more: failing to remove them costs space and nothing else.
async fn discard(app: &App, photo: PhotoId) {
    if let Err(error) = app.blobs.remove(photo.0).await {
        tracing::warn!(photo.id = %photo, error = &error as &dyn std::error::Error, "a photo's bytes stay behind");
    }
}

async fn record(app: &App, tx: &Tx, by: StaffId, stored: &Stored, action: &'static str) -> Result<(), Error> {
    let done = Done {
        id: stored.id,
        org_path: &stored.org_path,
        version: stored.version,
        action,
        fields: vec!["photos"],
    };
    Ok(write::record(tx.conn(), &app.env, Actor::Staff(by), done).await?)
}
