//! Files in and out: whole or not at all, told row by row, the same again.

use std::{io::Read, process::Stdio, sync::Arc, time::Duration};

use linli::{
    App,
    app::{
        demo,
        exchange::{self, Export, Format, Input, Order, Report, Selection},
        staff::bootstrap,
    },
};
use linli_domain::{
    access::{Role, Scope},
    division::Divisions,
    geo::Datum,
};
use linli_store::{
    audit::{self, Actor},
    storage::facilities::{change, facility},
};
use reqwest::Method;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::json;

use crate::{
    process::linli,
    rig::{Answer, Rig, both, send},
};

/// The organisations of one community of Hangzhou and nothing else.
async fn a_city(app: &App) {
    demo::seed(app, 0, 1, &|_, _, _| {}).await.unwrap();
}

fn order(format: Format) -> Order {
    let area = "3301".parse().unwrap();
    Order {
        format,
        source: "roll".to_owned(),
        datum: Some(Datum::Gcj02),
        bounds: Divisions::shipped().bounds(area).unwrap(),
        area: Some(area),
        organisation: None,
        dry_run: false,
        skip_invalid: false,
    }
}

fn input(bytes: impl Into<Vec<u8>>) -> Input {
    let bytes: Arc<[u8]> = bytes.into().into();
    Arc::new(move || Ok(Box::new(std::io::Cursor::new(Arc::clone(&bytes))) as Box<dyn Read + Send>))
}

async fn import(app: &App, order: &Order, bytes: impl Into<Vec<u8>>) -> Report {
    let scope = exchange::everything(app).await.unwrap();
    exchange::import(app, Actor::System, &scope, order, &input(bytes), &|_| {}).await.unwrap()
}

async fn export(app: &App, format: Format) -> Vec<u8> {
    let scope = exchange::everything(app).await.unwrap();
    let mut export = Export::new(app, scope, format, Selection::default());
    let mut bytes = Vec::new();
    while let Some(page) = export.next().await.unwrap() {
        bytes.extend(page);
    }
    bytes
}

async fn count(app: &App) -> u64 {
    facility::Entity::find().count(app.db.read()).await.unwrap()
}

/// Created, updated, unchanged, refused.
fn tally(report: &Report) -> (u64, u64, u64, u64) {
    (report.created, report.updated, report.unchanged, report.refused)
}

const HEADINGS: &str = "外部编号,名称,服务领域,地址,行政区划代码,经度,纬度,开放时间";

fn rows(count: usize) -> String {
    let row = |n: usize| {
        let hours = "工作日 08:30-17:00; 法定节假日 休";
        format!("A-{n},食堂{n},社区助餐,采荷路{n}号,330102001051,120.1{n:06},30.25,{hours}\n")
    };
    (0..count).map(row).collect()
}

fn file(count: usize) -> String {
    format!("{HEADINGS}\n{}", rows(count))
}

both!(a_file_is_told_written_and_then_left_alone, async |rig| {
    let app = &rig.app;
    a_city(app).await;
    let dry = Order { dry_run: true, ..order(Format::Csv) };
    let report = import(app, &dry, file(1200)).await;
    assert_eq!((report.written, tally(&report)), (false, (1200, 0, 0, 0)));
    assert_eq!(count(app).await, 0, "a dry run leaves nothing");
    assert_eq!(audit::Entity::find().count(app.db.read()).await.unwrap(), 0);

    let report = import(app, &order(Format::Csv), file(1200)).await;
    assert_eq!((report.written, tally(&report)), (true, (1200, 0, 0, 0)));
    let report = import(app, &order(Format::Csv), file(1200)).await;
    assert_eq!(tally(&report), (0, 0, 1200, 0), "the same file again changes nothing");
    assert_eq!(change::Entity::find().count(app.db.read()).await.unwrap(), 1200);

    // Another row, one that moved, and columns that are missing: what they would say stays.
    let moved = "外部编号,名称,服务领域,地址\nA-1,食堂1,社区助餐,采荷路99号\nB-1,新食堂,养老,甲路1号\n";
    let report = import(app, &order(Format::Csv), moved).await;
    assert_eq!(tally(&report), (1, 1, 0, 0));
    let row = facility::Entity::find().filter(facility::Column::ExternalId.eq("A-1"));
    let row = row.one(app.db.read()).await.unwrap().unwrap();
    assert_eq!((row.version, row.profile.0.address.as_str()), (2, "采荷路99号"));
    assert!(row.lat.is_some() && !row.profile.0.hours.hours().rules.is_empty());
});

