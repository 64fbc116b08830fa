//! Residents: family, merging, going.

use linli::app::rooms::{self, NewRoom};
use linli_domain::{access::Role, rooms::Span, time::local_date};
use linli_store::{
    audit::Actor,
    storage::{residents::holdings::HOLDINGS, schema},
};
use reqwest::Method;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use super::town;
use crate::rig::{Answer, both, send};

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

both!(every_column_that_names_a_resident_is_merged_erased_and_exported_by_the_table, async |rig| {
    let columns = schema::columns(rig.app.db.read()).await.unwrap();
    let held = |table: &str, column: &str| {
        HOLDINGS.iter().any(|holding| (holding.table, holding.column) == (table, column))
    };
    for holding in HOLDINGS {
        let there =
            columns.iter().any(|c| (c.table.as_str(), c.name.as_str()) == (holding.table, holding.column));
        assert!(there, "{}.{} is no column any more", holding.table, holding.column);
    }
    for column in
        columns.iter().filter(|column| column.name.ends_with("resident_id") || column.name == "principal")
    {
        assert!(
            held(&column.table, &column.name),
            "{}.{} names a resident: say in HOLDINGS what becomes of it",
            column.table,
            column.name
        );
    }
});

both!(an_erased_resident_leaves_no_words, async |rig| {
    let town = town(rig).await;
    let body = json!({ "organisation_id": town.communities[0], "profile":
        { "name": "采荷会堂", "categories": ["culture"], "address": "采荷路1号" } });
    let create = rig.post("/staff/v1/facilities", &body).header("idempotency-key", "f1");
    let facility = send(create.bearer_auth(&town.admin)).await.ok()["id"].as_str().unwrap().to_owned();
    let token = rig.resident_with("13700005555").await;
    let report = json!({ "kind": "other", "text": "请打13700005555找我" });
    let path = format!("/v1/facilities/{facility}/reports");
    send(rig.post(&path, &report).bearer_auth(&token)).await.ok();
    let export = send(rig.get("/v1/me/export").bearer_auth(&token)).await.ok();
    assert_eq!(export["reports"][0]["text"], "请打13700005555找我");
    assert!(export["bookings"].is_array() && export["activity"].is_array());
    send(rig.request(Method::DELETE, "/v1/me").bearer_auth(&token)).await.ok();
    rig.clock.advance(chrono::Duration::days(16));
    linli::app::residents::erasure::run(&rig.app).await.unwrap();
    let sql = "SELECT count(*) AS n FROM facility_report WHERE resident_id IS NULL AND text IS NULL AND answer IS NULL";
    let statement = Statement::from_string(rig.app.db.backend(), sql);
    let row = rig.app.db.read().query_one_raw(statement).await.unwrap().unwrap();
    assert_eq!(row.try_get::<i64>("", "n").unwrap(), 1, "the report stays, without words or person");
});

both!(an_erased_resident_keeps_no_room, async |rig| {
    let new = NewRoom {
        facility_id: rig.app.env.id(),
        name: "多功能厅".to_owned(),
        description: None,
        grid_minutes: 30,
        max_party_size: 30,
        lead_minutes: 30,
        horizon_days: 14,
        cancel_until_minutes: 10_000,
    };
    let org_path = format!("/{}/", rig.app.env.id::<uuid::Uuid>());
    let room = rooms::create_in(&rig.app, Actor::System, org_path, new).await.unwrap();
    let phone = "13700006666";
    let token = rig.resident_with(phone).await;
    send(rig.request(Method::DELETE, "/v1/me").bearer_auth(&token)).await.ok();

    // Booked while the wish to go could still be taken back, and past the deadline of its room.
    rig.clock.advance(chrono::Duration::days(14));
    let token = rig.resident_with(phone).await;
    let date = local_date(rig.app.env.now()) + chrono::Days::new(2);
    let times = [Span::parse("09:00", "10:00").unwrap()];
    rooms::publish_day(&rig.app, Actor::System, &room, date, &times).await.unwrap();
    let path = format!("/v1/rooms/{}/slots?from={date}&to={date}", room.id);
    let free = async || send(rig.get(&path)).await.ok()["items"][0]["free"].clone();
    let slot = send(rig.get(&path)).await.ok()["items"][0]["id"].clone();
    let body = json!({ "room_id": room.id, "slot_ids": [slot], "party_size": 2, "purpose": "合唱" });
    let book = rig.post("/v1/bookings", &body).header("Idempotency-Key", "b1");
    send(book.bearer_auth(&token)).await.ok();
    assert_eq!(free().await, 0);

    rig.clock.advance(chrono::Duration::hours(25));
    linli::app::residents::erasure::run(&rig.app).await.unwrap();
    assert_eq!(free().await, 1, "the room is free again");
    linli::app::residents::erasure::run(&rig.app).await.unwrap();
    assert_eq!(free().await, 1, "and given back once");
});
