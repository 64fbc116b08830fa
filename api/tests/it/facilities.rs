//! Facilities and the calendar, from the console to the resident.

use linli::app::staff::bootstrap;
use linli_domain::{access::Role, ids::OrganisationId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    pictures,
    rig::{Answer, Rig, both, send},
};

/// The console of a city's administrator.
struct Console<'a> {
    rig: &'a Rig,
    city: OrganisationId,
    token: String,
}

impl<'a> Console<'a> {
    async fn new(rig: &'a Rig) -> Self {
        let city = bootstrap::ensure_city(&rig.app, "测试市").await.unwrap().id.into();
        Self { rig, city, token: rig.staff_token(Role::CityAdmin, None).await }
    }

    async fn call(&self, method: Method, path: &str, if_match: Option<i64>, body: Option<&Value>) -> Answer {
        let mut request = self.rig.request(method, &format!("/staff/v1{path}")).bearer_auth(&self.token);
        if let Some(version) = if_match {
            request = request.header("if-match", format!("\"{version}\""));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        send(request).await
    }

    async fn create(&self, body: &Value, key: &str) -> Answer {
        let request = self.rig.post("/staff/v1/facilities", body).bearer_auth(&self.token);
        send(request.header("idempotency-key", key)).await
    }

    fn canteen(&self) -> Value {
        json!({ "organisation_id": self.city, "external_id": "C-1", "profile": {
            "name": "采荷街道老年食堂", "categories": ["community_dining", "elderly_care"], "address": "采荷路1号",
            "location": { "lat": 30.256763, "lng": 120.223818, "coord": "gcj02", "accuracy_m": 10 },
            "phones": ["0571 8788 1234"], "accessibility": { "present": ["step_free_entrance"], "absent": ["lift"] },
            "services": [{ "name": "午餐", "category": "community_dining", "fee": "low_cost", "modes": ["on_site"],
                "prices": [{ "item": "两荤两素", "amount_fen": 1200, "unit": "份" }] }],
            "hours": { "rules": [{ "kinds": ["workday"], "spans": [{ "opens": "09:00", "closes": "17:00" }] }] },
            "licences": [{ "kind": "食品经营许可证", "number": "JY1", "valid_to": "2026-03-20" }] } })
    }
}

fn id_of(answer: Answer) -> String {
    answer.ok()["id"].as_str().unwrap().to_owned()
}

both!(a_facility_is_entered_once_read_and_edited, async |rig: &Rig| {
    let console = Console::new(rig).await;
    let id = id_of(console.create(&console.canteen(), "k1").await);
    let again = console.create(&console.canteen(), "k1").await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(id_of(again), id);
    console.create(&console.canteen(), "k2").await.is_problem(409, "facility_duplicate");

    let found = send(rig.get(&format!("/v1/facilities/{id}?coord=gcj02"))).await;
    let (etag, body) = (found.header("etag").to_owned(), found.ok());
    assert_eq!(body["now"]["open"], true);
    assert_eq!(body["now"]["next_change"], "2026-03-02T17:00:00+08:00");
    assert!((body["profile"]["location"]["lat"].as_f64().unwrap() - 30.256_763).abs() < 2e-6);
    assert_eq!(body["profile"]["phones"], json!(["0571-87881234"]));
    let same =
        send(rig.get(&format!("/v1/facilities/{id}?coord=gcj02")).header("if-none-match", &etag)).await;
    assert_eq!(same.status, 304);
    // At closing time the answer is another one.
    rig.clock.advance(chrono::Duration::hours(7));
    let evening =
        send(rig.get(&format!("/v1/facilities/{id}?coord=gcj02")).header("if-none-match", &etag)).await;
    assert_eq!(evening.ok()["now"]["open"], false);
    rig.clock.advance(chrono::Duration::hours(-7));

    let path = format!("/facilities/{id}");
    let profile = console.call(Method::GET, &path, None, None).await.ok()["profile"].clone();
    console.call(Method::PUT, &path, None, Some(&profile)).await.is_problem(428, "precondition_required");
    let unchanged = console.call(Method::PUT, &path, Some(1), Some(&profile)).await;
    assert_eq!(unchanged.header("etag"), "\"1\"", "what came back as it was read changes nothing");
    let hours =
        json!({ "rules": [{ "weekdays": ["mon"], "spans": [{ "opens": "18:00", "closes": "02:00" }] }] });
    let edited = console.call(Method::PUT, &format!("{path}/hours"), Some(1), Some(&hours)).await;
    assert_eq!(edited.header("etag"), "\"2\"");
    console.call(Method::PUT, &path, Some(1), Some(&profile)).await.is_problem(412, "precondition_failed");
    let history = console.call(Method::GET, &format!("{path}/history"), None, None).await.ok();
    assert_eq!(history["items"][0]["fields"], json!(["hours"]));

    let closed = json!({ "status": "closed" });
    console.call(Method::PUT, &format!("{path}/status"), Some(2), Some(&closed)).await.ok();
    let open = json!({ "status": "open" });
    let refused = console.call(Method::PUT, &format!("{path}/status"), Some(3), Some(&open)).await;
    refused.is_problem(409, "facility_status_invalid");
    assert_eq!(send(rig.get(&format!("/v1/facilities/{id}"))).await.ok()["status"], "closed");
});

both!(bad_input_is_named_field_by_field_and_not_echoed, async |rig: &Rig| {
    let console = Console::new(rig).await;
    let mut body = console.canteen();
    body["profile"]["location"] = json!({ "lat": 120.2, "lng": 30.25, "coord": "wgs84" });
    body["profile"]["phones"] = json!(["13812345678901"]);
    body["profile"]["hours"]["rules"][0]["spans"][0]["opens"] = json!("25:00");
    let answer = console.create(&body, "k1").await;
    answer.is_problem(422, "invalid_input");
    let errors = answer.json["errors"].as_array().unwrap();
    let codes: Vec<_> =
        errors.iter().map(|e| (e["field"].as_str().unwrap(), e["code"].as_str().unwrap())).collect();
    let expected = [("location", "coordinate_swapped"), ("phones[0]", "phone_invalid")];
    assert_eq!(codes[..2], expected);
    assert_eq!(codes[2], ("hours.rules[0].spans[0].opens", "time"));
    assert!(!answer.text.contains("13812345678901") && !answer.text.contains("25:00"));
});

both!(staff_elsewhere_find_nothing, async |rig: &Rig| {
    let console = Console::new(rig).await;
    let id = id_of(console.create(&console.canteen(), "k1").await);
    let token = rig.staff_token(Role::Auditor, None).await;
    let none = Console { rig, city: console.city, token };
    none.call(Method::GET, &format!("/facilities/{id}"), None, None).await.is_problem(403, "forbidden");
    send(rig.get(&format!("/staff/v1/facilities/{id}"))).await.is_problem(401, "unauthenticated");
    send(rig.get("/v1/facilities/not-an-id")).await.is_problem(404, "not_found");
});

both!(the_feed_tells_every_change_once, async |rig: &Rig| {
    let console = Console::new(rig).await;
    let id = id_of(console.create(&console.canteen(), "k1").await);
    let read = async |query: String| {
        // Transactions of other tests on the same PostgreSQL server hold the feed back while they run.
        for _ in 0..200 {
            let page = send(rig.get(&format!("/v1/facilities/changes{query}"))).await.ok();
            if page["items"].as_array().is_some_and(|items| !items.is_empty()) {
                return page;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the feed stays empty");
    };
    let first = read(String::new()).await;
    assert_eq!((first["items"][0]["id"].as_str(), first["more"].as_bool()), (Some(id.as_str()), Some(false)));
    let cursor = first["next_cursor"].as_str().unwrap();
    let quiet = send(rig.get(&format!("/v1/facilities/changes?cursor={cursor}"))).await.ok();
    assert_eq!(quiet["items"], json!([]));
    let closed = json!({ "status": "closed" });
    console.call(Method::PUT, &format!("/facilities/{id}/status"), Some(1), Some(&closed)).await.ok();
    let second = read(format!("?cursor={cursor}")).await;
    assert_eq!(
        (second["items"][0]["deleted"].as_bool(), second["items"][0]["version"].as_i64()),
        (Some(true), Some(2))
    );
    send(rig.get("/v1/facilities/changes?cursor=forged")).await.is_problem(400, "cursor_invalid");
});

both!(a_report_is_answered, async |rig: &Rig| {
    let console = Console::new(rig).await;
    let id = id_of(console.create(&console.canteen(), "k1").await);
    let path = format!("/v1/facilities/{id}/reports");
    let resident = rig.resident_token().await;
    let body = json!({ "kind": "hours", "text": "周六不开门" });
    let report = id_of(send(rig.post(&path, &body).bearer_auth(&resident)).await);
    send(rig.get(&format!("{path}/{report}"))).await.is_problem(404, "not_found");

    let queue = console.call(Method::GET, "/reports?state=open", None, None).await.ok();
    assert_eq!(queue["items"][0]["id"].as_str(), Some(report.as_str()));
    let end = json!({ "state": "corrected" });
    let state = format!("/reports/{report}/state");
    console.call(Method::PUT, &state, Some(1), Some(&end)).await.is_problem(422, "invalid_input");
    let end = json!({ "state": "corrected", "answer": "已更正，谢谢" });
    console.call(Method::PUT, &state, Some(1), Some(&end)).await.ok();
    console.call(Method::PUT, &state, Some(2), Some(&end)).await.is_problem(409, "report_state_invalid");
    let read = send(rig.get(&format!("{path}/{report}")).bearer_auth(&resident)).await.ok();
    assert_eq!((read["state"].as_str(), read["answer"].as_str()), (Some("corrected"), Some("已更正，谢谢")));

    let other = json!({ "kind": "other" });
    send(rig.post(&path, &other)).await.is_problem(422, "invalid_input");
    for _ in 0..10 {
        send(rig.post(&path, &body).bearer_auth(&resident)).await.ok();
    }
    send(rig.post(&path, &body).bearer_auth(&resident)).await.is_problem(429, "too_many_reports");
});

both!(notices_photos_and_licences, async |rig: &Rig| {
    let console = Console::new(rig).await;
    let id = id_of(console.create(&console.canteen(), "k1").await);
    let path = format!("/facilities/{id}");
    let notice =
        json!({ "kind": "closure", "title": "停水", "shown_from": "2026-03-02", "shown_to": "2026-03-03" });
    let notice_id = id_of(console.call(Method::POST, &format!("{path}/notices"), None, Some(&notice)).await);
    let shown = async || send(rig.get(&format!("/v1{path}"))).await.ok();
    assert_eq!(shown().await["notices"][0]["title"], "停水");
    let gone = console.call(Method::DELETE, &format!("{path}/notices/{notice_id}"), None, None).await;
    assert_eq!((gone.status, &shown().await["notices"]), (204, &json!([])));

    let upload = async |bytes: &[u8]| {
        let request = rig.request(Method::POST, &format!("/staff/v1{path}/photos"));
        send(pictures::form(request, bytes).bearer_auth(&console.token)).await
    };
    upload(b"<svg onload=alert(1)>").await.is_problem(415, "photo_invalid");
    upload(b"\x89PNG\r\n\x1a\nrest").await.is_problem(415, "photo_invalid");
    let photo = id_of(upload(&pictures::png(b"one")).await);
    upload(&pictures::png(b"one")).await.is_problem(409, "conflict");
    let bytes_at = shown().await["photos"][0]["path"].as_str().unwrap().to_owned();
    let bytes = send(rig.get(&bytes_at)).await;
    assert_eq!((bytes.status, bytes.header("content-type")), (200, "image/png"));
    assert_eq!(console.call(Method::DELETE, &format!("{path}/photos/{photo}"), None, None).await.status, 204);
    send(rig.get(&bytes_at)).await.is_problem(404, "not_found");

    let expiring = console.call(Method::GET, "/licences/expiring?within_days=30", None, None).await.ok();
    assert_eq!(expiring["items"][0]["licences"][0]["number"], "JY1");
    let none = console.call(Method::GET, "/licences/expiring?within_days=5", None, None).await.ok();
    assert_eq!(none["items"], json!([]));
});

both!(the_calendar_is_loaded_year_by_year, async |rig: &Rig| {
    let console = Console::new(rig).await;
    assert_eq!(send(rig.get("/v1/calendar/2026")).await.ok()["work"][1], "2026-02-14");
    assert_eq!(send(rig.get("/v1/calendar/2027")).await.ok()["calendar_known"], false);
    let year = json!({ "source": "测试〔2026〕1号", "work": [],
        "off": [{ "name": "元旦", "from": "2027-01-01", "to": "2027-01-03" }] });
    let loaded = console.call(Method::PUT, "/calendar/2027", Some(0), Some(&year)).await;
    assert_eq!(loaded.header("etag"), "\"1\"");
    console
        .call(Method::PUT, "/calendar/2027", Some(0), Some(&year))
        .await
        .is_problem(412, "precondition_failed");
    // The copy in memory is at most a second old.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(send(rig.get("/v1/calendar/2027")).await.ok()["calendar_known"], true);
    assert_eq!(send(rig.get("/v1/categories")).await.ok()["items"][0]["zh"], "养老");
});
