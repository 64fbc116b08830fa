//! Personal data stays where it belongs.
//!
//! People are planted through the real program, everything is done with them that the program can
//! do, and then every place that keeps or emits anything is searched for them, in every form they
//! may have taken. One more number is planted where it does not belong: the same search must find it.

mod places;
mod planted;

use std::cell::RefCell;

use linli_store::Env;
use reqwest::{Method, RequestBuilder};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use self::planted::{Place, Planted, astray};
use crate::{
    database::Fresh,
    private_meili::{self, PrivateMeili},
    process::{ServerProcess, linli},
    rig::{Answer, send},
};

const PHONE: &str = "13612345678";
const OTHER_PHONE: &str = "13587654321";
const ID_CARD: &str = "11010519491231002X";
const NAME: &str = "欧阳锦绣";
const CLERK_NAME: &str = "上官明镜";
const CLERK_PHONE: &str = "13900112233";
const PURPOSE: &str = "给奶奶过九十大寿";
const COMPANION: &str = "司马青禾";
const REASON: &str = "膝盖手术后走不动";
const REPORT: &str = "我住翠柳巷十二号三单元";
const REPLY: &str = "已电话告知您的女儿";
const ADDRESS: &str = "203.0.113.77";
const LATITUDE: &str = "30.2567631";
const PASSWORD: &str = "青石板路上的雨停了又下";
/// Planted where it does not belong.
const LEAK: &str = "13377665544";

fn everyone() -> Vec<Planted> {
    const NOWHERE: &[&str] = &[];
    let mut all = vec![
        Planted::new("name", NAME, NOWHERE)
            .or("pinyin", "ouyangjinxiu")
            .or("pinyin in words", "ouyang jinxiu"),
        Planted::new("staff name", CLERK_NAME, &["told to staff"]),
        Planted::new("purpose", PURPOSE, &["told to staff"]),
        Planted::new("companion", COMPANION, &["told to staff"]),
        Planted::new("reason", REASON, &["told to staff"]),
        Planted::new("report", REPORT, &["told to staff"]),
        Planted::new("reply", REPLY, &["told to staff"]),
        Planted::new("address of the client", ADDRESS, NOWHERE),
        Planted::new("where someone stood", LATITUDE, NOWHERE),
        Planted::new("password", PASSWORD, NOWHERE),
    ];
    all.extend(Planted::number("phone", PHONE, NOWHERE));
    all.extend(Planted::number("other phone", OTHER_PHONE, &["told to another"]));
    all.extend(Planted::number("staff phone", CLERK_PHONE, NOWHERE));
    all.extend(Planted::number("identity number", ID_CARD, NOWHERE));
    for mask in ["136****5678", "135****4321", "139****2233", "1101**********2X"] {
        all.extend(Planted::masked(mask));
    }
    all
}

/// A running Linli and what it told whom.
struct Walk<'a> {
    url: &'a str,
    server: ServerProcess,
    client: reqwest::Client,
    heard: RefCell<Vec<Place>>,
}

