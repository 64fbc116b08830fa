//! Every operation of staff on facilities, asked from outside the scope, from inside without the
//! right, and from inside with it: 404, 403, done.

use std::collections::BTreeSet;

use linli_domain::{
    access::{Permission, Role},
    ids::OrganisationId,
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    people::{Town, right_of, town},
    pictures,
    rig::{Answer, Rig, both, send},
};

/// A facility with everything that hangs on it, and three members of staff.
struct Scene<'a> {
    rig: &'a Rig,
    town: Town,
    /// In the first street.
    facility: String,
    notice: String,
    photo: String,
    report: String,
    /// In the second street.
    other: String,
    /// Holds every right in the second street and none in the first.
    stranger: String,
    /// The same, and works at a counter in the first.
    mixed: String,
    /// Works at a counter in the first street and nowhere else.
    clerk: String,
    /// Holds every right in the first street.
    manager: String,
}

fn profile(name: &str) -> Value {
    json!({ "name": name, "categories": ["community_dining"], "address": "采荷路1号",
        "location": { "lat": 30.256763, "lng": 120.223818, "coord": "gcj02" },
        "licences": [{ "kind": "食品经营许可证", "number": "JY1", "valid_to": "2026-03-20" }] })
}

fn id_of(answer: Answer) -> String {
    answer.ok()["id"].as_str().unwrap().to_owned()
}

impl<'a> Scene<'a> {
    async fn new(rig: &'a Rig) -> Self {
        let town = town(rig).await;
        let [first, second] = town.streets;
        let token = async |roles: &[(Role, Option<OrganisationId>)]| rig.staff_with(roles).await;
        let clerk = (Role::CounterClerk, Some(first));
        let elsewhere = (Role::StreetManager, Some(second));
        let manager = token(&[(Role::StreetManager, Some(first))]).await;
        let mut scene = Self {
            rig,
            stranger: token(&[elsewhere]).await,
            mixed: token(&[elsewhere, clerk]).await,
            clerk: token(&[clerk]).await,
            manager,
            town,
            facility: String::new(),
            notice: String::new(),
            photo: String::new(),
            report: String::new(),
            other: String::new(),
        };
        scene.facility = scene.enter("甲食堂", scene.town.communities[0], "K-1").await;
        // Ids of one millisecond have no order.
        rig.clock.advance(chrono::Duration::seconds(1));
        scene.other = scene.enter("乙食堂", scene.town.communities[1], "K-2").await;
        let base = format!("/staff/v1/facilities/{}", scene.facility);
        let notice = rig.post(&format!("{base}/notices"), &notice()).bearer_auth(&scene.manager);
        scene.notice = id_of(send(notice).await);
        let path = format!("{base}/photos");
        let photo = pictures::form(rig.request(Method::POST, &path), &pictures::png(b"one"))
            .bearer_auth(&scene.manager);
        scene.photo = id_of(send(photo).await);
        let report = json!({ "kind": "hours", "text": "周六不开门" });
        scene.report =
            id_of(send(rig.post(&format!("/v1/facilities/{}/reports", scene.facility), &report)).await);
        scene
    }

    async fn enter(&self, name: &str, owner: OrganisationId, external_id: &str) -> String {
        let body = json!({ "organisation_id": owner, "external_id": external_id, "profile": profile(name) });
        let request = self.rig.post("/staff/v1/facilities", &body).header("idempotency-key", external_id);
        id_of(send(request.bearer_auth(&self.town.admin)).await)
    }

    async fn see(&self, token: &str, path: &str) -> Answer {
        send(self.rig.get(&format!("/staff/v1{path}")).bearer_auth(token)).await
    }

    /// The version the facility has now, as `If-Match`.
    async fn version(&self) -> String {
        self.see(&self.manager, &format!("/facilities/{}", self.facility)).await.header("etag").to_owned()
    }

