//! The inbox of a resident.

use linli_domain::ids::{MessageId, ResidentId};
use linli_store::{
    Error,
    storage::bookings::{
        message,
        messages::{self, Place},
    },
};

use crate::App;

/// One row more than `limit` of the inbox, the latest first.
pub async fn list(
    app: &App,
    resident: ResidentId,
    unread: bool,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<message::Model>, Error> {
    Ok(messages::list(app.db.read(), resident, unread, after, u64::from(limit) + 1).await?)
}

/// Marks a message as read; again changes nothing.
pub async fn mark_read(app: &App, resident: ResidentId, id: MessageId) -> Result<message::Model, Error> {
    app.db
        .in_tx("messages.read", |tx| async move {
            let row = messages::mark_read(tx.conn(), &app.env, resident, id).await?;
            tx.commit(row).await
        })
        .await
}