impl Walk<'_> {
    /// Asks as `who`; what people are told about themselves is theirs, unless it is a refusal.
    async fn ask(&self, who: &str, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.client.request(method, format!("{}{path}", self.server.base));
        let request = body.iter().fold(request, |request, body| request.json(body));
        let key = Env::system().id::<uuid::Uuid>().to_string();
        let request = request.header("Idempotency-Key", key);
        let signed = if token.is_empty() { request } else { request.bearer_auth(token) };
        self.hear(who, path, signed).await
    }

    async fn hear(&self, who: &str, path: &str, request: RequestBuilder) -> Answer {
        let answer = send(request.header("X-Forwarded-For", ADDRESS)).await;
        assert!(answer.status < 500, "{path}: {}", answer.text);
        let told = if answer.status >= 400 { "problem" } else { who };
        if told != "themselves" {
            let heard = format!("{}\n{:?}", answer.text, answer.headers);
            self.heard.borrow_mut().push(Place::new(format!("told to {told}: {path}"), heard));
        }
        answer
    }

    async fn get(&self, who: &str, token: &str, path: &str) -> Value {
        self.ask(who, token, Method::GET, path, None).await.ok()
    }

    async fn post(&self, who: &str, token: &str, path: &str, body: Value) -> Value {
        let answer = self.ask(who, token, Method::POST, path, Some(body)).await;
        assert!(answer.status < 300, "{path}: {}", answer.text);
        answer.json
    }

    /// Changes something with its version.
    async fn edit(&self, token: &str, method: Method, path: &str, version: u32, body: Value) -> Answer {
        let request = self.client.request(method, format!("{}{path}", self.server.base)).json(&body);
        let request = request.header("If-Match", format!("\"{version}\"")).bearer_auth(token);
        self.hear("themselves", path, request).await
    }

    /// A command line beside the server; what it logs is searched, what it answers is not.
    fn command(&self, arguments: &[&str]) -> String {
        command(self.url, arguments, &self.heard)
    }

    /// Signs a staff account in, with the first password replaced by the planted one.
    async fn signed_in(&self, login: &str, first: &str) -> String {
        let sign_in = json!({ "login": login, "password": first });
        let tokens = self.post("themselves", "", "/staff/v1/auth/sign-in", sign_in).await;
        let token = text(&tokens["access_token"]);
        let change = json!({ "current_password": first, "new_password": PASSWORD });
        self.ask("themselves", &token, Method::POST, "/staff/v1/me/password", Some(change)).await.ok();
        let refresh = json!({ "refresh_token": tokens["refresh_token"] });
        self.ask("themselves", "", Method::POST, "/staff/v1/auth/refresh", Some(refresh)).await;
        token
    }
}

