//! Files in and out over HTTP, within one's scope.

use linli::app::demo;
use linli_domain::access::Role;
use reqwest::Method;
use serde_json::Value;

use crate::rig::{Answer, Rig, both, send};

const HEADINGS: &str = "外部编号,名称,服务领域,地址,行政区划代码,经度,纬度";

fn rows(count: usize) -> String {
    let row = |n| format!("A-{n},食堂{n},社区助餐,采荷路{n}号,330102001051,120.17{n},30.25\n");
    (1..=count).map(row).collect()
}

async fn import(rig: &Rig, token: &str, query: &str, file: impl Into<reqwest::Body>) -> Answer {
    let path = format!("/staff/v1/facility-imports?source=roll&{query}");
    let request = rig.request(Method::POST, &path).header("content-type", "application/octet-stream");
    send(request.body(file).bearer_auth(token)).await
}

async fn export(rig: &Rig, token: &str, query: &str) -> Answer {
    send(rig.get(&format!("/staff/v1/facility-exports?{query}")).bearer_auth(token)).await
}

/// Created, updated, unchanged, refused; and whether anything was written.
fn tally(report: &Value) -> ([i64; 4], bool) {
    let count = |name: &str| report[name].as_i64().unwrap();
    let counts = [count("created"), count("updated"), count("unchanged"), count("refused")];
    (counts, report["written"].as_bool().unwrap())
}

const CSV: &str = "format=csv&datum=gcj02&area=3301";

both!(good_rows_come_in_when_told_so_and_a_wrong_order_is_named, async |rig| {
    demo::seed(&rig.app, 0, 1, &|_, _, _| {}).await.unwrap();
    let admin = &rig.staff_token(Role::CityAdmin, None).await;
    let bad = "X-2,食堂,美食,甲路,330102001051,120.17,30.25\n";
    let file = format!("{HEADINGS}\n{}{bad}", rows(2));
    let lenient = import(rig, admin, &format!("{CSV}&skip_invalid=true"), file).await.ok();
    assert_eq!(tally(&lenient), ([2, 0, 0, 1], true));
    assert!(!lenient.to_string().contains("美食"), "what stood in the cell is not repeated");
    for (query, field) in [
        ("format=csv&area=33x", "area"),
        (
            "format=csv&datum=gcj02&area=3301&organisation_id=01a20000-0000-7000-8000-000000000000",
            "organisation_id",
        ),
    ] {
        let refused = import(rig, admin, query, format!("{HEADINGS}\n{}", rows(1))).await;
        refused.is_problem(422, "invalid_input");
        assert_eq!(refused.json["errors"][0]["field"], field, "{query}");
    }
});

both!(nobody_brings_in_or_takes_out_what_lies_outside_their_scope, async |rig| {
    let seeded = demo::seed(&rig.app, 40, 1, &|_, _, _| {}).await.unwrap();
    let admin = &rig.staff_token(Role::CityAdmin, None).await;
    let district = send(rig.get("/staff/v1/organisations?kind=city").bearer_auth(admin)).await.ok();
    let body =
        serde_json::json!({ "parent_id": district["items"][0]["id"], "kind": "district", "name": "空区" });
    let empty = send(rig.post("/staff/v1/organisations", &body).bearer_auth(admin)).await.ok();
    let elsewhere = empty["id"].as_str().unwrap().parse().unwrap();
    let manager = &rig.staff_token(Role::DistrictManager, Some(elsewhere)).await;
    let file = format!("{HEADINGS}\n{}", rows(2));
    let report = import(rig, manager, CSV, file.clone()).await.ok();
    assert_eq!(tally(&report), ([0, 0, 0, 2], false), "{report}");
    let city = format!("{CSV}&organisation_id={}", seeded.city);
    import(rig, manager, &city, file.clone()).await.is_problem(422, "invalid_input");
    for format in ["csv", "geojson"] {
        let all = export(rig, admin, &format!("format={format}")).await.text;
        let own = export(rig, manager, &format!("format={format}")).await;
        assert!(own.status == 200 && own.text.len() < 1_000 && all.len() > 10_000, "{}", own.text);
    }
    let auditor = &rig.staff_token(Role::Auditor, None).await;
    import(rig, auditor, CSV, file.clone()).await.is_problem(403, "forbidden");
    export(rig, auditor, "format=csv").await.is_problem(403, "forbidden");
    let nobody = rig.request(Method::POST, "/staff/v1/facility-imports?source=roll&format=csv").body(file);
    send(nobody).await.is_problem(401, "unauthenticated");

    let told = send(rig.get("/staff/v1/audit?action=facility.export").bearer_auth(auditor)).await.ok();
    let paths: Vec<_> =
        told["items"].as_array().unwrap().iter().map(|item| item["org_path"].clone()).collect();
    assert_eq!(paths.len(), 4, "each export is told where it belongs: {told}");
    assert_eq!(
        paths.iter().filter(|path| path.as_str().unwrap().contains(&elsewhere.to_string())).count(),
        2
    );
});
