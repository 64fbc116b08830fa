//! Processes that die at any moment, databases that come back from a backup, and what disagrees
//! with the tables: nothing acknowledged is lost, and what differs is found and repaired.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use linli::app::demo;
use linli_domain::{
    Event,
    facility::{Facility, FacilityStatus},
    ids::StockId,
    time::local_date,
};
use linli_store::{
    Db, Env,
    audit::Actor,
    inventory::{divergence_of_claims, stock},
    lineage, outbox,
    storage::facilities::{self, Stored, write},
};
use reqwest::{Client, RequestBuilder};
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};

use crate::{
    database::Fresh,
    process::{ServerProcess, linli},
    rig::{Rig, Server, both, send},
};

pub(crate) fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// A small town, and the slots of tomorrow in one of its rooms that are free.
async fn town(rig: &Rig) -> (String, Vec<String>) {
    // Another process has the clock on the wall.
    rig.clock.set(Env::system().now());
    let seeded = demo::seed(&rig.app, 40, 1, &|_, _, _| {}).await.unwrap();
    let room = seeded.bookable.unwrap().room.to_string();
    let day = local_date(rig.app.env.now()) + chrono::Days::new(1);
    let slots = send(rig.get(&format!("/v1/rooms/{room}/slots?from={day}&to={day}"))).await.ok();
    let free = slots["items"].as_array().unwrap().iter().filter(|slot| slot["bookable"] == true);
    let free: Vec<_> = free.map(|slot| slot["id"].as_str().unwrap().to_owned()).collect();
    assert!(free.len() >= 3, "{slots}");
    (room, free)
}

pub(crate) fn book(base: &str, token: &str, key: &str, body: &Value) -> RequestBuilder {
    let request = client().post(format!("{base}/v1/bookings")).timeout(Duration::from_secs(20));
    request.bearer_auth(token).header("Idempotency-Key", key).json(body)
}

fn wish(room: &str, slot: &str) -> Value {
    json!({ "room_id": room, "slot_ids": [slot], "party_size": 1 })
}

both!(what_a_killed_server_acknowledged_is_there_afterwards, async |rig: &Rig| {
    let (room, slots) = town(rig).await;
    let mut server = ServerProcess::start(rig.database_url(), &[]);
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let (mut asked, mut tasks) = (Vec::new(), tokio::task::JoinSet::new());
    for (n, slot) in slots.iter().enumerate() {
        let (token, body) = (rig.resident_token().await, wish(&room, slot));
        asked.push((token.clone(), body.clone()));
        let (base, acknowledged) = (server.base.clone(), Arc::clone(&acknowledged));
        tasks.spawn(async move {
            let Ok(response) = book(&base, &token, &format!("key-{n}"), &body).send().await else { return };
            let status = response.status().as_u16();
            // An answer that broke off on the way was not heard.
            if let Ok(answer) = response.json::<Value>().await {
                assert_eq!(status, 201, "{answer}");
                acknowledged.lock().unwrap().push((n, answer["id"].clone()));
            }
        });
    }
    while acknowledged.lock().unwrap().is_empty() && !tasks.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.kill();
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(!acknowledged.is_empty());

    let server = ServerProcess::start(rig.database_url(), &[]);
    for (n, (token, body)) in asked.iter().enumerate() {
        let again = send(book(&server.base, token, &format!("key-{n}"), body)).await;
        assert_eq!(again.status, 201, "{}", again.text);
        if let Some((_, id)) = acknowledged.iter().find(|(heard, _)| *heard == n) {
            assert_eq!((&again.json["id"], again.header("idempotent-replayed")), (id, "true"));
        }
    }
    assert_eq!(divergence_of_claims(rig.app.db.read()).await.unwrap(), []);
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_request_with_the_key_of_one_at_work_is_told_so() {
    let rig = Rig::postgres().await;
    let (room, slots) = town(&rig).await;
    let slow =
        ServerProcess::start(rig.database_url(), &[("LINLI_FAILPOINTS", "claim.before_commit=sleep(4000)")]);
    let (token, body) = (rig.resident_token().await, wish(&room, &slots[0]));
    let first = tokio::spawn(send(book(&slow.base, &token, "same", &body)));
    tokio::time::sleep(Duration::from_millis(700)).await;
    let second = send(book(&slow.base, &token, "same", &body)).await;
    second.is_problem(409, "idempotency_in_progress");
    assert!(!second.header("retry-after").is_empty());
    assert_eq!(first.await.unwrap().status, 201);
    let third = send(book(&slow.base, &token, "same", &body)).await;
    assert_eq!((third.status, third.header("idempotent-replayed")), (201, "true"));
    drop(slow);
    rig.finish().await;
}

#[test]
fn a_server_without_its_redis_does_not_start_unless_that_is_meant() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fresh = runtime.block_on(Fresh::sqlite());
    let data = tempfile::tempdir().unwrap();
    let away = ("LINLI_REDIS_URL", "redis://127.0.0.1:1/");
    let output = linli(&["serve"], &fresh.url, data.path())
        .envs([away, ("LINLI_LISTEN", "127.0.0.1:0"), ("LINLI_INTERNAL_LISTEN", "127.0.0.1:0")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("Redis does not answer"), "{said}");
    drop(ServerProcess::start(&fresh.url, &[away, ("LINLI_GATE", "open")]));
}

/// `linli reconcile`: the divergences it tells, and whether it was content.
fn reconcile(database_url: &str, arguments: &[&str]) -> (Vec<Value>, bool) {
    let data = tempfile::tempdir().unwrap();
    let output =
        linli(&[&["reconcile", "--json"], arguments].concat(), database_url, data.path()).output().unwrap();
    let found = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (found, output.status.success())
}

fn of<'a>(found: &'a [Value], part: &str) -> Vec<&'a Value> {
    found.iter().filter(|divergence| divergence["part"] == part).collect()
}

