//! Staff and residents through the front door: rights, scopes, sessions, personal data.

use linli_domain::{
    access::{OrganisationKind, Permission, Role},
    ids::OrganisationId,
};
use linli_store::{audit_seal, storage::schema};
use reqwest::Method;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rig::{Answer, Rig, both, send};

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
    ("publishRoomDay", Some(Permission::RoomEdit)),
    ("listRoomBookings", Some(Permission::BookingRead)),
    ("staffCreateBooking", Some(Permission::BookingEdit)),
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
struct Town {
    admin: String,
    city: OrganisationId,
    district: OrganisationId,
    streets: [OrganisationId; 2],
    communities: [OrganisationId; 2],
    operator: OrganisationId,
}

async fn town(rig: &Rig) -> Town {
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

async fn organisation(
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
fn right_of(operation: &str) -> Option<Permission> {
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

both!(what_lies_outside_the_scope_is_not_found, async |rig| {
    let town = town(rig).await;
    let manager = rig.staff_token(Role::StreetManager, Some(town.streets[0])).await;
    let see = async |path: String| send(rig.get(&path).bearer_auth(&manager)).await;
    let own = see(format!("/staff/v1/organisations/{}", town.communities[0])).await;
    assert_eq!((own.status, own.header("etag")), (200, "\"1\""));
    for outside in [town.communities[1], town.streets[1], town.district] {
        see(format!("/staff/v1/organisations/{outside}")).await.is_problem(404, "not_found");
    }
    let list = see("/staff/v1/organisations?limit=100".to_owned()).await.ok();
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["甲街道", "甲社区", "运营公司"]);

    // A cursor is no way round: made in another scope, it opens nothing.
    let wide = send(rig.get("/staff/v1/organisations?limit=1").bearer_auth(&town.admin)).await.ok();
    let cursor = wide["next_cursor"].as_str().unwrap();
    see(format!("/staff/v1/organisations?limit=1&cursor={cursor}")).await.is_problem(400, "cursor_invalid");

    // An account outside can neither be seen nor made.
    let clerk = json!({ "username": "clerk1", "name": "李四", "organisation_id": town.communities[1] });
    send(rig.post("/staff/v1/accounts", &clerk).bearer_auth(&manager)).await.is_problem(404, "not_found");
    let made = send(rig.post("/staff/v1/accounts", &clerk).bearer_auth(&town.admin)).await.ok();
    let account = made["account"]["id"].as_str().unwrap().to_owned();
    see(format!("/staff/v1/accounts/{account}")).await.is_problem(404, "not_found");
});

both!(moving_a_street_moves_everything_below_it, async |rig| {
    let town = town(rig).await;
    let other = organisation(rig, &town.admin, town.city, OrganisationKind::District, "滨江区").await;
    let clerk = rig.staff_token(Role::CommunityManager, Some(town.communities[0])).await;
    let shift = async |version: &str, to: OrganisationId| {
        let path = format!("/staff/v1/organisations/{}/move", town.streets[0]);
        send(
            rig.post(&path, &json!({ "parent_id": to })).header("If-Match", version).bearer_auth(&town.admin),
        )
        .await
    };
    shift("\"7\"", other).await.is_problem(412, "precondition_failed");
    shift("\"1\"", town.communities[1]).await.is_problem(422, "organisation_misplaced");
    shift("\"1\"", other).await.ok();
    let path = format!("/staff/v1/organisations/{}", town.communities[0]);
    let community = send(rig.get(&path).bearer_auth(&town.admin)).await.ok();
    assert!(community["path"].as_str().unwrap().contains(&format!("/{other}/{}/", town.streets[0])));

    // No copy of the old path is left anywhere but in the audit.
    let db = rig.app.db.read();
    let old = format!("%/{}/{}/%", town.district, town.streets[0]);
    for table in schema::tables_with(db, "org_path").await.unwrap() {
        if ["audit"].contains(&table.as_str()) {
            continue;
        }
        let sql = format!("SELECT 1 AS found FROM {table} WHERE org_path LIKE $1");
        let statement = Statement::from_sql_and_values(rig.app.db.backend(), sql, [old.as_str().into()]);
        assert!(db.query_one_raw(statement).await.unwrap().is_none(), "{table} holds an old path");
    }
    tokio::time::sleep(std::time::Duration::from_millis(2_200)).await;
    assert_eq!(send(rig.get(&path).bearer_auth(&clerk)).await.status, 200, "roles moved along");
});

both!(staff_sign_in_change_their_password_and_are_slowed_down_when_guessing, async |rig| {
    let town = town(rig).await;
    let body = json!({ "username": "wang.wu", "name": "王五", "phone": "13900001111", "organisation_id": town.streets[0] });
    let made = send(rig.post("/staff/v1/accounts", &body).bearer_auth(&town.admin)).await.ok();
    let first = made["first_password"].as_str().unwrap().to_owned();
    let account = made["account"]["id"].as_str().unwrap().to_owned();
    let same = json!({ "username": "Wang.Wu", "name": "王五", "organisation_id": town.streets[0] });
    let taken = send(rig.post("/staff/v1/accounts", &same).bearer_auth(&town.admin)).await;
    taken.is_problem(409, "username_taken");
    let role = json!({ "role": "street_manager", "organisation_id": town.streets[0] });
    let roles = format!("/staff/v1/accounts/{account}/roles");
    send(rig.post(&roles, &role).bearer_auth(&town.admin)).await.ok();
    send(rig.post(&roles, &role).bearer_auth(&town.admin)).await.is_problem(409, "role_already_given");
    let upward = json!({ "role": "city_admin", "organisation_id": town.city });
    send(rig.post(&roles, &upward).bearer_auth(&town.admin)).await.is_problem(403, "forbidden");

    let sign_in = async |login: &str, password: &str| {
        send(rig.post("/staff/v1/auth/sign-in", &json!({ "login": login, "password": password }))).await
    };
    // By telephone number, in another way of writing it.
    let tokens = sign_in("+86 139 0000 1111", &first).await.ok();
    let access = tokens["access_token"].as_str().unwrap().to_owned();
    let list = "/staff/v1/organisations";
    send(rig.get(list).bearer_auth(&access)).await.is_problem(403, "password_change_required");
    let change = |new: &str| json!({ "current_password": first, "new_password": new });
    let weak = send(rig.post("/staff/v1/me/password", &change("wang.wu-2026")).bearer_auth(&access)).await;
    weak.is_problem(422, "invalid_input");
    send(rig.post("/staff/v1/me/password", &change("晨雾里的河边小路很长")).bearer_auth(&access)).await.ok();
    assert_eq!(send(rig.get(list).bearer_auth(&access)).await.status, 200);
    sign_in("wang.wu", &first).await.is_problem(401, "sign_in_failed");

    // Guessing: the first are free, then it waits; the right password waits too, and passes after.
    let mut slowed = 0;
    for _ in 0..6 {
        slowed += u32::from(sign_in("wang.wu", "guess guess guess").await.status == 429);
    }
    assert!(slowed >= 1);
    sign_in("wang.wu", "晨雾里的河边小路很长").await.is_problem(429, "rate_limited");
    rig.clock.advance(chrono::Duration::seconds(20));
    sign_in("wang.wu", "晨雾里的河边小路很长").await.ok();
    sign_in("nobody.here", "guess guess guess").await.is_problem(401, "sign_in_failed");

    // Disabling ends every session within seconds.
    let path = format!("/staff/v1/accounts/{account}");
    let shown = send(rig.get(&path).bearer_auth(&town.admin)).await;
    assert_eq!(shown.json["phone_masked"], "139****1111");
    let disable = rig.request(Method::PATCH, &path).json(&json!({ "disabled": true }));
    send(disable.header("If-Match", shown.header("etag")).bearer_auth(&town.admin)).await.ok();
    tokio::time::sleep(std::time::Duration::from_millis(2_200)).await;
    send(rig.get(list).bearer_auth(&access)).await.is_problem(401, "unauthenticated");
});

both!(a_resident_keeps_their_own_record_and_sessions, async |rig| {
    let token = rig.resident_with("13700001111").await;
    let me = send(rig.get("/v1/me").bearer_auth(&token)).await;
    assert_eq!(me.json["phone"], "13700001111");
    let patch = async |version: Option<&str>, body: Value| {
        let request = rig.request(Method::PATCH, "/v1/me").json(&body).bearer_auth(&token);
        send(if let Some(version) = version { request.header("If-Match", version) } else { request }).await
    };
    patch(None, json!({ "name": "张三" })).await.is_problem(428, "precondition_required");
    let done =
        patch(Some(me.header("etag")), json!({ "name": "张三", "id_card": "11010519491231002X" })).await;
    assert_eq!((done.status, &done.json["id_card_masked"]), (200, &json!("1101**********2X")));
    patch(Some(me.header("etag")), json!({ "name": "李四" })).await.is_problem(412, "precondition_failed");
    let bad = patch(Some(done.header("etag")), json!({ "id_card": "110105491231002" })).await;
    bad.is_problem(422, "invalid_input");
    assert_eq!(bad.json["errors"][0]["code"], "id_card_15_digits");
    assert!(!bad.text.contains("110105491231002"), "the caller's value is not repeated");

    let export = send(rig.get("/v1/me/export").bearer_auth(&token)).await.ok();
    assert_eq!(
        (&export["resident"]["name"], &export["resident"]["id_card"]),
        (&json!("张三"), &json!("11010519491231002X"))
    );

    let other = rig.resident_with("13700001111").await;
    let sessions = send(rig.get("/v1/me/sessions").bearer_auth(&token)).await.ok();
    let items = sessions["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let there = items.iter().find(|item| item["current"] == false).unwrap()["id"].as_str().unwrap();
    let end =
        |who: &str| send(rig.request(Method::DELETE, &format!("/v1/me/sessions/{there}")).bearer_auth(who));
    let stranger = rig.resident_token().await;
    end(&stranger).await.is_problem(404, "not_found");
    assert_eq!(end(&token).await.status, 204);
    send(rig.get("/v1/me").bearer_auth(&other)).await.is_problem(401, "unauthenticated");
    assert_eq!(send(rig.post("/v1/auth/logout", &json!({})).bearer_auth(&token)).await.status, 204);
    send(rig.get("/v1/me").bearer_auth(&token)).await.is_problem(401, "unauthenticated");
});

both!(a_deleted_record_goes_after_the_time_of_grace, async |rig| {
    let token = rig.resident_with("13700002222").await;
    let delete = send(rig.request(Method::DELETE, "/v1/me").bearer_auth(&token)).await;
    assert_eq!(delete.status, 202);
    send(rig.post("/v1/me/keep", &json!({})).bearer_auth(&token)).await.ok();
    send(rig.request(Method::DELETE, "/v1/me").bearer_auth(&token)).await.ok();
    linli::app::residents::erasure::run(&rig.app).await.unwrap();
    assert_eq!(send(rig.get("/v1/me").bearer_auth(&token)).await.status, 200, "not before its time");
    rig.clock.advance(chrono::Duration::days(16));
    linli::app::residents::erasure::run(&rig.app).await.unwrap();
    let again = rig.resident_with("13700002222").await;
    let me = send(rig.get("/v1/me").bearer_auth(&again)).await.ok();
    assert_ne!(me["id"], delete.json["id"], "the number begins a new record");
    let sql = "SELECT count(*) AS n FROM resident WHERE erased_at IS NOT NULL AND phone_sealed IS NULL AND phone_index IS NULL";
    let statement = Statement::from_string(rig.app.db.backend(), sql);
    let row = rig.app.db.read().query_one_raw(statement).await.unwrap().unwrap();
    assert_eq!(row.try_get::<i64>("", "n").unwrap(), 1);
});

both!(family_acts_within_what_was_allowed_until_it_is_taken_back, async |rig| {
    use linli_domain::consent::FamilyScope;
    use linli_store::storage::residents::may_act_for;
    let (elder, child) = (rig.resident_token().await, rig.resident_token().await);
    let who = async |token: &str| {
        let me = send(rig.get("/v1/me").bearer_auth(token)).await.ok();
        me["id"].as_str().unwrap().parse().unwrap()
    };
    let (elder_id, child_id) = (who(&elder).await, who(&child).await);
    let may = async |scope| may_act_for(rig.app.db.read(), child_id, elder_id, scope).await.unwrap();

    let invitation =
        send(rig.post("/v1/me/family", &json!({ "scopes": ["see", "book"] })).bearer_auth(&elder)).await;
    assert_eq!(invitation.status, 201);
    let code = invitation.json["code"].as_str().unwrap().to_owned();
    let accept = async |token: &str, code: &str| {
        send(rig.post("/v1/me/family/accept", &json!({ "code": code })).bearer_auth(token)).await
    };
    accept(&elder, &code).await.is_problem(422, "family_code_invalid");
    accept(&child, "00000000").await.is_problem(422, "family_code_invalid");
    assert!(!may(FamilyScope::Book).await);
    let link = accept(&child, &format!("{} {}", &code[..4], &code[4..])).await.ok();
    accept(&child, &code).await.is_problem(422, "family_code_invalid");
    assert!(may(FamilyScope::Book).await && !may(FamilyScope::Order).await);

    let path = format!("/v1/me/family/{}", link["id"].as_str().unwrap());
    let rescope = |token: &str| {
        send(rig.request(Method::PUT, &path).json(&json!({ "scopes": ["order"] })).bearer_auth(token))
    };
    rescope(&child).await.is_problem(404, "not_found");
    rescope(&elder).await.ok();
    assert!(may(FamilyScope::Order).await && !may(FamilyScope::Book).await);

    let consents = send(rig.get("/v1/me/consents").bearer_auth(&elder)).await.ok();
    let items = consents["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "the history keeps what was allowed before");
    let live = items.iter().find(|item| item["revoked_at"].is_null()).unwrap()["id"].as_str().unwrap();
    let revoke = rig.request(Method::DELETE, &format!("/v1/me/consents/{live}"));
    assert_eq!(send(revoke.bearer_auth(&elder)).await.status, 204);
    assert!(!may(FamilyScope::Order).await);
    let links = send(rig.get("/v1/me/family").bearer_auth(&child)).await.ok();
    assert_eq!(links["items"].as_array().unwrap().len(), 0, "the link ended with its consent");
});

both!(staff_find_verify_and_merge_residents_and_the_audit_tells, async |rig| {
    let town = town(rig).await;
    let manager = rig.staff_token(Role::StreetManager, Some(town.streets[0])).await;
    let auditor = rig.staff_token(Role::Auditor, Some(town.city)).await;
    let tokens = [rig.resident_with("13700003333").await, rig.resident_with("13700004444").await];
    for (token, community) in tokens.iter().zip([town.communities[0], town.communities[0]]) {
        let body = json!({ "name": "赵六", "community_id": community });
        let patch = rig.request(Method::PATCH, "/v1/me").json(&body).header("If-Match", "\"1\"");
        send(patch.bearer_auth(token)).await.ok();
    }
    let look = async |token: &str, body: Value| -> Answer {
        send(rig.post("/staff/v1/residents/lookup", &body).bearer_auth(token)).await
    };
    let found = look(&manager, json!({ "phone": "137-0000-3333" })).await.ok();
    assert_eq!(found["items"][0]["phone_masked"], "137****3333");
    assert_eq!(found["items"][0]["name_masked"], "赵*");
    let winner = found["items"][0]["id"].as_str().unwrap().to_owned();
    let both_named = look(&manager, json!({ "name": "赵六" })).await.ok();
    assert_eq!(both_named["items"].as_array().unwrap().len(), 2);
    let elsewhere = rig.staff_token(Role::StreetManager, Some(town.streets[1])).await;
    let nobody = look(&elsewhere, json!({ "phone": "13700003333" })).await.ok();
    assert_eq!(nobody["items"].as_array().unwrap().len(), 0, "at home elsewhere, so not found here");
    let loser = look(&manager, json!({ "phone": "13700004444" })).await.ok()["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();

    let household = json!({ "organisation_id": town.communities[0], "resident_ids": [loser] });
    send(rig.post("/staff/v1/households", &household).bearer_auth(&manager)).await.ok();
    send(rig.post("/staff/v1/households", &household).bearer_auth(&manager))
        .await
        .is_problem(409, "household_taken");

    let merge = json!({ "winner_id": winner, "loser_id": loser });
    let ask =
        async |token: &str| send(rig.post("/staff/v1/residents/merge", &merge).bearer_auth(token)).await;
    ask(&elsewhere).await.is_problem(404, "not_found");
    let done = ask(&manager).await.ok();
    assert_eq!(done["moved"]["household_member"], 1);
    assert_eq!(ask(&manager).await.ok()["id"], done["id"], "asked again, the same merge");
    tokio::time::sleep(std::time::Duration::from_millis(2_200)).await;
    send(rig.get("/v1/me").bearer_auth(&tokens[1])).await.is_problem(401, "unauthenticated");
    assert_eq!(send(rig.get("/v1/me").bearer_auth(&tokens[0])).await.status, 200);

    let read = send(rig.get("/staff/v1/audit?action=resident.merge").bearer_auth(&auditor)).await.ok();
    assert_eq!(read["items"][0]["subject_id"], json!(winner));
    let text = send(rig.get("/staff/v1/audit?limit=100").bearer_auth(&auditor)).await.text;
    for personal in ["13700003333", "13700004444", "赵六"] {
        assert!(!text.contains(personal), "the audit names no person");
    }
});

both!(an_altered_audit_breaks_its_seal, async |rig| {
    town(rig).await;
    while audit_seal::seal(&rig.app.db, &rig.app.env).await.unwrap() {}
    let (seals, broken) = audit_seal::verify(rig.app.db.read()).await.unwrap();
    assert!(seals >= 3 && broken.is_empty(), "{broken:?}");
    let db = rig.app.db.any_write();
    let alter = "UPDATE audit SET action = 'organisation.nothing' WHERE id = (SELECT min(id::text)::uuid FROM audit WHERE seal_seq = 1)";
    let sqlite = "UPDATE audit SET action = 'organisation.nothing' WHERE id = (SELECT min(id) FROM audit WHERE seal_seq = 1)";
    let sql = if rig.is_postgres() { alter } else { sqlite };
    db.execute_raw(Statement::from_string(rig.app.db.backend(), sql)).await.unwrap();
    let (_, broken) = audit_seal::verify(rig.app.db.read()).await.unwrap();
    assert_eq!(broken.len(), 1);
});

// Seeds a person and then searches everything that is stored or said to others.
both!(personal_data_stays_where_it_belongs, async |rig| {
    let personal = ["13612345678", "136-1234", "11010519491231002X", "诸葛孔明"];
    let token = rig.resident_with(personal[0]).await;
    let body = json!({ "name": personal[3], "id_card": personal[2] });
    let patch = rig.request(Method::PATCH, "/v1/me").json(&body).header("If-Match", "\"1\"");
    send(patch.bearer_auth(&token)).await.ok();
    let town = town(rig).await;
    let clerk = json!({ "username": "kongming", "name": personal[3], "phone": personal[0], "organisation_id": town.city });
    send(rig.post("/staff/v1/accounts", &clerk).bearer_auth(&town.admin)).await.ok();

    // Good and bad requests of others; what they are told holds none of it.
    let mut told = String::new();
    for key in
        [json!({ "phone": personal[0] }), json!({ "id_card": personal[2] }), json!({ "name": "诸葛孔明1" })]
    {
        told += &send(rig.post("/staff/v1/residents/lookup", &key).bearer_auth(&town.admin)).await.text;
    }
    told += &send(rig.get(&format!("/v1/me?phone={}", personal[0])).bearer_auth(rig.resident_token().await))
        .await
        .text;
    told += &send(rig.post("/v1/me/family/accept", &json!({ "code": personal[2] })).bearer_auth(&token))
        .await
        .text;
    told += &send(rig.post("/staff/v1/accounts", &clerk).bearer_auth(&town.admin)).await.text;
    told += &rig.metrics().await;
    // And no column of any table holds it in plain.
    told += &every_row(rig).await;
    for secret in personal {
        assert!(!told.contains(secret), "{secret} was told");
        assert!(!told.contains(&hex::encode(secret)), "{secret} stands in a binary column");
    }
});

async fn every_row(rig: &Rig) -> String {
    let db = rig.app.db.read();
    let backend = rig.app.db.backend();
    let mut all = String::new();
    let (tables, row) = if rig.is_postgres() {
        (
            "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()",
            "SELECT t::text FROM {} t",
        )
    } else {
        ("SELECT name FROM sqlite_master WHERE type = 'table'", "")
    };
    for table in db.query_all_raw(Statement::from_string(backend, tables)).await.unwrap() {
        let table: String = table.try_get_by_index(0).unwrap();
        let sql = if row.is_empty() {
            let columns = format!("SELECT name FROM pragma_table_info('{table}')");
            let columns = db.query_all_raw(Statement::from_string(backend, columns)).await.unwrap();
            let quoted: Vec<String> = columns
                .iter()
                .map(|column| format!("quote(\"{}\")", column.try_get_by_index::<String>(0).unwrap()))
                .collect();
            format!("SELECT {} FROM \"{table}\"", quoted.join(" || ' ' || "))
        } else {
            row.replace("{}", &format!("\"{table}\""))
        };
        for row in db.query_all_raw(Statement::from_string(backend, sql)).await.unwrap() {
            all += &row.try_get_by_index::<Option<String>>(0).unwrap().unwrap_or_default();
            all.push('\n');
        }
    }
    all
}
