//! What is refused at the edge, and by which name: broken clients, hostile ones, and proxies between.

use linli_domain::access::Role;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, both, send};

const HERE: &str = "lat=30.22&lng=120.19&coord=gcj02";

/// The fields a problem names, with their codes.
fn named(answer: &Answer) -> Vec<(&str, &str)> {
    let errors = answer.json["errors"].as_array().map_or(&[][..], Vec::as_slice);
    errors.iter().map(|error| (error["field"].as_str().unwrap(), error["code"].as_str().unwrap())).collect()
}

/// The answer to changing one's record with this text as the body.
async fn change(rig: &Rig, token: &str, body: &str) -> Answer {
    let version = send(rig.get("/v1/me").bearer_auth(token)).await.header("etag").to_owned();
    let request = rig.request(Method::PATCH, "/v1/me").bearer_auth(token).header("if-match", version);
    send(request.header(header::CONTENT_TYPE, "application/json").body(body.to_owned())).await
}

both!(a_text_no_database_holds_is_refused_wherever_it_comes_in, async |rig| {
    let staff = rig.staff_token(Role::CityAdmin, None).await;
    let auditor = rig.staff_token(Role::Auditor, None).await;
    let sign_in = json!({ "login": "x\u{0}", "password": "whatever it is" });
    let answer = send(rig.post("/staff/v1/auth/sign-in", &sign_in)).await;
    answer.is_problem(422, "invalid_input");
    assert_eq!(named(&answer), [("login", "control_character")]);
    let report = json!({ "kind": "hours", "text": "a\u{0}b" });
    let nowhere = format!("/v1/facilities/{}/reports", uuid::Uuid::nil());
    assert_eq!(named(&send(rig.post(&nowhere, &report)).await), [("text", "control_character")]);
    for (path, token) in [
        ("/staff/v1/facilities?q=%00", &staff),
        ("/staff/v1/facilities?source=%00", &staff),
        ("/staff/v1/facility-exports?format=csv&source=%00", &staff),
        ("/staff/v1/audit?action=%00", &auditor),
        ("/staff/v1/audit?from=-9999-12-31T23:59:59Z", &auditor),
        ("/staff/v1/audit?to=%2B262142-12-31T23:59:59Z", &auditor),
    ] {
        send(rig.get(path).bearer_auth(token)).await.is_problem(422, "invalid_input");
    }
    // Inside a file only the rules of the row can see it.
    let city =
        send(rig.get("/staff/v1/organisations").bearer_auth(&staff)).await.ok()["items"][0]["id"].clone();
    let path = format!(
        "/staff/v1/facility-imports?format=csv&source=s&datum=gcj02&organisation_id={}",
        city.as_str().unwrap()
    );
    let file = "external_id,name,categories,address\n7\u{0},设施,health,某路1号\n";
    let import = rig.request(Method::POST, &path).header(header::CONTENT_TYPE, "application/octet-stream");
    let report = send(import.body(file).bearer_auth(&staff)).await.ok();
    assert_eq!(report["errors"][0]["code"], "control_character");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_fit_is_told_by_the_names_of_its_fields() {
    let rig = Rig::sqlite().await;
    let token = rig.resident_token().await;
    for (body, fields) in [
        (r#"{"name":["王五"]}"#, vec![("name", "invalid")]),
        (
            r#"{"clear":["phone"],"community_id":"x"}"#,
            vec![("community_id", "invalid"), ("clear[0]", "invalid")],
        ),
        (r#"{"clear":"name"}"#, vec![("clear", "invalid")]),
        (r#"{"13800138000":1}"#, vec![("", "unknown_field")]),
        (r#"{"x(occurred while parsing \"A.13800138000\")":1}"#, vec![("", "unknown_field")]),
        (r#"{"name":"a\u0000"}"#, vec![("name", "control_character")]),
        (r#"{"name":"王\u202e五"}"#, vec![("name", "control_character")]),
    ] {
        let answer = change(&rig, &token, body).await;
        answer.is_problem(422, "invalid_input");
        assert_eq!(named(&answer), fields, "{body}");
        assert!(!answer.text.contains("13800138000"), "{}", answer.text);
    }
    let long = format!(r#"{{"name":"{}"}}"#, "长".repeat(201));
    assert_eq!(named(&change(&rig, &token, &long).await), [("name", "length")]);
    let missing = send(rig.post("/v1/me/consents", &json!({ "kind": "privacy" })).bearer_auth(&token)).await;
    assert_eq!(named(&missing), [("text_version", "required")]);

    // What is no object, or means two things, is malformed.
    for body in ["", "[]", "null", "{}x", r#"{"name":"王五","name":"赵六"}"#, r#"{"name":"\ud800"}"#] {
        change(&rig, &token, body).await.is_problem(400, "malformed_body");
    }
    change(&rig, &token, &"[".repeat(10_000)).await.is_problem(400, "malformed_body");
    assert_eq!(change(&rig, &token, r#"{"name":"王五"}"#).await.json["name"], "王五");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_given_twice_is_refused_and_not_half_ignored() {
    let rig = Rig::sqlite().await;
    let nearby = async |more: &str| send(rig.get(&format!("/v1/facilities/nearby?{HERE}{more}"))).await;
    for (more, field) in [("&lat=31", "lat"), ("&coord=wgs84", "coord"), ("&limit=5&limit=6", "limit")] {
        let answer = nearby(more).await;
        answer.is_problem(422, "invalid_input");
        assert_eq!(named(&answer), [(field, "repeated_parameter")]);
    }
    // Refused or not is the question; the catalogue may still be loading.
    assert_ne!(nearby("&category=health&category=sports&limit=5").await.status, 422);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_token_is_refused_also_where_none_is_needed() {
    let rig = Rig::sqlite().await;
    let (resident, staff) = (rig.resident_token().await, rig.staff_token(Role::CityAdmin, None).await);
    let nearby = |authorization: String| {
        rig.get(&format!("/v1/facilities/nearby?{HERE}")).header(header::AUTHORIZATION, authorization)
    };
    for bad in ["Bearer nonsense", "Bearer ", "Basic eDp4", &format!("Bearer {staff}")] {
        send(nearby(bad.to_owned())).await.is_problem(401, "unauthenticated");
    }
    for scheme in ["Bearer", "bearer", "BEARER "] {
        // The catalogue may still be loading.
        assert!([200, 503].contains(&send(nearby(format!("{scheme} {resident}"))).await.status), "{scheme}");
        let ping = rig.get("/v1/ping").header(header::AUTHORIZATION, format!("{scheme} {resident}"));
        assert_eq!(send(ping).await.status, 200, "{scheme}");
    }
    rig.clock.advance(chrono::Duration::hours(2));
    send(nearby(format!("Bearer {resident}"))).await.is_problem(401, "token_expired");
    // Who renews a sign-in sends along the token that has just expired.
    let renew = rig.post("/v1/auth/refresh", &json!({ "refresh_token": "nonsense" })).bearer_auth(&resident);
    send(renew).await.is_problem(401, "unauthenticated");
    let sign_in = json!({ "login": "nobody", "password": "whatever it is" });
    let sign_in = rig.post("/staff/v1/auth/sign-in", &sign_in).bearer_auth("expired");
    send(sign_in).await.is_problem(401, "sign_in_failed");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_is_answered_as_a_get_without_its_body() {
    let rig = Rig::sqlite().await;
    let token = rig.resident_token().await;
    for path in ["/v1/ping", "/v1/categories", "/livez", "/docs"] {
        let head = send(rig.request(Method::HEAD, path).bearer_auth(&token)).await;
        let get = send(rig.get(path).bearer_auth(&token)).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-length"), get.text.len().to_string(), "{path}");
    }
    let refused = send(rig.request(Method::HEAD, "/v1/bookings")).await;
    assert_eq!((refused.status, refused.text.as_str()), (401, ""));
    let allowed = async |path| send(rig.request(Method::PUT, path)).await.header("allow").to_owned();
    assert_eq!(allowed("/v1/ping").await, "GET, HEAD");
    assert_eq!(allowed("/v1/bookings").await, "GET, HEAD, POST");
    assert_eq!(allowed("/livez").await, "GET, HEAD");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_on_the_way_keeps_an_answer_about_a_person() {
    let rig = Rig::sqlite().await;
    let token = rig.resident_token().await;
    let kept =
        async |path: &str| send(rig.get(path).bearer_auth(&token)).await.header("cache-control").to_owned();
    for path in ["/v1/me", "/v1/me/export", "/v1/me/sessions", "/v1/ping", "/v1/bookings"] {
        assert_eq!(kept(path).await, "no-store", "{path}");
    }
    assert!(kept("/v1/categories").await.contains("public"));
    rig.finish().await;
}

both!(an_edit_names_the_version_it_saw, async |rig| {
    let token = rig.resident_token().await;
    let with = |tag: &'static str| {
        let request = rig.request(Method::PATCH, "/v1/me").bearer_auth(&token).json(&json!({}));
        send(request.header("if-match", tag))
    };
    for none in ["*", ""] {
        with(none).await.is_problem(428, "precondition_required");
    }
    for other in
        ["\"9\"", "1", "\"x\"", "\"1\", \"2\"", "\"9223372036854775807\"", "\"-9223372036854775808\""]
    {
        with(other).await.is_problem(412, "precondition_failed");
    }
    // A proxy that compresses makes our tag weak on its way out.
    assert_eq!(with("W/\"1\"").await.status, StatusCode::OK);
    assert_eq!(with("\"2\"").await.status, StatusCode::OK);
});

both!(guesses_at_names_that_do_not_exist_are_in_the_audit_too, async |rig| {
    let auditor = rig.staff_token(Role::Auditor, None).await;
    let body = json!({ "login": "zhangsan", "password": "whatever it is" });
    send(rig.post("/staff/v1/auth/sign-in", &body)).await.is_problem(401, "sign_in_failed");
    let path = "/staff/v1/audit?action=staff.sign_in_failed";
    let trail = send(rig.get(path).bearer_auth(&auditor)).await.ok();
    assert_eq!(trail["items"].as_array().map(Vec::len), Some(1), "{trail}");
    assert_eq!(trail["items"][0]["subject_id"], Value::Null);
    assert!(!trail.to_string().contains("zhangsan"));
});
