//! Waiting lists, for staff.

use linli_domain::{
    access::perm,
    ids::{RoomId, SlotId},
};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::{
        bookings::waitlist,
        staff::sight::{Thing, judge},
    },
    http::{Problem, auth::Staff, waitlist::WaitlistEntry},
};

/// Waiting lists.
pub struct Waitlist;

/// Who is on the waiting list of a slot
#[derive(Object)]
pub struct SlotWaitlist {
    /// In their order, those with an offer included.
    items: Vec<WaitlistEntry>,
}

#[OpenApi(tag = "Tag::Bookings")]
impl Waitlist {
    /// Lists who waits for a slot
    #[oai(path = "/rooms/:id/slots/:slot_id/waitlist", method = "get", operation_id = "listSlotWaitlist")]
    async fn list(
        &self,
        app: Data<&App>,
        staff: Staff<perm::BookingRead>,
        id: Path<Uuid>,
        slot_id: Path<Uuid>,
    ) -> Result<Json<SlotWaitlist>, Problem> {
        let found = waitlist::list_of_slot(&app, &staff.scope, RoomId(id.0), SlotId(slot_id.0)).await;
        let rows = judge(&app, &staff, (Thing::Room, id.0), found).await?;
        Ok(Json(SlotWaitlist { items: rows.into_iter().map(WaitlistEntry::new).collect() }))
    }
}
