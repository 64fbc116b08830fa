//! Reports that something is wrong: how many wait, who is told, and how long their words are kept.

use linli::app::staff::bootstrap;
use linli_domain::access::Role;
use linli_store::{retention, vault};
use reqwest::Method;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, both, send};

async fn facility(rig: &Rig, admin: &str, name: &str) -> String {
    let city = bootstrap::ensure_city(&rig.app, "测试市").await.unwrap().id;
    let profile = json!({ "name": name, "categories": ["culture"], "address": "采荷路1号" });
    let body = json!({ "organisation_id": city, "profile": profile });
    let key = rig.app.env.id::<uuid::Uuid>().to_string();
    let create = rig.post("/staff/v1/facilities", &body).header("Idempotency-Key", key);
    send(create.bearer_auth(admin)).await.ok()["id"].as_str().unwrap().to_owned()
}

async fn report(rig: &Rig, facility: &str, token: Option<&str>) -> Answer {
    let body = json!({ "kind": "hours", "text": "周六不开门" });
    let request = rig.post(&format!("/v1/facilities/{facility}/reports"), &body);
    send(if let Some(token) = token { request.bearer_auth(token) } else { request }).await
}

fn accepted(answers: &[Answer]) -> usize {
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.is_problem(429, "too_many_reports");
    }
    answers.iter().filter(|answer| answer.status == 201).count()
}

/// They wait for each other at one row; a busy machine must not give up on the last of them.
fn patient(config: &mut linli::Config) {
    config.database.acquire_timeout_ms = 60_000;
    config.database.lock_timeout_ms = 60_000;
    config.database.statement_timeout_ms = 60_000;
    config.http.request_timeout_ms = 60_000;
}

both!(no_more_reports_wait_than_may_however_many_come_at_once, patient, async |rig| {
    let admin = rig.staff_token(Role::CityAdmin, None).await;
    let (here, there) = (facility(rig, &admin, "甲馆").await, facility(rig, &admin, "乙馆").await);
    let me = rig.resident_token().await;
    let mine = (0..30).map(|n| report(rig, if n % 2 == 0 { &here } else { &there }, Some(&me)));
    assert_eq!(accepted(&futures_util::future::join_all(mine).await), 10, "of one resident");
    let third = facility(rig, &admin, "丙馆").await;
    let anyone = (0..130).map(|_| report(rig, &third, None));
    assert_eq!(accepted(&futures_util::future::join_all(anyone).await), 100, "at one facility");

    let auditor = rig.staff_token(Role::Auditor, None).await;
    let path = "/staff/v1/audit?action=facility.report&limit=100";
    let told = send(rig.get(path).bearer_auth(&auditor)).await.ok();
    let mut items = told["items"].as_array().unwrap().clone();
    let path = format!("{path}&cursor={}", told["next_cursor"].as_str().unwrap());
    items.extend(send(rig.get(&path).bearer_auth(&auditor)).await.ok()["items"].as_array().unwrap().clone());
    let by = |kind: &str| items.iter().filter(|item| item["actor_kind"] == kind).count();
    assert_eq!((by("resident"), by("system")), (10, 100), "{}", items[0]);
});

both!(the_words_of_a_closed_report_are_forgotten_after_half_a_year, async |rig| {
    let admin = rig.staff_token(Role::CityAdmin, None).await;
    let place = facility(rig, &admin, "甲馆").await;
    let (closed, open) = (report(rig, &place, None).await.ok(), report(rig, &place, None).await.ok());
    let path = format!("/staff/v1/reports/{}/state", closed["id"].as_str().unwrap());
    let answer = json!({ "state": "corrected", "answer": "已更正，谢谢" });
    let moved = rig.request(Method::PUT, &path).json(&answer).header("If-Match", "\"1\"");
    send(moved.bearer_auth(&admin)).await.ok();
    let words = async |report: &Value| {
        let path = format!("/v1/facilities/{place}/reports/{}", report["id"].as_str().unwrap());
        let read = send(rig.get(&path)).await.ok();
        (read["state"].clone(), read.get("answer").is_some())
    };
    let stored = async || {
        let admin = rig.staff_token(Role::CityAdmin, None).await;
        let queue = send(rig.get("/staff/v1/reports").bearer_auth(&admin)).await.text;
        queue.matches("周六不开门").count()
    };
    let sweep = async || while retention::sweep(rig.app.db.any_write(), &rig.app.env).await.unwrap() > 0 {};
    rig.clock.advance(chrono::Duration::days(179));
    sweep().await;
    assert_eq!((words(&closed).await, stored().await), ((json!("corrected"), true), 2));
    rig.clock.advance(chrono::Duration::days(2));
    sweep().await;
    assert_eq!((words(&closed).await, stored().await), ((json!("corrected"), false), 1));
    assert_eq!(words(&open).await.0, "open", "what waits keeps its words");
});

both!(what_a_program_from_before_wrote_open_is_read_and_then_sealed, async |rig| {
    let admin = rig.staff_token(Role::CityAdmin, None).await;
    let place = facility(rig, &admin, "甲馆").await;
    let sealed = report(rig, &place, None).await.ok();
    let id = sealed["id"].as_str().unwrap();
    let read = async || {
        let queue = send(rig.get("/staff/v1/reports").bearer_auth(&admin)).await.ok();
        (queue["items"][0]["text"].clone(), queue["items"][0]["answer"].clone())
    };
    let run = async |sql: &str| rig.app.db.any_write().execute_unprepared(sql).await.unwrap().rows_affected();
    let lies_open =
        "UPDATE facility_report SET version = version WHERE text IS NOT NULL OR answer IS NOT NULL";
    assert_eq!((read().await, run(lies_open).await), ((json!("周六不开门"), Value::Null), 0));
    // The one that this program sealed is answered there, too.
    run("UPDATE facility_report SET text = '周日不开门', answer = '已更正'").await;
    let told = (json!("周日不开门"), json!("已更正"));
    assert_eq!((read().await, run(lies_open).await), (told.clone(), 1));
    let app = &rig.app;
    assert!(!vault::seal_some(&app.db, &app.env, &app.vault).await.unwrap(), "nothing is left to do");
    assert_eq!((read().await, run(lies_open).await), (told, 0));
    let seen = send(rig.get(&format!("/v1/facilities/{place}/reports/{id}"))).await.ok();
    assert_eq!(seen["answer"], "已更正");
    let checked = vault::verify(&app.db, &app.env, &app.vault).await.unwrap();
    assert_eq!((checked.values, checked.broken), (3, 0), "two texts and the name of an account: {checked:?}");
});