fn command(url: &str, arguments: &[&str], heard: &RefCell<Vec<Place>>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = linli(arguments, url, folder.path()).env("LINLI_LOG_LEVEL", "debug").output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {log}");
    heard.borrow_mut().push(Place::new(format!("log of {}", arguments[0]), log));
    String::from_utf8(output.stdout).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

/// The town, its staff, and a room that can be booked tomorrow.
struct Town {
    admin: String,
    community: String,
    facility: String,
    room: String,
    slots: Vec<Value>,
}

async fn town(walk: &Walk<'_>) -> Town {
    let said = walk.command(&["staff", "--user", "root.admin", "--role", "city_admin"]);
    let first = said.trim().rsplit(' ').next().unwrap().to_owned();
    let admin = walk.signed_in("root.admin", &first).await;
    let list = walk.get("staff", &admin, "/staff/v1/organisations").await;
    let mut place = list["items"][0]["id"].clone();
    for (kind, name) in [("district", "上城区"), ("street", "采荷街道"), ("community", "洁莲社区")]
    {
        let body = json!({ "parent_id": place, "kind": kind, "name": name });
        place = walk.post("staff", &admin, "/staff/v1/organisations", body).await["id"].clone();
    }
    // The name holds the number that must be found wherever a facility's name goes.
    let facility = json!({ "organisation_id": place, "profile": {
        "name": format!("采荷会堂{LEAK}"), "categories": ["culture"], "address": "采荷路1号",
        "location": { "lat": 30.2567, "lng": 120.2238, "coord": "wgs84", "accuracy_m": 10 } } });
    let facility = text(&walk.post("staff", &admin, "/staff/v1/facilities", facility).await["id"]);
    let room = json!({ "facility_id": facility, "name": "多功能厅", "max_party_size": 20 });
    let room = text(&walk.post("staff", &admin, "/staff/v1/rooms", room).await["id"]);
    let tomorrow = (Env::system().now() + chrono::Duration::days(2)).date_naive();
    let day = json!({ "date": tomorrow, "slots": [
        { "starts": "09:00", "ends": "10:00" }, { "starts": "10:00", "ends": "11:00" } ] });
    walk.post("staff", &admin, &format!("/staff/v1/rooms/{room}/publish"), day).await;
    let slots = format!("/v1/rooms/{room}/slots?from={tomorrow}&to={tomorrow}");
    let slots = walk.get("anyone", "", &slots).await["items"].as_array().unwrap().clone();
    Town { admin, community: text(&place), facility, room, slots }
}

/// What residents do, and what is told to them and to others of it.
async fn residents(walk: &Walk<'_>, town: &Town) {
    let tokens = walk.command(&["token", "resident", "--phone", PHONE, OTHER_PHONE]);
    let (me, other) = tokens.trim().split_once('\n').unwrap();
    let profile = json!({ "name": NAME, "id_card": ID_CARD, "community_id": town.community });
    walk.edit(me, Method::PATCH, "/v1/me", 1, profile).await.ok();
    walk.edit(other, Method::PATCH, "/v1/me", 1, json!({ "community_id": town.community })).await.ok();
    walk.edit(me, Method::PATCH, "/v1/me", 1, json!({ "name": NAME }))
        .await
        .is_problem(412, "precondition_failed");
    walk.edit(me, Method::PATCH, "/v1/me", 2, json!({ "id_card": ID_CARD.replace("49", "48") })).await;
    walk.edit(me, Method::PATCH, "/v1/me", 2, json!({ PHONE: ID_CARD })).await;

    for slot in &town.slots {
        let body = json!({ "room_id": town.room, "slot_ids": [slot["id"]], "party_size": 3,
            "purpose": PURPOSE, "companions": [COMPANION] });
        let booked = walk.ask("themselves", me, Method::POST, "/v1/bookings", Some(body.clone())).await.ok();
        walk.ask("another", other, Method::POST, "/v1/bookings", Some(body))
            .await
            .is_problem(409, "slot_taken");
        let path = format!("/v1/bookings/{}", text(&booked["id"]));
        walk.ask("another", other, Method::GET, &path, None).await.is_problem(404, "not_found");
        if slot == &town.slots[0] {
            walk.post("themselves", me, &format!("{path}/cancel"), json!({ "reason": REASON })).await;
        }
    }
    walk.get("themselves", me, "/v1/messages").await;
    let feed = walk.post("themselves", me, "/v1/me/calendar-feed", json!({})).await;
    // Whoever has the address reads times and places, and nothing of what for or with whom.
    walk.ask("another", "", Method::GET, &text(&feed["path"]), None).await;
    let report = json!({ "kind": "other", "text": REPORT });
    let path = format!("/v1/facilities/{}/reports", town.facility);
    let report = walk.post("themselves", me, &path, report).await;
    walk.ask("another", other, Method::GET, &format!("{path}/{}", text(&report["id"])), None).await;

    let favourite = format!("/v1/me/favourites/{}", town.facility);
    walk.ask("themselves", me, Method::PUT, &favourite, None).await;
    let invitation = walk.post("themselves", me, "/v1/me/family", json!({ "scopes": ["see", "book"] })).await;
    walk.ask("another", other, Method::POST, "/v1/me/family/accept", Some(json!({ "code": ID_CARD }))).await;
    walk.post("another", other, "/v1/me/family/accept", json!({ "code": invitation["code"] })).await;
    let consent = json!({ "kind": "privacy", "text_version": "2026-01" });
    walk.post("themselves", me, "/v1/me/consents", consent).await;
    for path in
        ["/v1/me", "/v1/me/export", "/v1/me/family", "/v1/me/sessions", "/v1/bookings", "/v1/me/favourites"]
    {
        walk.get("themselves", me, path).await;
        walk.get("another", other, path).await;
    }
    let here = format!("lat={LATITUDE}&lng=120.2238&coord=wgs84");
    for token in [me, ""] {
        walk.get("anyone", token, &format!("/v1/facilities/nearby?{here}")).await;
        walk.get("anyone", token, &format!("/v1/home?{here}")).await;
        for word in [PHONE, NAME, "会堂", "ouyangjinxiu", REPORT] {
            walk.get("anyone", token, &format!("/v1/facilities/search?q={word}&limit=1")).await;
            walk.get("anyone", token, &format!("/v1/facilities/suggest?q={word}")).await;
        }
    }
    for path in [
        format!("/v1/facilities/search?q=x&{PHONE}={NAME}"),
        format!("/v1/facilities/nearby?{here}&cursor={PHONE}"),
        format!("/v1/facilities/{PHONE}"),
        format!("/{NAME}/{ID_CARD}?phone={PHONE}"),
        format!("/v1/me?phone={PHONE}"),
    ] {
        walk.ask("anyone", "", Method::GET, &path, None).await;
    }
    walk.ask("anyone", PHONE, Method::GET, "/v1/me", None).await.is_problem(401, "unauthenticated");
}

/// What staff do with people, and what files and errors tell of it.
async fn staff(walk: &Walk<'_>, town: &Town) {
    let admin = &town.admin;
    let clerk = json!({ "username": "clerk.one", "name": CLERK_NAME, "phone": CLERK_PHONE, "organisation_id": town.community });
    let made =
        walk.ask("themselves", admin, Method::POST, "/staff/v1/accounts", Some(clerk.clone())).await.ok();
    // Both its name and its number are taken; which one is told first, the database says.
    let again = walk.ask("staff", admin, Method::POST, "/staff/v1/accounts", Some(clerk)).await;
    assert_eq!(again.status, 409);
    let roles = format!("/staff/v1/accounts/{}/roles", text(&made["account"]["id"]));
    let role = json!({ "role": "community_manager", "organisation_id": town.community });
    walk.post("staff", admin, &roles, role).await;
    let clerk = &walk.signed_in(CLERK_PHONE, &text(&made["first_password"])).await;
    for wrong in [PHONE, CLERK_PHONE, CLERK_NAME] {
        let body = json!({ "login": wrong, "password": PASSWORD.replace('雨', "雪") });
        walk.ask("anyone", "", Method::POST, "/staff/v1/auth/sign-in", Some(body)).await;
    }
    let mut ids = Vec::new();
    for key in [
        json!({ "phone": PHONE }),
        json!({ "id_card": ID_CARD }),
        json!({ "name": NAME }),
        json!({ "phone": OTHER_PHONE }),
    ] {
        let found = walk.post("staff", admin, "/staff/v1/residents/lookup", key).await;
        ids.push(found["items"][0]["id"].clone());
    }
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[0] != ids[3] && ids[3].is_string(), "{ids:?}");
    walk.ask("staff", admin, Method::POST, "/staff/v1/residents/lookup", Some(json!({ "phone": NAME })))
        .await;
    walk.get("staff", admin, &format!("/staff/v1/residents/{}", text(&ids[0]))).await;
    let household = json!({ "organisation_id": town.community, "resident_ids": [ids[0], ids[3]] });
    let household = walk.post("staff", clerk, "/staff/v1/households", household).await;
    walk.get("staff", clerk, &format!("/staff/v1/households/{}", text(&household["id"]))).await;

    let reports = walk.get("staff", admin, "/staff/v1/reports").await;
    let moved = format!("/staff/v1/reports/{}/state", text(&reports["items"][0]["id"]));
    walk.edit(admin, Method::PUT, &moved, 1, json!({ "state": "corrected", "answer": REPLY })).await.ok();
    let (from, to) =
        (Env::system().now().date_naive(), Env::system().now().date_naive() + chrono::Days::new(3));
    walk.get("staff", admin, &format!("/staff/v1/rooms/{}/bookings?from={from}&to={to}", town.room)).await;
    for path in ["/staff/v1/accounts", "/staff/v1/facilities", "/staff/v1/me"] {
        walk.get("staff", admin, path).await;
    }
    // Someone pasted the wrong column.
    let file = format!("外部编号,名称,服务领域,地址\nA-1,食堂,{PHONE},{NAME}\n{ID_CARD},{NAME},美食,\n");
    let path = "/staff/v1/facility-imports?format=csv&source=roll";
    let import = walk.client.post(format!("{}{path}", walk.server.base)).bearer_auth(admin);
    let import = import.header("content-type", "application/octet-stream").body(file);
    assert_eq!(walk.hear("staff", path, import).await.ok()["refused"], 2);
    walk.ask("staff", admin, Method::GET, "/staff/v1/facility-exports?format=csv", None).await;
    let said = walk.command(&["staff", "--user", "the.auditor", "--role", "auditor"]);
    let auditor = walk.signed_in("the.auditor", said.trim().rsplit(' ').next().unwrap()).await;
    let audit = walk.get("staff", &auditor, "/staff/v1/audit?limit=100").await;
    assert!(audit["items"].as_array().unwrap().len() > 10, "{audit}");
    walk.post(
        "staff",
        admin,
        "/staff/v1/residents/merge",
        json!({ "winner_id": ids[0], "loser_id": ids[3] }),
    )
    .await;
}

