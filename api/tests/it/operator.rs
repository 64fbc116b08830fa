//! What an operator uses: the doctor, the probes and the metrics.

use chrono::{Datelike, NaiveDate};
use linli_domain::{
    access::Role,
    calendar::{Calendar, HolidayPeriod},
};
use linli_store::{audit_seal, storage::calendar};
use sea_orm::ConnectionTrait;
use serde_json::Value;

use crate::{
    database::Fresh,
    private_redis::PrivateRedis,
    process::linli,
    rig::{both, send},
};

/// The doctor's findings as `(check, state, text)` and whether it was content.
fn doctor(database_url: &str, variables: &[(&str, &str)]) -> (Vec<(String, String, String)>, bool) {
    let data = tempfile::tempdir().unwrap();
    let output = linli(&["doctor", "--json"], database_url, data.path())
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = findings
        .iter()
        .map(|finding| (text(finding, "check"), text(finding, "state"), text(finding, "text")))
        .collect();
    (findings, output.status.success())
}

#[track_caller]
fn assert_finding(findings: &[(String, String, String)], check: &str, state: &str, words: &str) {
    let found = findings.iter().any(|(c, s, text)| c == check && s == state && text.contains(words));
    assert!(found, "no {state} about {check} that says {words:?} in {findings:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_finds_nothing_wrong_where_nothing_is() {
    for fresh in [Fresh::sqlite().await, Fresh::postgres().await] {
        // Before the first start, which makes the folder.
        let (findings, content) = doctor(&fresh.url, &[("LINLI_DATA_DIR", "not/there/yet")]);
        assert!(content, "{findings:#?}");
        assert_finding(&findings, "disk", "ok", "free");
        let name = if fresh.url.starts_with("sqlite") { "SQLite" } else { "PostgreSQL" };
        assert_finding(&findings, "database", "ok", name);
        assert_finding(&findings, "schema", "ok", "");
        assert_finding(&findings, "gate", "ok", "evicts nothing");
        assert_finding(&findings, "clock", "ok", "Redis");
        assert_finding(&findings, "history", "ok", "");
        assert_finding(&findings, "audit", "ok", "0 seals fit the 0 entries");
        assert_finding(&findings, "catalogue", "ok", "not kept here");
        fresh.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_names_what_is_wrong_and_fails() {
    let fresh = Fresh::sqlite().await;
    let redis = PrivateRedis::spawn();
    redis.ask("CONFIG SET maxmemory-policy allkeys-lru");
    let (findings, content) = doctor(&fresh.url, &[("LINLI_REDIS_URL", &redis.url())]);
    assert!(!content);
    assert_finding(&findings, "gate", "fail", "allkeys-lru");

    let secret = "redis://:hunter2@127.0.0.1:1/";
    let (findings, content) = doctor(&fresh.url, &[("LINLI_REDIS_URL", secret)]);
    assert!(!content && !format!("{findings:?}").contains("hunter2"), "{findings:#?}");
    assert_finding(&findings, "gate", "fail", "Redis");

    let (findings, content) = doctor("sqlite:/nowhere/linli.db", &[("LINLI_AUTH_SIGNING_KEY", "")]);
    assert!(!content);
    assert_finding(&findings, "database", "fail", "does not exist");
    assert_finding(&findings, "keys", "fail", "empty");
    assert_finding(&findings, "configuration", "fail", "signing_key");

    let away = "postgres://nobody:hunter2@127.0.0.1:1/linli";
    let (findings, content) = doctor(away, &[("LINLI_GATE", "open")]);
    assert!(!content && !format!("{findings:?}").contains("hunter2"), "{findings:#?}");
    assert_finding(&findings, "database", "fail", "");
    assert_finding(&findings, "gate", "warn", "open");
}

both!(the_doctor_knows_loaded_years_and_sees_a_hand_in_the_audit, async |rig| {
    let db = &rig.app.db;
    let next = linli_store::Env::system().now().year() + 1;
    let new_year = NaiveDate::from_ymd_opt(next, 1, 1).unwrap();
    let mut year = Calendar::shipped().year(2026).unwrap().clone();
    (year.year, year.work) = (next, Vec::new());
    year.off = vec![HolidayPeriod { name: "元旦".to_owned(), from: new_year, to: new_year }];
    calendar::save(db.any_write(), &rig.app.env, rig.app.env.id(), &year, 0).await.unwrap();
    rig.staff_token(Role::CityAdmin, None).await;
    while audit_seal::seal(db, &rig.app.env).await.unwrap() {}
    let (findings, content) = doctor(rig.database_url(), &[]);
    assert!(content, "{findings:#?}");
    assert_finding(&findings, "calendar", "ok", &format!("the end of {next}"));
    assert_finding(&findings, "audit", "ok", "seals fit");

    db.any_write().execute_unprepared("UPDATE audit SET action = 'nothing'").await.unwrap();
    let (findings, content) = doctor(rig.database_url(), &[]);
    assert!(!content);
    assert_finding(&findings, "audit", "fail", "do not fit");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_counts_pending_migrations() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("empty.db");
    std::fs::File::create(&file).unwrap();
    let (findings, content) = doctor(&format!("sqlite:{}", file.display()), &[]);
    assert!(!content);
    assert_finding(&findings, "schema", "fail", "pending");
}

both!(metrics_name_operations_and_carry_units, async |rig| {
    assert_eq!(send(rig.get("/v1/ping").bearer_auth(rig.resident_token().await)).await.status, 200);
    assert_eq!(send(rig.get("/v1/13900000000")).await.status, 404);
    let metrics = rig.metrics().await;
    assert!(metrics.contains("linli_http_requests_total{operation=\"ping\",status=\"2xx\"} 1"), "{metrics}");
    assert!(metrics.contains("linli_http_requests_total{operation=\"none\",status=\"4xx\"} 1"), "{metrics}");
    assert!(
        metrics.contains("linli_http_request_seconds_bucket{operation=\"ping\",le=\"0.001\"}"),
        "{metrics}"
    );
    assert!(metrics.contains("linli_part_ready{part=\"database\"} 1"), "{metrics}");
    for line in metrics.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(name.starts_with("linli_"), "{name} is not ours");
    }
    let outside = send(rig.get("/metrics")).await;
    outside.is_problem(404, "not_found");
});

both!(the_probes_name_every_part, async |rig| {
    assert_eq!(send(rig.get("/livez")).await.text, "ok");
    let mut ready = send(rig.get("/readyz")).await;
    // Nobody is sent here before the catalogue is loaded.
    for _ in 0..200 {
        if ready.status == 200 {
            break;
        }
        assert_eq!((ready.status, &ready.json["parts"]["catalogue"]), (503, &Value::from("down: loading")));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        ready = send(rig.get("/readyz")).await;
    }
    assert_eq!((ready.status, &ready.json["ready"]), (200, &Value::Bool(true)), "{}", ready.text);
    assert_eq!(ready.json["parts"]["database"], "ready");
});
