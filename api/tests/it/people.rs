//! Staff and residents through the front door. Here: the town they live in, and who has which right.

use linli_domain::{
    access::{OrganisationKind, Permission, Role},
    ids::OrganisationId,
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rig::{Rig, both, send};

mod audit;
mod favourites;
mod renewal;
mod residents;
mod scopes;
mod sessions;

/// What each staff operation asks for. An operation that is missing here fails the test below, so
/// a right is decided twice: in the handler's signature and here. `None`: no token is needed.
const RIGHTS: &[(&str, Option<Permission>)] = &[
    ("staffPing", Some(Permission::OwnAccount)),
    ("staffSignIn", None),
    ("staffRefreshTokens", None),
    ("staffSignOut", Some(Permission::OwnAccount)),
    ("staffGetMe", Some(Permission::OwnAccount)),
    ("staffChangePassword", Some(Permission::OwnAccount)),
    ("staffListOrganisations", Some(Permission::OrganisationRead)),
    ("staffCreateOrganisation", Some(Permission::OrganisationEdit)),
    ("staffGetOrganisation", Some(Permission::OrganisationRead)),
    ("staffUpdateOrganisation", Some(Permission::OrganisationEdit)),
    ("staffMoveOrganisation", Some(Permission::OrganisationEdit)),
    ("staffListServiceAreas", Some(Permission::OrganisationRead)),
    ("staffCreateServiceArea", Some(Permission::ServiceAreaEdit)),
    ("staffGetServiceArea", Some(Permission::OrganisationRead)),
    ("staffUpdateServiceArea", Some(Permission::ServiceAreaEdit)),
    ("staffDeleteServiceArea", Some(Permission::ServiceAreaEdit)),
    ("staffListAccounts", Some(Permission::StaffRead)),
    ("staffCreateAccount", Some(Permission::StaffEdit)),
    ("staffGetAccount", Some(Permission::StaffRead)),
    ("staffUpdateAccount", Some(Permission::StaffEdit)),
    ("staffResetPassword", Some(Permission::StaffEdit)),
    ("staffListRoles", Some(Permission::StaffRead)),
    ("staffGiveRole", Some(Permission::StaffEdit)),
    ("staffTakeRole", Some(Permission::StaffEdit)),
    ("importFacilities", Some(Permission::FacilityImport)),
    ("exportFacilities", Some(Permission::FacilityExport)),
    ("staffGetCalendarYear", Some(Permission::CalendarRead)),
    ("staffLoadCalendarYear", Some(Permission::CalendarEdit)),
    ("staffCreateFacility", Some(Permission::FacilityEdit)),
    ("staffGetFacility", Some(Permission::FacilityRead)),
    ("staffReplaceFacility", Some(Permission::FacilityEdit)),
    ("staffReplaceFacilityHours", Some(Permission::FacilityEdit)),
    ("staffSetFacilityStatus", Some(Permission::FacilityEdit)),
    ("staffListFacilityHistory", Some(Permission::FacilityRead)),
    ("staffListExpiringLicences", Some(Permission::FacilityRead)),
    ("staffListFacilities", Some(Permission::FacilityRead)),
    ("staffListNotices", Some(Permission::FacilityRead)),
    ("staffPublishNotice", Some(Permission::NoticePublish)),
    ("staffWithdrawNotice", Some(Permission::NoticePublish)),
    ("staffAddPhoto", Some(Permission::FacilityEdit)),
    ("staffRemovePhoto", Some(Permission::FacilityEdit)),
    ("staffListReports", Some(Permission::ReportHandle)),
    ("staffMoveReport", Some(Permission::ReportHandle)),
    ("createRoom", Some(Permission::RoomEdit)),
    ("getRoom", Some(Permission::RoomRead)),
    ("staffGetRoomTimetable", Some(Permission::RoomRead)),
    ("staffReplaceRoomTimetable", Some(Permission::RoomEdit)),
    ("staffPreviewRoomTimetable", Some(Permission::RoomEdit)),
    ("staffPublishRoom", Some(Permission::RoomEdit)),
    ("staffListConcernedBookings", Some(Permission::BookingRead)),
    ("publishRoomDay", Some(Permission::RoomEdit)),
    ("listRoomBookings", Some(Permission::BookingRead)),
    ("closeRoom", Some(Permission::RoomEdit)),
    ("listRoomClosures", Some(Permission::RoomRead)),
    ("listClosureBookings", Some(Permission::BookingRead)),
    ("reopenRoom", Some(Permission::RoomEdit)),
    ("staffCreateBooking", Some(Permission::BookingEdit)),
    ("staffCreateBookingSeries", Some(Permission::BookingEdit)),
    ("staffGetBookingSeries", Some(Permission::BookingRead)),
    ("staffCancelBookingSeries", Some(Permission::BookingEdit)),
    ("staffGetBooking", Some(Permission::BookingRead)),
    ("staffCancelBooking", Some(Permission::BookingEdit)),
    ("staffRescheduleBooking", Some(Permission::BookingEdit)),
    ("staffApproveBooking", Some(Permission::BookingEdit)),
    ("staffDeclineBooking", Some(Permission::BookingEdit)),
    ("staffRecordPayment", Some(Permission::BookingEdit)),
    ("staffRecordRefund", Some(Permission::BookingEdit)),
    ("staffGetBookingPolicy", Some(Permission::RoomRead)),
    ("staffReplaceBookingPolicy", Some(Permission::RoomEdit)),
    ("staffListQuotaRules", Some(Permission::RoomRead)),
    ("staffCreateQuotaRule", Some(Permission::RoomEdit)),
    ("staffChangeQuotaRule", Some(Permission::RoomEdit)),
    ("staffEndQuotaRule", Some(Permission::RoomEdit)),
    ("staffListSearchDemand", Some(Permission::StatisticsRead)),
    ("staffReadAudit", Some(Permission::AuditRead)),
    ("staffLookUpResidents", Some(Permission::ResidentRead)),
    ("staffGetResident", Some(Permission::ResidentRead)),
    ("staffMergeResidents", Some(Permission::ResidentMerge)),
    ("staffCreateHousehold", Some(Permission::HouseholdVerify)),
    ("staffGetHousehold", Some(Permission::HouseholdVerify)),
    ("staffAddHouseholdMember", Some(Permission::HouseholdVerify)),
    ("staffRemoveHouseholdMember", Some(Permission::HouseholdVerify)),
];

/// A city with two communities, each under its own street.
pub(crate) struct Town {
    pub(crate) admin: String,
    pub(crate) city: OrganisationId,
    pub(crate) district: OrganisationId,
    pub(crate) streets: [OrganisationId; 2],
    pub(crate) communities: [OrganisationId; 2],
    pub(crate) operator: OrganisationId,
}

pub(crate) async fn town(rig: &Rig) -> Town {
    let admin = rig.staff_token(Role::CityAdmin, None).await;
    let list = send(rig.get("/staff/v1/organisations?kind=city").bearer_auth(&admin)).await.ok();
    let city = id(&list["items"][0]["id"]);
    let district = organisation(rig, &admin, city, OrganisationKind::District, "上城区").await;
    let mut streets = Vec::new();
    let mut communities = Vec::new();
    for name in ["甲", "乙"] {
        let street =
            organisation(rig, &admin, district, OrganisationKind::Street, &format!("{name}街道")).await;
        let community =
            organisation(rig, &admin, street, OrganisationKind::Community, &format!("{name}社区")).await;
        streets.push(street);
        communities.push(community);
    }
    let operator = organisation(rig, &admin, communities[0], OrganisationKind::Operator, "运营公司").await;
    Town {
        admin,
        city,
        district,
        streets: streets.try_into().unwrap(),
        communities: communities.try_into().unwrap(),
        operator,
    }
}

pub(crate) async fn organisation(
    rig: &Rig,
    token: &str,
    parent: OrganisationId,
    kind: OrganisationKind,
    name: &str,
) -> OrganisationId {
    let body = json!({ "parent_id": parent, "kind": kind.as_str(), "name": name });
    id(&send(rig.post("/staff/v1/organisations", &body).bearer_auth(token)).await.ok()["id"])
}

fn id(value: &Value) -> OrganisationId {
    value.as_str().unwrap().parse().unwrap()
}

impl Town {
    fn place_of(&self, role: Role) -> OrganisationId {
        match role.held_at()[0] {
            OrganisationKind::City => self.city,
            OrganisationKind::District => self.district,
            OrganisationKind::Street => self.streets[0],
            OrganisationKind::Community => self.communities[0],
            OrganisationKind::Operator => self.operator,
        }
    }
}

both!(every_staff_operation_asks_every_role_for_its_right, async |rig| {
    let town = town(rig).await;
    let document =
        linli::http::documents().into_iter().find(|(name, _)| name.starts_with("staff")).unwrap().1;
    let document: Value = serde_json::from_str(&document).unwrap();
    let resident = rig.resident_token().await;
    for role in Role::ALL {
        let token = rig.staff_token(*role, Some(town.place_of(*role))).await;
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                // Signing out would end the token under test.
                if name == "staffSignOut" {
                    continue;
                }
                let right = right_of(name);
                let Some(right) = right else { continue };
                let at = format!("{} on {name}", role.as_str());
                let ask = |token: Option<&str>| send(request(rig, method, path, operation, token));
                assert_eq!(ask(None).await.status, 401, "anonymous on {name}");
                assert_eq!(ask(Some(&resident)).await.status, 401, "a resident on {name}");
                let answer = ask(Some(&token)).await;
                if role.may(right) {
                    assert!(
                        ![401, 403].contains(&answer.status) && answer.status < 500,
                        "{at}: {}",
                        answer.text
                    );
                    if path.contains('{') {
                        let unknown = [404, 422, 415, 400].contains(&answer.status);
                        assert!(unknown, "{at}: an unknown id answered {} {}", answer.status, answer.text);
                    }
                } else {
                    answer.is_problem(403, "forbidden");
                }
            }
        }
    }
});

/// An operation that nobody has decided about fails here.
pub(crate) fn right_of(operation: &str) -> Option<Permission> {
    match RIGHTS.iter().find(|(name, _)| *name == operation) {
        Some((_, right)) => *right,
        None => panic!("{operation} is not in the table of rights"),
    }
}

/// A request that would do nothing: unknown ids, empty body, a version nobody has.
fn request(
    rig: &Rig,
    method: &str,
    path: &str,
    operation: &Value,
    token: Option<&str>,
) -> reqwest::RequestBuilder {
    let mut filled = format!("/staff/v1{path}");
    while let (Some(from), Some(to)) = (filled.find('{'), filled.find('}')) {
        filled.replace_range(from..=to, &Uuid::from_u128(7).to_string());
    }
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    let mut request =
        rig.request(method, &filled).header("If-Match", "\"999\"").header("Idempotency-Key", "matrix-key-1");
    if operation["requestBody"].is_object() {
        request = request.json(&json!({}));
    }
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}
