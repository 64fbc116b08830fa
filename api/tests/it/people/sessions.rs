//! Signing in, staying signed in, and being signed out.

use reqwest::Method;
use serde_json::{Value, json};

use super::town;
use crate::rig::{both, send};

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