async fn execute(db: &Db, sql: &str) {
    db.any_write().execute_unprepared(sql).await.unwrap();
}

/// Books a slot, so that the gate knows its day, and ends the servers; answers the booked stock.
async fn booked(rig: Rig) -> (Fresh, StockId) {
    let (room, slots) = town(&rig).await;
    let token = rig.resident_token().await;
    assert_eq!(send(book(&rig.base, &token, "one", &wish(&room, &slots[0]))).await.status, 201);
    rig.drained().await;
    let rows = stock::Entity::find().all(rig.app.db.read()).await.unwrap();
    let stock = rows.iter().find(|row| row.used > 0).unwrap().id.into();
    (rig.halt().await, stock)
}

async fn found_and_repaired(rig: Rig) {
    let (fresh, stock) = booked(rig).await;
    assert_eq!(reconcile(&fresh.url, &["--check"]), (vec![], true));
    let db = fresh.connect().await;

    // Somebody's hand in the tables: a booked unit is free, and nobody was told.
    execute(&db, "UPDATE stock SET used = used - 1, version = version + 1 WHERE used > 0").await;
    let (found, content) = reconcile(&fresh.url, &["--check"]);
    let (stocks, gate) = (of(&found, "stock"), of(&found, "gate"));
    assert!(!content && !stocks.is_empty() && gate.len() == 1, "{found:#?}");
    assert!(stocks.iter().any(|divergence| divergence["subject"] == stock.to_string()), "{found:#?}");
    assert!(found.iter().all(|divergence| divergence["repaired"] == false), "{found:#?}");
    assert!(!divergence_of_claims(db.read()).await.unwrap().is_empty(), "a check changes nothing");

    let (found, content) = reconcile(&fresh.url, &[]);
    assert!(content && found.iter().all(|divergence| divergence["repaired"] == true), "{found:#?}");
    assert_eq!(divergence_of_claims(db.read()).await.unwrap(), []);
    // The events of the repair wait for a worker, but they are young.
    assert_eq!(reconcile(&fresh.url, &["--check"]), (vec![], true));
    db.close().await.unwrap();
    fresh.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_disagrees_with_the_tables_is_found_and_repaired_on_sqlite() {
    found_and_repaired(Rig::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_disagrees_with_the_tables_is_found_and_repaired_on_postgres() {
    found_and_repaired(Rig::postgres().await).await;
}

async fn any_open(db: &Db) -> Stored {
    let all = facilities::any_after(db.read(), None, 1_000).await.unwrap();
    all.into_iter()
        .find(|s| s.status == FacilityStatus::Open && s.facility.data().location.is_some())
        .unwrap()
}

/// Renames a facility as staff do.
async fn rename(db: &Db, env: &Env, stored: &Stored, name: &str) {
    let mut data = stored.facility.clone().into_data();
    name.clone_into(&mut data.name);
    let facility = &Facility::from_stored(data);
    db.in_tx("test.rename", |tx| async move {
        let (action, status) = ("facility.update", FacilityStatus::Open);
        write::update(tx.conn(), env, Actor::System, stored, action, facility, status).await?;
        tx.commit(()).await
    })
    .await
    .unwrap();
}

/// Waits until the catalogue shows the facility by this name.
async fn shows(server: &Server, stored: &Stored, name: &str) {
    let path = format!("/v1/facilities/search?q={name}");
    for _ in 0..400 {
        let answer = send(server.get(&path)).await;
        let first = &answer.json["items"][0];
        if first["id"] == stored.id.to_string() && first["name"] == name {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{name} is not shown");
}

async fn feed(server: &Server, cursor: Option<&str>) -> crate::rig::Answer {
    let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    send(server.get(&format!("/v1/facilities/changes?limit=100{cursor}"))).await
}

/// A database as a logical restore into a fresh cluster leaves it: its transactions are yet to come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_restored_into_a_fresh_cluster_loses_no_event() {
    let rig = Rig::postgres().await;
    town(&rig).await;
    rig.drained().await;
    let before = feed(&rig, None).await.ok();
    let cursor = before["next_cursor"].as_str().unwrap().to_owned();
    let fresh = rig.halt().await;
    let (db, env) = (fresh.connect().await, Env::system());
    for table in ["outbox SET xid = xid", "outbox_cursor SET xid = xid", "facility SET revision = revision"] {
        execute(&db, &format!("UPDATE {table} + 4000000000")).await;
    }
    assert_eq!(lineage::look(db.read()).await.unwrap(), lineage::State::Another { ahead: true });
    let (found, content) = reconcile(&fresh.url, &["--check"]);
    assert!(!content && of(&found, "lineage").len() == 1, "{found:#?}");

    // The negative control: without a repair nobody would ever read this.
    let at = outbox::cursor::load(db.read(), "gate.sync").await.unwrap();
    let row = stock::Entity::find().one(db.read()).await.unwrap().unwrap();
    outbox::emit(db.any_write(), &env, &[Event::GateSync(row.id.into())]).await.unwrap();
    assert!(outbox::read_after(db.read(), at, 10).await.unwrap().is_empty());
    let stored = any_open(&db).await;
    db.close().await.unwrap();

    let rig = Rig::start(fresh, |_| {}).await;
    assert_eq!(lineage::look(rig.app.db.read()).await.unwrap(), lineage::State::Same);
    let at = outbox::cursor::load(rig.app.db.read(), "gate.sync").await.unwrap();
    assert!(at.xid < 1_000_000_000, "the cursor still lies in the future: {at:?}");
    rename(&rig.app.db, &rig.app.env, &stored, "翡翠湾恢复食堂").await;
    shows(&rig, &stored, "翡翠湾恢复食堂").await;
    rig.drained().await;
    feed(&rig, Some(&cursor)).await.is_problem(410, "cursor_expired");
    let again = feed(&rig, None).await.ok();
    assert_eq!(again["items"].as_array().unwrap().len(), before["items"].as_array().unwrap().len());
    let after = feed(&rig, again["next_cursor"].as_str()).await.ok();
    assert_eq!(after["items"], json!([]), "a copy that starts over ends at the end");
    rig.finish().await;
}

/// The README's way: a copy put in place of the file, `linli reconcile --after-restore`, a start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_file_shows_nothing_of_the_days_that_were_undone() {
    let folder = tempfile::tempdir().unwrap();
    let keep = |config: &mut linli::Config| folder.path().clone_into(&mut config.data_dir);
    let rig = Rig::start(Fresh::sqlite().await, keep).await;
    town(&rig).await;
    let env = Env::system();
    let backup = folder.path().join("backup.db");
    execute(&rig.app.db, &format!("VACUUM INTO '{}'", backup.display())).await;
    let stored = any_open(&rig.app.db).await;
    rename(&rig.app.db, &env, &stored, "翡翠湾作废食堂").await;
    shows(&rig, &stored, "翡翠湾作废食堂").await;
    let cursor = feed(&rig, None).await.ok()["next_cursor"].as_str().unwrap().to_owned();
    let fresh = rig.halt().await;

    let file = Path::new(fresh.url.strip_prefix("sqlite:").unwrap()).to_owned();
    for suffix in ["-wal", "-shm"] {
        // Closed in order, it may have left neither.
        let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
    }
    std::fs::copy(&backup, &file).unwrap();
    let (found, content) = reconcile(&fresh.url, &["--after-restore"]);
    assert!(content && of(&found, "lineage").len() == 1, "{found:#?}");
    // The same number of edits as in the days that were undone, so the same version.
    let db = fresh.connect().await;
    rename(&db, &env, &stored, "翡翠湾如今食堂").await;
    db.close().await.unwrap();

    let rig = Rig::start(fresh, keep).await;
    shows(&rig, &stored, "翡翠湾如今食堂").await;
    let undone = send(rig.get("/v1/facilities/search?q=翡翠湾作废食堂")).await.ok();
    let names = undone["items"].as_array().unwrap().iter().map(|hit| hit["name"].as_str().unwrap());
    assert!(names.clone().all(|name| name != "翡翠湾作废食堂"), "{undone}");
    feed(&rig, Some(&cursor)).await.is_problem(410, "cursor_expired");
    rig.finish().await;
}

both!(a_running_server_starts_over_when_the_database_is_another_one, async |rig: &Rig| {
    town(rig).await;
    let stored = any_open(&rig.app.db).await;
    rename(&rig.app.db, &rig.app.env, &stored, "翡翠湾临时食堂").await;
    shows(rig, &stored, "翡翠湾临时食堂").await;
    // The same version says something else, and no event tells.
    let profile = if rig.is_postgres() {
        "jsonb_set(profile::jsonb, '{name}', '\"翡翠湾另一食堂\"')"
    } else {
        "json_set(profile, '$.name', '翡翠湾另一食堂')"
    };
    execute(&rig.app.db, &format!("UPDATE facility SET profile = {profile} WHERE version = 2")).await;
    let (found, content) = reconcile(rig.database_url(), &["--after-restore"]);
    assert!(content, "{found:#?}");
    shows(rig, &stored, "翡翠湾另一食堂").await;
});