both!(one_refused_row_refuses_the_file_unless_told_otherwise, async |rig| {
    let app = &rig.app;
    a_city(app).await;
    let bad = "X-1,食堂,社区助餐,甲路,330102001051,30.25,120.17,\n\
               A-0,食堂,社区助餐,甲路,330102001051,120.17,30.25,\n\
               X-2,堂,美食,甲路,500103001001,120.17,30.25,周末 9点\n\
               X-3,食堂,社区助餐,甲路,330102001051,120.17,36.81,\n";
    let file = format!("{}{bad}", file(3));
    let report = import(app, &order(Format::Csv), file.clone()).await;
    assert_eq!((report.written, report.rows, report.refused), (false, 7, 4));
    let told: Vec<_> = report.errors.iter().map(|e| (e.line, e.field.as_str(), e.code)).collect();
    let expected = [
        (5, "lng", "coordinate_swapped"),
        (6, "external_id", "repeated"),
        (7, "categories[0]", "not_understood"),
        (7, "division", "out_of_area"),
        (7, "hours[0]", "hours_syntax"),
        (7, "name", "length"),
        (8, "lng", "coordinate_out_of_area"),
    ];
    assert_eq!(told, expected);
    assert_eq!(count(app).await, 0);

    let lenient = Order { skip_invalid: true, ..order(Format::Csv) };
    let report = import(app, &lenient, file).await;
    assert_eq!((report.written, tally(&report)), (true, (3, 0, 0, 4)));
    assert_eq!(report.errors.len(), expected.len());
});

both!(a_new_city_owns_what_nobody_below_it_does, async |rig| {
    let app = &rig.app;
    let city = bootstrap::ensure_city(app, "杭州市").await.unwrap();
    let report = import(app, &order(Format::Csv), file(2)).await;
    assert_eq!((report.written, tally(&report)), (true, (2, 0, 0, 0)), "{:?}", report.errors);
    let owned = facility::Entity::find().filter(facility::Column::OrganisationId.eq(city.id));
    assert_eq!(owned.count(app.db.read()).await.unwrap(), 2);
});

both!(nothing_outside_the_scope_is_touched_or_told, async |rig| {
    let app = &rig.app;
    a_city(app).await;
    let whole = exchange::everything(app).await.unwrap();
    import(app, &order(Format::Csv), file(2)).await;
    let elsewhere = Scope::new([whole.paths()[0].child(app.env.id())]);
    let run = async |scope: &Scope, bytes: String| {
        exchange::import(app, Actor::System, scope, &order(Format::Csv), &input(bytes), &|_| {})
            .await
            .unwrap()
    };
    let report = run(&elsewhere, file(3)).await;
    assert_eq!((report.written, report.refused), (false, 3));
    assert!(report.errors.iter().all(|error| error.code == "no_organisation"));
    let mut export = Export::new(app, elsewhere, Format::Csv, Selection::default());
    export.next().await.unwrap();
    assert_eq!(export.count, 0);
});

/// Sends a file through the door that staff use.
async fn send_file(rig: &Rig, token: &str, query: &str, file: impl Into<reqwest::Body>) -> Answer {
    let path = format!("/staff/v1/facility-imports?source=roll&area=3301&{query}");
    let request = rig.request(Method::POST, &path).header("content-type", "application/octet-stream");
    send(request.bearer_auth(token).body(file)).await
}

both!(
    the_door_over_http_tells_a_file_and_reads_its_own_back,
    |config| config.http.max_upload_bytes = 100_000,
    async |rig| {
        let city = demo::seed(&rig.app, 0, 1, &|_, _, _| {}).await.unwrap().city;
        let token = &rig.staff_token(Role::CityAdmin, Some(city)).await;
        let tally = |answer: Answer| {
            let report = answer.ok();
            ["created", "updated", "unchanged", "refused"].map(|name| report[name].as_u64().unwrap())
        };
        let csv = "format=csv&datum=gcj02";
        assert_eq!(tally(send_file(rig, token, &format!("{csv}&dry_run=true"), file(3)).await), [3, 0, 0, 0]);
        assert_eq!(count(&rig.app).await, 0, "a dry run leaves nothing");
        assert_eq!(tally(send_file(rig, token, csv, file(3)).await), [3, 0, 0, 0]);
        assert_eq!(tally(send_file(rig, token, csv, file(3)).await), [0, 0, 3, 0]);

        let bad = format!("{}X-1,食堂,社区助餐,甲路,330102001051,30.25,120.17,\n", file(2));
        let refused = send_file(rig, token, csv, bad).await.ok();
        assert_eq!((&refused["written"], &refused["refused"]), (&json!(false), &json!(1)));
        let error = &refused["errors"][0];
        assert_eq!(
            (&error["line"], &error["field"], &error["code"]),
            (&json!(4), &json!("lng"), &json!("coordinate_swapped"))
        );
        assert!(error["zh"].as_str().unwrap().contains('经') && error["en"].is_string(), "{error}");

        for (format, kind) in [("csv", "text/csv; charset=utf-8"), ("geojson", "application/geo+json")] {
            let path = format!("/staff/v1/facility-exports?format={format}");
            let made = send(rig.get(&path).bearer_auth(token)).await;
            assert_eq!((made.status, made.header("content-type")), (200, kind));
            let back = send_file(rig, token, &format!("format={format}"), made.text).await;
            assert_eq!(tally(back), [0, 0, 3, 0], "{format}");
        }

        send_file(rig, token, "format=csv&datum=mars", file(1)).await.is_problem(422, "invalid_input");
        send_file(rig, token, csv, vec![0xFF, 0xFE, 0x00]).await.is_problem(422, "invalid_input");
        send_file(rig, token, "format=geojson", "{").await.is_problem(422, "invalid_input");
        send_file(rig, token, csv, file(2_000)).await.is_problem(413, "body_too_large");
        assert_eq!(count(&rig.app).await, 3);
    }
);

