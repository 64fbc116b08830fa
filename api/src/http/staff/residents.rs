//! What staff do for residents: look up, verify households, merge duplicates.

use chrono::{DateTime, FixedOffset};
use linli_domain::{
    Refusal,
    access::perm,
    ids::{HouseholdId, OrganisationId, ResidentId},
    person::{IdCard, PersonName, Phone},
    time::{local, local_date},
};
use linli_store::storage::residents::resident;
use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use super::Tag;
use crate::{
    App,
    app::{
        residents::{self, households, lookup, merge},
        staff::sight::{Thing, judge},
    },
    http::{Problem, auth::Staff, v1::auth::Done},
};

/// Operations on residents.
pub struct Residents;

/// What the resident tells: exactly one of them. In the body, because addresses are logged.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct LookUp {
    /// Telephone number.
    #[oai(validator(max_length = 40))]
    phone: Option<String>,
    /// Name.
    #[oai(validator(max_length = 200))]
    name: Option<String>,
    /// Identity number.
    #[oai(validator(max_length = 64))]
    id_card: Option<String>,
}

/// A resident, masked.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct MaskedResident {
    /// Id.
    id: String,
    /// Name, masked.
    name_masked: Option<String>,
    /// Telephone number, masked.
    phone_masked: Option<String>,
    /// Identity number, masked.
    id_card_masked: Option<String>,
    /// Age in full years, when the identity number is known.
    age: Option<i32>,
    /// How well the person is known.
    assurance: String,
    /// The community the resident calls home.
    community_id: Option<String>,
    /// The household staff have verified.
    household_id: Option<String>,
}

/// Residents found.
#[derive(Object)]
pub struct ResidentList {
    /// At most 20.
    items: Vec<MaskedResident>,
}

/// A new household.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewHousehold {
    /// The community that verifies it.
    organisation_id: Uuid,
    /// Its members.
    #[oai(validator(min_items = 1, max_items = 20))]
    resident_ids: Vec<Uuid>,
}

/// Who belongs to a household.
#[derive(Object)]
pub struct Member {
    /// Resident.
    resident_id: String,
    /// The staff member who saw the papers.
    verified_by: String,
    /// When.
    verified_at: DateTime<FixedOffset>,
}

/// A household.
#[derive(Object)]
pub struct Household {
    /// Id.
    id: String,
    /// The community that verified it.
    organisation_id: String,
    /// Its members.
    members: Vec<Member>,
}

/// A household was verified.
#[derive(ApiResponse)]
pub enum HouseholdCreated {
    /// The household.
    #[oai(status = 201)]
    Created(Json<Household>),
}

/// Two records of one person.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct Merge {
    /// The record that stays.
    winner_id: Uuid,
    /// The record that goes into it, for good.
    loser_id: Uuid,
}

/// A merge that was made.
#[derive(Object)]
pub struct Merged {
    /// Id of the merge.
    id: String,
    /// The record that stays.
    winner_id: String,
    /// The record that went into it.
    loser_id: String,
    /// How many rows of which kind moved.
    moved: serde_json::Value,
    /// When.
    merged_at: DateTime<FixedOffset>,
}

#[OpenApi(tag = "Tag::Residents")]
impl Residents {
    /// Finds residents by what they tell
    ///
    /// Exact matches in scope, masked; each look is a line of the audit trail.
    #[oai(path = "/residents/lookup", method = "post", operation_id = "staffLookUpResidents")]
    async fn look_up(
        &self,
        app: Data<&App>,
        staff: Staff<perm::ResidentRead>,
        body: Json<LookUp>,
    ) -> Result<Json<ResidentList>, Problem> {
        let key = key(&app, &body)?;
        let mut items = Vec::new();
        for row in lookup::find(&app, &staff, &key).await? {
            items.push(render(&app, row).await?);
        }
        Ok(Json(ResidentList { items }))
    }

    /// Shows a resident, masked
    #[oai(path = "/residents/:resident_id", method = "get", operation_id = "staffGetResident")]
    async fn get(
        &self,
        app: Data<&App>,
        staff: Staff<perm::ResidentRead>,
        resident_id: Path<Uuid>,
    ) -> Result<Json<MaskedResident>, Problem> {
        let row = lookup::show(&app, &staff, ResidentId(resident_id.0)).await?;
        Ok(Json(render(&app, row).await?))
    }

