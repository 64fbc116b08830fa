//! Discovery: nearby, search, suggestions and the first screen over a made city.

use std::time::{Duration, Instant};

use linli::{app::demo, health::Part};
use linli_domain::{
    access::Role,
    facility::{Facility, FacilityStatus},
    geo::{Datum, Point},
};
use linli_store::{
    audit::Actor,
    storage::facilities::{self, Stored, write},
};
use serde_json::Value;

use crate::rig::{Answer, Rig, Server, both, send};

/// A city of 80 facilities, known to the server; says where its middle is.
pub(crate) async fn city(rig: &Rig) -> Point {
    let seeded = demo::seed(&rig.app, 80, 1, &|_, _, _| {}).await.unwrap();
    let listed = any(rig).await.iter().filter(|stored| stored.status.listed()).count();
    eventually(rig, |engine| engine.snapshot().len() == listed).await;
    seeded.middle
}

pub(crate) async fn any(rig: &Rig) -> Vec<Stored> {
    facilities::any_after(rig.app.db.read(), None, 1_000).await.unwrap()
}

/// Waits until the server's catalogue is as it should be, two seconds at the most.
async fn eventually(server: &Server, holds: impl Fn(&linli_search::SearchEngine) -> bool) {
    let started = Instant::now();
    loop {
        if server.app.discovery.engine().is_ok_and(|engine| holds(engine)) {
            return;
        }
        // Loading takes longer than an edit on a busy machine; edits are measured by their own tests.
        assert!(started.elapsed() < Duration::from_secs(20), "the catalogue does not follow");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn at(point: Point) -> String {
    format!("lat={}&lng={}&coord=wgs84", point.lat(), point.lng())
}

pub(crate) async fn get(server: &Server, path: &str) -> Answer {
    send(server.get(path)).await
}

pub(crate) fn ids(answer: &Value) -> Vec<String> {
    answer["items"].as_array().unwrap().iter().map(|hit| hit["id"].as_str().unwrap().to_owned()).collect()
}

/// Writes a facility as staff do, and says how long the server took to show it.
pub(crate) async fn edit(rig: &Rig, stored: &Stored, facility: Facility, status: FacilityStatus) {
    let app = &rig.app;
    app.db
        .in_tx("test.edit", |tx| {
            let facility = facility.clone();
            async move {
                write::update(
                    tx.conn(),
                    &app.env,
                    Actor::System,
                    stored,
                    "facility.update",
                    &facility,
                    status,
                )
                .await?;
                tx.commit(()).await
            }
        })
        .await
        .unwrap();
}

/// Asks until the answer is as it should be; an edit has two seconds.
async fn within_two_seconds(server: &Server, path: &str, holds: impl Fn(&Value) -> bool) {
    let started = Instant::now();
    loop {
        let answer = get(server, path).await.ok();
        if holds(&answer) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(2), "after two seconds still {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

both!(an_edit_is_visible_within_two_seconds_on_every_server, async |rig| {
    city(rig).await;
    let other = rig.another(|_| {}).await;
    let len = rig.app.discovery.engine().unwrap().snapshot().len();
    eventually(&other, |engine| engine.snapshot().len() == len).await;
    let stored = any(rig)
        .await
        .into_iter()
        .find(|s| s.status == FacilityStatus::Open && s.facility.data().location.is_some());
    let stored = stored.unwrap();
    let id = stored.id.to_string();
    let point = stored.facility.data().location.unwrap().point;
    let near = format!("/v1/facilities/nearby?{}&radius_m=50&limit=100", at(point));

    let mut data = stored.facility.clone().into_data();
    data.name = "翡翠湾临时改名食堂".to_owned();
    edit(rig, &stored, Facility::from_stored(data), FacilityStatus::Open).await;
    for server in [&**rig, &other] {
        within_two_seconds(server, &near, |answer| {
            answer["items"]
                .as_array()
                .unwrap()
                .iter()
                .any(|hit| hit["id"] == id && hit["name"] == "翡翠湾临时改名食堂")
        })
        .await;
        within_two_seconds(server, "/v1/facilities/search?q=翡翠湾", |answer| ids(answer) == [id.clone()])
            .await;
    }

    let stored = facilities::find_public(rig.app.db.read(), stored.id).await.unwrap().unwrap();
    edit(rig, &stored, stored.facility.clone(), FacilityStatus::Closed).await;
    for server in [&**rig, &other] {
        within_two_seconds(server, &near, |answer| !ids(answer).contains(&id)).await;
        within_two_seconds(server, "/v1/facilities/search?q=翡翠湾", |answer| ids(answer).is_empty()).await;
    }
    let (one, two) =
        (rig.app.discovery.engine().unwrap().snapshot(), other.app.discovery.engine().unwrap().snapshot());
    let sorted = |snapshot: &linli_search::catalogue::Snapshot| {
        let mut versions: Vec<_> = snapshot.versions().collect();
        versions.sort_unstable();
        versions
    };
    assert_eq!(sorted(&one), sorted(&two), "two servers on one database agree");
    other.stop().await;
});

both!(pages_join_to_the_whole_list_and_cursors_are_bound, async |rig| {
    let middle = city(rig).await;
    for list in
        ["nearby?radius_m=50000&sort=distance", "nearby?radius_m=50000&sort=open_first", "search?q=社区"]
    {
        let base = format!("/v1/facilities/{list}&{}", at(middle));
        let whole = ids(&get(rig, &format!("{base}&limit=100")).await.ok());
        assert!(whole.len() > 10, "{list}: {whole:?}");
        let (mut joined, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = get(rig, &format!("{base}&limit=7{cursor}")).await.ok();
            joined.extend(ids(&answer));
            match answer["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
            // A minute passes between pages.
            rig.clock.advance(chrono::Duration::minutes(1));
        }
        assert_eq!(joined, whole, "{list}");
    }

    let base = format!("/v1/facilities/nearby?radius_m=50000&limit=3&{}", at(middle));
    let next = get(rig, &base).await.ok()["next_cursor"].as_str().unwrap().to_owned();
    get(rig, &format!("{base}&cursor={next}&open_now=true")).await.is_problem(400, "cursor_invalid");
    get(rig, &format!("{base}&cursor={next}x")).await.is_problem(400, "cursor_invalid");
    get(rig, &format!("{base}&cursor=abc")).await.is_problem(400, "cursor_invalid");
    rig.clock.advance(chrono::Duration::hours(2));
    get(rig, &format!("{base}&cursor={next}")).await.is_problem(410, "cursor_expired");
});

both!(answers_come_in_the_datum_of_the_question, async |rig| {
    let middle = city(rig).await;
    let (lat, lng) = middle.in_datum(Datum::Gcj02);
    let path = |lat: f64, lng: f64, datum: &str| {
        format!(
            "/v1/facilities/nearby?lat={lat}&lng={lng}&coord={datum}&within_minutes=60&limit=20&facets=true"
        )
    };
    let wgs = get(rig, &path(middle.lat(), middle.lng(), "wgs84")).await.ok();
    let gcj = get(rig, &path(lat, lng, "gcj02")).await.ok();
    assert_eq!(ids(&wgs).len(), ids(&gcj).len());
    assert_eq!((&wgs["coord"], &gcj["coord"]), (&"wgs84".into(), &"gcj02".into()));
    assert_eq!(wgs["walk"]["method"], "estimate");
    assert_eq!(wgs["walk"]["factor"], 1.35);
    let first = &wgs["items"][0];
    let shifted = gcj["items"].as_array().unwrap().iter().find(|hit| hit["id"] == first["id"]).unwrap();
    assert!(
        (first["location"]["lat"].as_f64().unwrap() - shifted["location"]["lat"].as_f64().unwrap()).abs()
            > 0.001
    );
    let total = wgs["facets"]["total"].as_i64().unwrap();
    assert!(total > 0);
    for hit in wgs["items"].as_array().unwrap() {
        assert!(hit["walk_minutes"].as_i64().unwrap() <= 60 && hit["open"]["state"].is_string(), "{hit}");
    }
});

both!(bad_questions_are_refused_with_stable_codes, async |rig| {
    city(rig).await;
    let near = "/v1/facilities/nearby?";
    for (question, status, code) in [
        ("lat=30.25&lng=120.17", 422, "datum_required"),
        ("lat=NaN&lng=120.17&coord=wgs84", 422, "coordinate_invalid"),
        ("lat=inf&lng=120.17&coord=wgs84", 422, "coordinate_invalid"),
        ("lat=91&lng=200&coord=wgs84", 422, "coordinate_invalid"),
        ("lat=120.17&lng=30.25&coord=gcj02", 422, "coordinate_swapped"),
        ("lat=48.85&lng=2.35&coord=wgs84", 422, "coordinate_out_of_area"),
        ("lat=30.25&lng=120.17&coord=utm", 422, "invalid_input"),
        ("lat=30.25&coord=wgs84", 422, "invalid_input"),
        ("", 422, "invalid_input"),
        ("lat=30.25&lng=120.17&coord=wgs84&radius_m=0", 422, "invalid_input"),
        ("lat=30.25&lng=120.17&coord=wgs84&radius_m=NaN", 422, "invalid_input"),
        ("lat=30.25&lng=120.17&coord=wgs84&radius_m=1e300", 422, "invalid_input"),
        ("lat=30.25&lng=120.17&coord=wgs84&radius_m=100&within_minutes=5", 422, "invalid_input"),
        ("lat=30.25&lng=120.17&coord=wgs84&limit=0", 422, "invalid_input"),
        ("lat=30.25&lng=120.17&coord=wgs84&limit=101", 422, "invalid_input"),
        ("lat=30.25&lng=120.17&coord=wgs84&category=casino", 422, "invalid_input"),
        ("lat=30.25&lng=120.17&coord=wgs84&sort=relevance", 422, "invalid_input"),
        ("lat=30.25&lng=120.17&coord=wgs84&open_at=yesterday", 422, "invalid_input"),
        ("lat=30.25&lng=120.17&coord=wgs84&open_at=1999-01-01T00:00:00%2B08:00", 422, "invalid_input"),
        ("lat=30.25&lng=120.17&coord=wgs84&bbox=1,2,3", 422, "invalid_input"),
        ("lat=30.25&lng=120.17&coord=wgs84&bbox=31,120,30,121", 422, "invalid_input"),
        ("lat=30.25&lng=120.17&coord=wgs84&bbox=120,30,121,31", 422, "coordinate_swapped"),
        ("lat=30.25&lng=120.17&coord=wgs84&colour=red", 422, "invalid_input"),
    ] {
        let answer = get(rig, &format!("{near}{question}")).await;
        answer.is_problem(status, code);
        assert!(
            !answer.text.contains("120.17") && !answer.text.contains("casino"),
            "it repeats the caller: {}",
            answer.text
        );
    }
    let long = "食".repeat(101);
    for question in ["", "%20", "%F0%9F%98%80", "%00", "\"'();--", &long] {
        get(rig, &format!("/v1/facilities/search?q={question}")).await.is_problem(422, "invalid_input");
    }
    for question in ["的", "AND%20OR", "%2Bname:[*%20TO%20*]", "lnst", "食堂😀"] {
        get(rig, &format!("/v1/facilities/search?q={question}")).await.ok();
        get(rig, &format!("/v1/facilities/suggest?q={question}")).await.ok();
    }
});

both!(a_search_says_what_it_understood_in_the_language_of_the_reader, async |rig| {
    let middle = city(rig).await;
    let path = |q: &str| format!("/v1/facilities/search?q={q}&{}&explain=true", at(middle));
    let english = rig.get(&path("食糖")).header("accept-language", "en");
    let answer = send(english).await.ok();
    assert_eq!(
        (&answer["understood"]["step"], &answer["understood"]["read_as"]),
        (&"heard".into(), &"食堂".into())
    );
    assert!(answer["understood"]["text"].as_str().unwrap().contains("results for"), "{answer}");
    for hit in answer["items"].as_array().unwrap() {
        assert!(hit["reason"].as_str().unwrap().contains(" away"), "{hit}");
        assert!(hit["score"]["total"].as_f64().unwrap() > 0.0, "{hit}");
    }
    let chinese = get(rig, &path("清波门附近的火锅食堂")).await.ok();
    assert!(!ids(&chinese).is_empty(), "{chinese}");
    assert!(chinese["understood"]["let_go"].as_array().unwrap().contains(&"火锅".into()), "{chinese}");
    assert_eq!(chinese["relaxed"], true);
    assert!(chinese["items"][0]["reason"].as_str().unwrap().starts_with("距离"), "{chinese}");
    let none = get(rig, &path("火锅")).await.ok();
    assert!(none["understood"]["text"].as_str().unwrap().starts_with("没有找到"), "{none}");
    let plain = get(rig, &format!("/v1/facilities/nearby?{}", at(middle))).await.ok();
    assert!(plain.get("understood").is_none(), "{plain}");
    assert!(plain["items"][0]["reason"].as_str().unwrap().starts_with("距离"), "{plain}");
});

/// What the city's bureau reads of what was looked for in vain.
async fn demand(server: &Server, token: &str) -> Vec<(String, i64)> {
    let answer = send(server.get("/staff/v1/search-demand").bearer_auth(token)).await.ok();
    let items = answer["items"].as_array().unwrap().iter();
    items.map(|item| (item["words"].as_str().unwrap().to_owned(), item["asked"].as_i64().unwrap())).collect()
}

both!(what_many_look_for_in_vain_is_evidence_and_what_one_typed_is_not, async |rig| {
    let middle = city(rig).await;
    let server = rig.another(|config| config.http.trusted_proxies = 1).await;
    let len = rig.app.discovery.engine().unwrap().snapshot().len();
    eventually(&server, |engine| engine.snapshot().len() == len).await;
    let ask = async |words: &str, asker: usize| {
        let request = server.get(&format!("/v1/facilities/search?q={words}&{}", at(middle)));
        send(request.header("x-forwarded-for", format!("203.0.113.{asker}"))).await.ok();
    };
    for asker in 1..=6 {
        ask("游泳馆", asker).await;
        ask("食堂", asker).await;
    }
    // Somebody who asks again and again is one, and a telephone number is nobody's to keep.
    for asker in 1..=9 {
        ask("火锅", 1).await;
        ask("13800138000", asker).await;
    }
    let admin = rig.staff_token(Role::CityAdmin, None).await;
    let began = Instant::now();
    while demand(&server, &admin).await != [("游泳馆".to_owned(), 6)] {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", demand(&server, &admin).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ask("游泳馆", 1).await;
    while demand(&server, &admin).await != [("游泳馆".to_owned(), 7)] {
        assert!(began.elapsed() < Duration::from_secs(40), "{:?}", demand(&server, &admin).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.stop().await;
});

both!(whatever_is_typed_gets_a_stable_code_or_an_honest_answer, async |rig| {
    let middle = city(rig).await;
    let long = "%E9%A3%9F".repeat(3_400);
    for list in ["search", "suggest"] {
        for typed in [&*long, &"a".repeat(10_240), "%00", "食%07堂", "%F0%9F%98%80%F0%9F%A5%9F", "%C3%28"] {
            let answer = get(rig, &format!("/v1/facilities/{list}?q={typed}&{}", at(middle))).await;
            assert!((400..500).contains(&answer.status), "{list} {}: {}", &typed[..3], answer.text);
            assert!(answer.json["code"].is_string(), "{}", answer.text);
        }
        for typed in [
            "%22%20OR%20version%20%3E%200",
            "category%20%3D%20%22health%22",
            "食堂%5C%22%20AND%20_geoRadius(1,2,3)",
            "食%E2%80%8B堂",
            "食堂😀😀",
            "%27%3B%20drop%20table%20facility--",
            "的了吗呢",
            "ＡＢＣ食堂",
            "%25%25%25a",
        ] {
            let answer = get(rig, &format!("/v1/facilities/{list}?q={typed}&{}", at(middle))).await.ok();
            assert!(answer["items"].is_array(), "{typed}: {answer}");
        }
    }
    let canteens = ids(&get(rig, "/v1/facilities/search?q=食堂").await.ok());
    for written in ["食%E2%80%8B堂", "食堂😀😀"] {
        let found = ids(&get(rig, &format!("/v1/facilities/search?q={written}")).await.ok());
        assert_eq!(found, canteens, "{written}");
    }
});

both!(suggestions_and_the_first_screen_answer, async |rig| {
    let middle = city(rig).await;
    let found = get(rig, "/v1/facilities/suggest?q=养").await.ok();
    assert!(
        found["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|s| s["kind"] == "category" && s["category"] == "elderly_care"),
        "{found}"
    );
    let home = get(rig, &format!("/v1/home?{}", at(middle))).await.ok();
    assert_eq!(home["categories"].as_array().unwrap().len(), 6);
    assert_eq!(home["degraded"], serde_json::json!([]));
    for category in home["categories"].as_array().unwrap() {
        assert!(category["items"].as_array().unwrap().len() <= 3);
    }
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_starts_from_what_was_kept_and_catches_up() {
    let rig = Rig::sqlite().await;
    city(&rig).await;
    let folder = tempfile::tempdir().unwrap();
    let keep = |config: &mut linli::Config| config.data_dir = folder.path().to_owned();
    let first = rig.another(keep).await;
    let len = rig.app.discovery.engine().unwrap().snapshot().len();
    eventually(&first, |engine| engine.snapshot().len() == len).await;
    let generation = first.app.discovery.engine().unwrap().snapshot().generation();
    first.stop().await;
    assert!(folder.path().join("catalogue/catalogue.jsonl").exists());

    // While it is down, a facility closes.
    let stored = any(&rig).await.into_iter().find(|s| s.status == FacilityStatus::Open).unwrap();
    edit(&rig, &stored, stored.facility.clone(), FacilityStatus::Closed).await;
    let second = rig.another(keep).await;
    eventually(&second, |engine| engine.snapshot().slot(stored.id).is_none()).await;
    let snapshot = second.app.discovery.engine().unwrap().snapshot();
    assert_eq!(
        (snapshot.generation(), snapshot.len()),
        (generation, len - 1),
        "it was loaded and not built anew"
    );
    second.stop().await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_cannot_be_written_costs_the_kept_catalogue_and_no_answer() {
    let rig = Rig::sqlite().await;
    city(&rig).await;
    let folder = tempfile::tempdir().unwrap();
    let keep = |config: &mut linli::Config| config.data_dir = folder.path().to_owned();
    let first = rig.another(keep).await;
    let len = rig.app.discovery.engine().unwrap().snapshot().len();
    eventually(&first, |engine| engine.snapshot().len() == len).await;
    assert_eq!(first.app.health.parts()["catalogue"], Part::Ready);
    first.stop().await;

    let kept = folder.path().join("catalogue");
    std::fs::remove_file(kept.join("catalogue.jsonl")).unwrap();
    std::fs::remove_dir_all(kept.join("text")).unwrap();
    std::fs::write(kept.join("text"), "in the way").unwrap();
    let second = rig.another(keep).await;
    eventually(&second, |engine| engine.snapshot().len() == len).await;
    // What is in memory is followed like what is kept.
    let stored = any(&rig).await.into_iter().find(|s| s.status == FacilityStatus::Open).unwrap();
    edit(&rig, &stored, stored.facility.clone(), FacilityStatus::Closed).await;
    eventually(&second, |engine| engine.snapshot().slot(stored.id).is_none()).await;
    let ready = get(&second, "/readyz").await.ok();
    assert_eq!(ready["parts"]["catalogue"], "degraded: not kept: its folder cannot be written");
    second.stop().await;
    rig.finish().await;
}
