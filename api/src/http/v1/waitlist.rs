//! Waiting lists, for residents.

use linli_domain::{
    Code,
    bookings::Channel,
    consent::FamilyScope,
    ids::{ResidentId, RoomId, SlotId, WaitlistEntryId},
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

use super::{
    Tag,
    auth::Done,
    bookings::{Booked, ask},
};
use crate::{
    App,
    app::bookings::{Door, Who, waitlist},
    http::{Problem, auth::Resident, idempotency::Idempotent, paging, waitlist::WaitlistEntry},
};

/// Waiting lists.
pub struct Waitlist;

/// What to wait for
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewWaitlistEntry {
    room_id: Uuid,
    slot_id: Uuid,
    /// How many people would come, you included: they are offered places together or not at all.
    party_size: i32,
    /// For a family member who has let you; yourself when absent.
    for_resident_id: Option<Uuid>,
}

/// How an offer is accepted
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct AcceptOffer {
    /// What for.
    purpose: Option<String>,
}

/// The signed word of a leave link
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct LeaveByToken {
    #[oai(validator(max_length = 64))]
    token: String,
}

/// A page of places on waiting lists
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct WaitlistEntries {
    items: Vec<WaitlistEntry>,
    /// Send it back as `cursor` for the next page; absent on the last.
    next_cursor: Option<String>,
}

/// The answer to joining.
#[derive(ApiResponse)]
pub enum Joined {
    /// On the list, as it is now.
    #[oai(status = 201)]
    Created(
        Json<WaitlistEntry>,
        /// `true` when an earlier request with this key had this effect.
        #[oai(header = "Idempotent-Replayed")]
        Option<bool>,
    ),
}

/// Names the list to its cursors.
const OWN: &str = "waitlist";

#[OpenApi(tag = "Tag::Bookings")]
impl Waitlist {
    /// Waits for a slot that is taken
    ///
    /// Refused where a booking would be refused for another reason, and where the slot can be had now.
    /// Whatever comes free is kept for the first on the list for whom it is enough, who is told and has
    /// until `offer_until` to accept; then it goes to the next, never to others in between. Somebody for
    /// whom it is not enough keeps their place and sees why in `passed_over`. A quota is counted when an
    /// offer is accepted; whoever has used it up is passed over.
    #[oai(path = "/waitlist", method = "post", operation_id = "joinWaitlist")]
    async fn join(
        &self,
        app: Data<&App>,
        resident: Resident,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<NewWaitlistEntry>,
    ) -> Result<Joined, Problem> {
        let request = key.record(format!("resident:{}", resident.id), "waitlist.join");
        let door = Door {
            who: Who::Resident(resident.id),
            resident: body.0.for_resident_id.map_or(resident.id, ResidentId),
            channel: Channel::Online,
        };
        let new = waitlist::NewEntry {
            room_id: RoomId(body.0.room_id),
            slot_id: SlotId(body.0.slot_id),
            party_size: body.0.party_size.into(),
        };
        let (seen, replayed) = waitlist::join(&app, &door, new, &request).await?;
        Ok(Joined::Created(Json(WaitlistEntry::own(&app, seen)), replayed.then_some(true)))
    }

    /// Lists your places on waiting lists, or those of a family member who has let you see them
    ///
    /// The latest first.
    #[oai(path = "/waitlist", method = "get", operation_id = "listWaitlist")]
    async fn list(
        &self,
        app: Data<&App>,
        resident: Resident,
        /// Whose; yours when absent.
        for_resident_id: Query<Option<Uuid>>,
        /// Places on a page.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// Where the page begins: `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<WaitlistEntries>, Problem> {
        let whose = for_resident_id.0.map_or(resident.id, ResidentId);
        let filters = (OWN, resident.id, whose);
        let after = cursor.0.map(|cursor| paging::open(&app, &filters, &cursor)).transpose()?;
        let limit = limit.0.unwrap_or(paging::DEFAULT_LIMIT);
        let rows = waitlist::list_of_resident(&app, resident.id, whose, after, limit).await?;
        let (page, next) = paging::cut(rows, limit, |(entry, _)| (entry.row.created_at, entry.id()));
        let items = page.into_iter().map(|seen| WaitlistEntry::own(&app, seen)).collect();
        let next_cursor = next.map(|at| paging::seal(&app, &filters, at));
        Ok(Json(WaitlistEntries { items, next_cursor }))
    }

    /// Shows a place on a waiting list of yours, or of a family member who has let you see it
    #[oai(path = "/waitlist/:id", method = "get", operation_id = "getWaitlistEntry")]
    async fn get(
        &self,
        app: Data<&App>,
        resident: Resident,
        id: Path<Uuid>,
    ) -> Result<Json<WaitlistEntry>, Problem> {
        let who = Who::Resident(resident.id);
        let seen = waitlist::find(&app, who, FamilyScope::See, WaitlistEntryId(id.0)).await?;
        Ok(Json(WaitlistEntry::own(&app, seen)))
    }

    /// Accepts what is offered
    ///
    /// It becomes a booking with the same id, firm or to be paid or decided, as any other of the room.
    #[oai(path = "/waitlist/:id/accept", method = "post", operation_id = "acceptWaitlistOffer")]
    async fn accept(
        &self,
        app: Data<&App>,
        resident: Resident,
        id: Path<Uuid>,
        #[oai(name = "Idempotency-Key")] key: Idempotent,
        body: Json<AcceptOffer>,
    ) -> Result<Booked, Problem> {
        let request = key.record(format!("resident:{}", resident.id), "waitlist.accept");
        let (who, id) = (Who::Resident(resident.id), WaitlistEntryId(id.0));
        Ok(waitlist::accept(&app, who, id, body.0.purpose, ask(&request)).await?.into())
    }

    /// Leaves a waiting list, or declines what is offered
    ///
    /// What was kept goes to the next. Again changes nothing.
    #[oai(path = "/waitlist/:id", method = "delete", operation_id = "leaveWaitlist")]
    async fn leave(&self, app: Data<&App>, resident: Resident, id: Path<Uuid>) -> Result<Done, Problem> {
        waitlist::leave(&app, Who::Resident(resident.id), WaitlistEntryId(id.0)).await?;
        Ok(Done::Done)
    }

    /// Leaves a waiting list by the signed word of a link, without signing in
    ///
    /// Sent by a page that asks first: programs that look at links must not take anybody off a list.
    #[oai(path = "/waitlist/leave", method = "post", operation_id = "leaveWaitlistByToken")]
    async fn leave_by_token(&self, app: Data<&App>, body: Json<LeaveByToken>) -> Result<Done, Problem> {
        let id = app.keys.open_leave(&body.0.token).ok_or(Code::NotFound)?;
        waitlist::leave_by_token(&app, id).await?;
        Ok(Done::Done)
    }
}