/// Waits until the facility is found, so that the index and the catalogue hold it.
async fn found_in_search(walk: &Walk<'_>) {
    for _ in 0..300 {
        let path = format!("/v1/facilities/search?q={LEAK}");
        let answer = walk.ask("anyone", "", Method::GET, &path, None);
        // The catalogue may still be loading.
        let found = send(walk.client.get(format!("{}{path}", walk.server.base))).await;
        if found.status == 200 && !found.json["items"].as_array().unwrap().is_empty() {
            answer.await;
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the facility is not found after 30 s");
}

/// Every document of every index of the node.
async fn documents(client: &reqwest::Client, meili: &PrivateMeili) -> Vec<Place> {
    let get = async |path: String| {
        let request = client.get(format!("{}{path}", meili.url())).bearer_auth(private_meili::KEY);
        send(request).await.ok()
    };
    let mut places = Vec::new();
    for index in get("/indexes?limit=100".to_owned()).await["results"].as_array().unwrap() {
        let uid = text(&index["uid"]);
        let held = get(format!("/indexes/{uid}/documents?limit=1000")).await;
        places.push(Place::new(format!("documents of {uid}"), held.to_string()));
    }
    places
}

async fn run(fresh: Fresh) {
    let meili = PrivateMeili::spawn();
    let node = meili.as_ref().map(PrivateMeili::url).unwrap_or_default();
    let variables = [
        ("LINLI_LOG_LEVEL", "debug"),
        ("LINLI_HTTP_TRUSTED_PROXIES", "1"),
        ("LINLI_MEILI_URL", &node),
        ("LINLI_MEILI_KEY", private_meili::KEY),
    ];
    let mut walk = Walk {
        url: &fresh.url,
        server: ServerProcess::start(&fresh.url, &variables),
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
        heard: RefCell::default(),
    };
    let town = town(&walk).await;
    found_in_search(&walk).await;
    residents(&walk, &town).await;
    staff(&walk, &town).await;
    // As a request id, the number comes back in every problem and stands in the log.
    let request = walk.client.get(format!("{}/v1/me", walk.server.base)).header("X-Request-Id", LEAK);
    walk.hear("themselves", "/v1/me", request).await;

    let mut places = walk.heard.take();
    let metrics = send(walk.client.get(format!("{}/metrics", walk.server.internal))).await.text;
    assert!(metrics.contains("createBooking"), "{metrics}");
    places.push(Place::new("metrics", metrics));
    if let Some(meili) = &meili {
        places.extend(documents(&walk.client, meili).await);
    }
    walk.server.terminate();
    walk.server.wait(std::time::Duration::from_secs(30));
    let db = fresh.connect().await;
    for sql in [
        format!("UPDATE audit SET action = '{}' WHERE action = 'room.create'", hex::encode(LEAK)),
        format!("UPDATE outbox SET topic = 'tel:{}-{}-{}'", &LEAK[..3], &LEAK[3..7], &LEAK[7..]),
    ] {
        db.any_write().execute_raw(Statement::from_string(db.backend(), sql)).await.unwrap();
    }
    places.extend(places::columns(&db, fresh.url.starts_with("postgres")).await);
    places.extend(places::files(walk.server.folder()));
    db.close().await.unwrap();

    let planted = everyone();
    assert!(astray(&planted, &places).is_empty(), "{:#?}", astray(&planted, &places));
    let leaks = astray(&Planted::number("leak", LEAK, &[]), &places);
    let mut expected = vec![
        "column audit.action",
        "column facility.profile",
        "column outbox.topic",
        "file catalogue/",
        "log stderr.log",
        "told to anyone: /v1/facilities/nearby",
        "told to anyone: /v1/facilities/search",
        "told to problem: /v1/me",
        "told to staff: /staff/v1/facility-exports",
    ];
    expected.extend(meili.as_ref().map(|_| "documents of "));
    for place in expected {
        assert!(leaks.iter().any(|(_, _, name)| name.starts_with(place)), "nothing in {place}: {leaks:#?}");
    }
    fresh.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn personal_data_stays_where_it_belongs_on_sqlite() {
    run(Fresh::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn personal_data_stays_where_it_belongs_on_postgres() {
    run(Fresh::postgres().await).await;
}