both!(an_export_is_read_back_as_the_same_facilities, async |rig| {
    demo::seed(&rig.app, 300, 1, &|_, _, _| {}).await.unwrap();
    for format in [Format::Csv, Format::Geojson] {
        let file = export(&rig.app, format).await;
        let order = Order { datum: None, ..order(format) };
        let report = import(&rig.app, &order, file.clone()).await;
        assert_eq!(tally(&report), (0, 0, 300, 0), "an export differs from nothing it came from");

        let other = Rig::sqlite().await;
        a_city(&other.app).await;
        let report = import(&other.app, &order, file.clone()).await;
        assert_eq!((tally(&report), report.errors), ((300, 0, 0, 0), vec![]));
        assert!(export(&other.app, format).await == file, "the bytes differ after the round trip");
        other.finish().await;
    }
});

both!(seeding_again_changes_nothing_and_more_is_added, async |rig| {
    let app = &rig.app;
    let first = demo::seed(app, 40, 1, &|_, _, _| {}).await.unwrap();
    let bytes = export(app, Format::Csv).await;
    let again = demo::seed(app, 40, 1, &|_, _, _| {}).await.unwrap();
    assert_eq!((again.city, export(app, Format::Csv).await == bytes), (first.city, true));
    demo::seed(app, 80, 1, &|_, _, _| {}).await.unwrap();
    assert_eq!(count(app).await, 80);
});

/// A process that dies with a file half written or all but committed leaves nothing of it, and the
/// same command afterwards is all the recovery there is.
async fn killed(rig: &Rig) {
    a_city(&rig.app).await;
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("facilities.csv");
    std::fs::write(&csv, file(1600)).unwrap();
    let arguments =
        ["import", csv.to_str().unwrap(), "--source", "roll", "--datum", "gcj02", "--area", "3301"];
    let run = |fault: &str| {
        let mut command = linli(&arguments, rig.database_url(), folder.path());
        command.env("LINLI_FAILPOINTS", fault).output().unwrap()
    };
    for fault in ["import.batch=abort", "import.before_commit=abort"] {
        let output = run(fault);
        assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(count(&rig.app).await, 0, "{fault} left half an import");
    }
    // SIGKILL from outside, at moments that nobody chose: each batch takes a while here.
    for patience_ms in [60, 300, 700, 1_100] {
        let mut command = linli(&arguments, rig.database_url(), folder.path());
        command.env("LINLI_FAILPOINTS", "import.batch=sleep(1000)");
        let mut import = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(patience_ms)).await;
        assert!(import.try_wait().unwrap().is_none(), "it ended by itself");
        import.kill().unwrap();
        import.wait().unwrap();
        assert_eq!(count(&rig.app).await, 0, "killed after {patience_ms} ms it left half an import");
    }
    let output = run("");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(count(&rig.app).await, 1600);
    let output = run("");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("0 created, 0 updated, 1600 unchanged, 0 refused"), "{said}");
}

both!(a_killed_import_leaves_nothing, async |rig| killed(rig).await);

/// A file of so many rows that is made while it is read, and never stands anywhere.
struct Endless {
    next: usize,
    count: usize,
    waiting: Vec<u8>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.waiting.is_empty() && self.next < self.count {
            let row = format!("A-{},食堂,社区助餐,采荷路1号,330102001051,120.17,30.25,\n", self.next);
            self.waiting = row.into_bytes();
            self.next += 1;
        }
        let taken = self.waiting.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&self.waiting[..taken]);
        self.waiting.drain(..taken);
        Ok(taken)
    }
}

/// Resident memory of this process, in KiB.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_any_length_takes_little_memory() {
    let rig = Rig::sqlite().await;
    a_city(&rig.app).await;
    let endless: Input = Arc::new(|| {
        let waiting = format!("{HEADINGS}\nX,堂,社区助餐,甲路,,,,\n").into_bytes();
        Ok(Box::new(Endless { next: 0, count: 100_000, waiting }) as Box<dyn Read + Send>)
    });
    let before = resident_kib();
    let scope = exchange::everything(&rig.app).await.unwrap();
    let order = order(Format::Csv);
    let report = exchange::import(&rig.app, Actor::System, &scope, &order, &endless, &|_| {}).await.unwrap();
    assert_eq!((report.rows, report.refused, report.written), (100_001, 1, false));
    if let (Some(before), Some(after)) = (before, resident_kib()) {
        assert!(after < before + 80 * 1024, "{before} KiB before, {after} KiB after");
    }
    rig.finish().await;
}
