//! Texts of bookings from a time when they lay open: sealed where they stand, once servers have a key.

use sea_orm::{Condition, ConnectionTrait, QueryOrder, QuerySelect, Set, entity::prelude::*};

use super::{
    Desk,
    booking::{ActiveModel, Column, Entity, Model},
    row,
};
use crate::Error;

fn open() -> Condition {
    Condition::any().add(Column::PurposeOpen.is_not_null()).add(Column::ReasonOpen.is_not_null())
}

/// Seals the open texts of up to `limit` bookings; answers of how many.
pub async fn seal_some(tx: &impl ConnectionTrait, desk: Desk<'_>, limit: u64) -> Result<u64, Error> {
    let found = Entity::find().filter(open()).order_by_asc(Column::Id).limit(limit).all(tx).await?;
    for Model { id, purpose_open, reason_open, .. } in &found {
        let mut sealed =
            ActiveModel { purpose_open: Set(None), reason_open: Set(None), ..Default::default() };
        if let Some(text) = purpose_open {
            sealed.purpose_sealed = Set(row::seal(desk, "purpose_sealed", (*id).into(), Some(text))?);
        }
        if let Some(text) = reason_open {
            sealed.reason_sealed = Set(row::seal(desk, "reason_sealed", (*id).into(), Some(text))?);
        }
        // What was forgotten in between stays forgotten: then it is open no more.
        Entity::update_many().set(sealed).filter(Column::Id.eq(*id)).filter(open()).exec(tx).await?;
    }
    Ok(found.len() as u64)
}