    /// Merges two records of one person
    ///
    /// Cannot be undone. Asked again, it answers the merge that was made.
    #[oai(path = "/residents/merge", method = "post", operation_id = "staffMergeResidents")]
    async fn merge(
        &self,
        app: Data<&App>,
        staff: Staff<perm::ResidentMerge>,
        body: Json<Merge>,
    ) -> Result<Json<Merged>, Problem> {
        let (winner, loser) = (ResidentId(body.winner_id), ResidentId(body.loser_id));
        let done = merge::merge(&app, &staff, winner, loser).await;
        let done = judge(&app, &staff, (Thing::Resident, winner), done).await;
        let row = judge(&app, &staff, (Thing::Resident, loser), done).await?;
        Ok(Json(Merged {
            id: row.id.to_string(),
            winner_id: row.winner_id.to_string(),
            loser_id: row.loser_id.to_string(),
            moved: row.moved,
            merged_at: local(row.merged_at),
        }))
    }

    /// Verifies a new household
    #[oai(path = "/households", method = "post", operation_id = "staffCreateHousehold")]
    async fn create_household(
        &self,
        app: Data<&App>,
        staff: Staff<perm::HouseholdVerify>,
        body: Json<NewHousehold>,
    ) -> Result<HouseholdCreated, Problem> {
        let residents = body.resident_ids.iter().map(|id| ResidentId(*id)).collect();
        let place = OrganisationId(body.organisation_id);
        let done = households::create(&app, &staff, place, &residents).await?;
        Ok(HouseholdCreated::Created(Json(household(done))))
    }

    /// Shows a household
    #[oai(path = "/households/:household_id", method = "get", operation_id = "staffGetHousehold")]
    async fn get_household(
        &self,
        app: Data<&App>,
        staff: Staff<perm::HouseholdVerify>,
        household_id: Path<Uuid>,
    ) -> Result<Json<Household>, Problem> {
        Ok(Json(household(households::get(&app, &staff, HouseholdId(household_id.0)).await?)))
    }

    /// Verifies that a resident belongs to a household
    #[oai(
        path = "/households/:household_id/members/:resident_id",
        method = "put",
        operation_id = "staffAddHouseholdMember"
    )]
    async fn add_member(
        &self,
        app: Data<&App>,
        staff: Staff<perm::HouseholdVerify>,
        household_id: Path<Uuid>,
        resident_id: Path<Uuid>,
    ) -> Result<Json<Household>, Problem> {
        let (id, resident) = (HouseholdId(household_id.0), ResidentId(resident_id.0));
        Ok(Json(household(households::add(&app, &staff, id, resident).await?)))
    }

    /// Ends a resident's membership of a household
    #[oai(
        path = "/households/:household_id/members/:resident_id",
        method = "delete",
        operation_id = "staffRemoveHouseholdMember"
    )]
    async fn remove_member(
        &self,
        app: Data<&App>,
        staff: Staff<perm::HouseholdVerify>,
        household_id: Path<Uuid>,
        resident_id: Path<Uuid>,
    ) -> Result<Done, Problem> {
        let (id, resident) = (HouseholdId(household_id.0), ResidentId(resident_id.0));
        households::remove(&app, &staff, id, resident).await?;
        Ok(Done::Done)
    }
}

fn key(app: &App, body: &LookUp) -> Result<lookup::Key, Problem> {
    let today = local_date(app.env.now());
    match (&body.phone, &body.name, &body.id_card) {
        (Some(text), None, None) => Ok(lookup::Key::Phone(Phone::parse(text).map_err(|e| e.at("phone"))?)),
        (None, Some(text), None) => Ok(lookup::Key::Name(PersonName::parse(text).map_err(|e| e.at("name"))?)),
        (None, None, Some(text)) => {
            Ok(lookup::Key::IdCard(IdCard::parse(text, today).map_err(|e| e.at("id_card"))?))
        }
        _ => Err(Refusal::field(
            "",
            "exactly_one",
            "请填写手机号、姓名、身份证号中的一项",
            "Give exactly one of phone, name and id_card.",
        )
        .into()),
    }
}

async fn render(app: &App, row: resident::Model) -> Result<MaskedResident, Problem> {
    let person = residents::open(app, &row)?;
    let household = lookup::household_of(app.db.read(), ResidentId(row.id)).await?;
    let today = local_date(app.env.now());
    Ok(MaskedResident {
        id: row.id.to_string(),
        name_masked: person.name.map(|name| name.masked()),
        phone_masked: person.phone.map(|phone| phone.masked()),
        age: person.id_card.as_ref().and_then(|card| i32::try_from(card.age_on(today)).ok()),
        id_card_masked: person.id_card.map(|card| card.masked()),
        assurance: row.assurance,
        community_id: row.community_id.map(|id| id.to_string()),
        household_id: household.map(|member| member.household_id.to_string()),
    })
}

fn household((row, members): households::WithMembers) -> Household {
    let members = members.into_iter().map(|member| Member {
        resident_id: member.resident_id.to_string(),
        verified_by: member.verified_by.to_string(),
        verified_at: local(member.verified_at),
    });
    Household {
        id: row.id.to_string(),
        organisation_id: row.organisation_id.to_string(),
        members: members.collect(),
    }
}