    /// What each operation on one thing is asked with; good enough to be done where it is allowed.
    fn ask(&self, operation: &str, version: &str) -> RequestBuilder {
        let at = |method: Method, rest: &str| {
            let path = format!("/staff/v1/facilities/{}{rest}", self.facility);
            self.rig.request(method, &path).header("if-match", version)
        };
        match operation {
            "staffGetFacility" => at(Method::GET, ""),
            "staffListFacilityHistory" => at(Method::GET, "/history"),
            "staffListNotices" => at(Method::GET, "/notices"),
            "staffReplaceFacility" => at(Method::PUT, "").json(&profile("甲新食堂")),
            "staffReplaceFacilityHours" => at(Method::PUT, "/hours").json(
                &json!({ "rules": [{ "weekdays": ["mon"], "spans": [{ "opens": "08:00", "closes": "12:00" }] }] }),
            ),
            "staffSetFacilityStatus" => at(Method::PUT, "/status").json(&json!({ "status": "suspended" })),
            "staffPublishNotice" => at(Method::POST, "/notices").json(&notice()),
            "staffWithdrawNotice" => at(Method::DELETE, &format!("/notices/{}", self.notice)),
            "staffAddPhoto" => pictures::form(at(Method::POST, "/photos"), &pictures::png(b"two")),
            "staffRemovePhoto" => at(Method::DELETE, &format!("/photos/{}", self.photo)),
            "staffMoveReport" => {
                let path = format!("/staff/v1/reports/{}/state", self.report);
                let body = json!({ "state": "corrected", "answer": "已更正，谢谢" });
                self.rig.request(Method::PUT, &path).header("if-match", "\"1\"").json(&body)
            }
            other => panic!("nobody decided what {other} is asked with"),
        }
    }
}

fn notice() -> Value {
    json!({ "kind": "closure", "title": "停水", "shown_from": "2026-03-02", "shown_to": "2026-03-03" })
}

/// Operations on one facility and what hangs on it, those that undo after those that do.
const ON_ONE: [&str; 11] = [
    "staffGetFacility",
    "staffListFacilityHistory",
    "staffListNotices",
    "staffReplaceFacility",
    "staffReplaceFacilityHours",
    "staffPublishNotice",
    "staffWithdrawNotice",
    "staffAddPhoto",
    "staffRemovePhoto",
    "staffMoveReport",
    "staffSetFacilityStatus",
];

/// Operations that answer a part of all facilities, or enter one.
const ON_MANY: [&str; 4] =
    ["staffListFacilities", "staffListReports", "staffListExpiringLicences", "staffCreateFacility"];

#[test]
fn no_operation_on_facilities_is_left_out() {
    let (_, document) =
        linli::http::documents().into_iter().find(|(name, _)| name.starts_with("staff")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap());
    let of_facilities: BTreeSet<_> = operations
        .map(|(_, operation)| operation)
        .filter(|operation| operation["tags"] == json!(["Facilities"]))
        .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(of_facilities, ON_ONE.iter().chain(&ON_MANY).map(ToString::to_string).collect());
}

both!(each_operation_is_404_outside_403_without_the_right_and_done_with_it, async |rig| {
    let scene = Scene::new(rig).await;
    for operation in ON_ONE {
        let version = scene.version().await;
        let by = async |token: &str| send(scene.ask(operation, &version).bearer_auth(token)).await;
        by(&scene.stranger).await.is_problem(404, "not_found");
        if !Role::CounterClerk.may(right_of(operation).unwrap()) {
            by(&scene.mixed).await.is_problem(403, "forbidden");
            by(&scene.clerk).await.is_problem(403, "forbidden");
        }
        let done = by(&scene.manager).await;
        assert!((200..300).contains(&done.status), "{operation}: {}", done.text);
    }
    // What was refused left no trace: the history tells the manager's edits alone.
    let history = scene.see(&scene.manager, &format!("/facilities/{}/history", scene.facility)).await.ok();
    let authors: BTreeSet<_> =
        history["items"].as_array().unwrap().iter().map(|entry| entry["staff_id"].to_string()).collect();
    assert_eq!(authors.len(), 2, "whoever entered it and whoever edited it: {authors:?}");
});

both!(a_thing_that_is_missing_is_not_found_by_those_who_see_its_facility, async |rig| {
    let scene = Scene::new(rig).await;
    let unknown = rig.app.env.id::<uuid::Uuid>();
    let base = format!("/staff/v1/facilities/{}", scene.facility);
    for path in [format!("{base}/photos/{unknown}"), format!("{base}/notices/{unknown}")] {
        let delete = rig.request(Method::DELETE, &path).bearer_auth(&scene.manager);
        send(delete).await.is_problem(404, "not_found");
    }
    // The photo of one facility is not reached through another.
    let path = format!("/staff/v1/facilities/{}/photos/{}", scene.other, scene.photo);
    let delete = rig.request(Method::DELETE, &path).bearer_auth(&scene.town.admin);
    send(delete).await.is_problem(404, "not_found");
});

both!(lists_tell_nothing_of_what_lies_outside, async |rig| {
    let scene = Scene::new(rig).await;
    let (mine, other) = (&scene.facility, &scene.other);
    let street = scene.town.streets[0];
    for path in [
        "/facilities?limit=100".to_owned(),
        "/facilities?q=食堂".to_owned(),
        "/facilities?category=community_dining".to_owned(),
        "/facilities?source=console".to_owned(),
        "/facilities?status=open".to_owned(),
        format!("/facilities?organisation_id={}", scene.town.city),
        "/licences/expiring?within_days=100".to_owned(),
        "/facility-exports?format=csv".to_owned(),
        "/facility-exports?format=geojson&source=console".to_owned(),
    ] {
        let outside = scene.see(&scene.stranger, &path).await;
        assert_eq!(outside.status, 200, "{path}: {}", outside.text);
        assert!(!outside.text.contains(mine.as_str()) && !outside.text.contains("甲食堂"), "{path}");
        assert!(outside.text.contains("乙食堂"), "{path} tells what lies inside: {}", outside.text);
    }
    for path in [
        format!("/facilities?organisation_id={street}"),
        "/facilities?q=甲食堂".to_owned(),
        format!("/reports?facility_id={mine}"),
        "/reports".to_owned(),
    ] {
        let outside = scene.see(&scene.stranger, &path).await.ok();
        assert_eq!(outside["items"], json!([]), "{path}");
    }
    assert_eq!(scene.see(&scene.clerk, "/reports").await.ok()["items"].as_array().unwrap().len(), 1);
    scene.see(&scene.clerk, "/facility-exports?format=csv").await.is_problem(403, "forbidden");

    // A cursor that was made with a wider view is a place in the order and nothing more.
    let wide = scene.see(&scene.town.admin, "/facilities?limit=1").await.ok();
    assert_eq!(wide["items"][0]["id"], json!(other), "the newest first");
    let cursor = wide["next_cursor"].as_str().unwrap();
    let beyond = scene.see(&scene.stranger, &format!("/facilities?limit=1&cursor={cursor}")).await.ok();
    assert_eq!(beyond["items"], json!([]));
    let wide = scene.see(&scene.town.admin, "/licences/expiring?limit=1").await.ok();
    let cursor = wide["next_cursor"].as_str().unwrap();
    let beyond =
        scene.see(&scene.stranger, &format!("/licences/expiring?limit=1&cursor={cursor}")).await.ok();
    assert_eq!(beyond["items"], json!([]));
});

both!(nothing_is_entered_outside, async |rig| {
    let scene = Scene::new(rig).await;
    let body = |owner: OrganisationId| json!({ "organisation_id": owner, "profile": profile("丙食堂") });
    let create = async |token: &str, owner: OrganisationId, key: &str| {
        let request = rig.post("/staff/v1/facilities", &body(owner)).header("idempotency-key", key);
        send(request.bearer_auth(token)).await
    };
    let owner = scene.town.communities[0];
    let outside = create(&scene.stranger, owner, "c1").await;
    outside.is_problem(422, "invalid_input");
    let unknown = create(&scene.stranger, rig.app.env.id(), "c2").await;
    assert_eq!(outside.json["errors"], unknown.json["errors"], "outside is told apart from unknown");
    create(&scene.mixed, owner, "c3").await.is_problem(403, "forbidden");
    create(&scene.clerk, owner, "c4").await.is_problem(403, "forbidden");
    assert_eq!(create(&scene.manager, owner, "c5").await.status, 201);

    // Nor by a file: not under an organisation outside, and not over a facility that is there.
    let file = "外部编号,名称,服务领域,地址\nK-1,被改的食堂,社区助餐,别处1号\n";
    let import = async |token: &str, owner: OrganisationId| {
        let path = format!("/staff/v1/facility-imports?format=csv&source=console&organisation_id={owner}");
        let request = rig.request(Method::POST, &path).header("content-type", "application/octet-stream");
        send(request.body(file).bearer_auth(token)).await
    };
    import(&scene.stranger, owner).await.is_problem(422, "invalid_input");
    import(&scene.clerk, owner).await.is_problem(403, "forbidden");
    let over = import(&scene.stranger, scene.town.communities[1]).await.ok();
    assert_eq!((&over["written"], &over["refused"]), (&json!(false), &json!(1)), "{over}");
    let shown = scene.see(&scene.manager, &format!("/facilities/{}", scene.facility)).await.ok();
    assert_eq!(shown["profile"]["name"], "甲食堂");
    assert!(Role::StreetManager.may(Permission::FacilityImport));
});
