//! Search through a real Meilisearch, with the embedded index behind it.

use std::{
    collections::BTreeSet,
    process::Stdio,
    time::{Duration, Instant},
};

use linli::{Config, app::discovery::meili};
use linli_domain::facility::FacilityStatus;
use linli_store::{
    Env,
    storage::{facilities, search_node},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    discovery::{any, at, city, edit, get, ids},
    private_meili::{KEY, PrivateMeili},
    process::linli,
    rig::{Rig, Server, both},
};

/// Edits while both nodes are built anew.
const EDITS: usize = 2_000;

/// Patience with a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

fn on(config: &mut Config, nodes: &[&PrivateMeili], timeout_ms: u64) {
    config.meili.url = nodes.iter().map(|node| node.url()).collect::<Vec<_>>().join(",");
    KEY.clone_into(&mut config.meili.key);
    config.meili.timeout_ms = timeout_ms;
}

/// Waits until `/readyz` says so of the part `search`.
async fn search_is(server: &Server, state: &str) {
    let began = Instant::now();
    loop {
        let (_, report) = server.app.health.report();
        if report["parts"]["search"] == state {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not {state}: {report}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Documents that the node's current index holds, and facilities that SQL lists.
async fn counts(rig: &Rig, server: &Server) -> (usize, usize) {
    let node = &server.app.meili.as_ref().unwrap().nodes[0];
    let row = search_node::load(server.app.db.read(), &server.app.env, &node.name).await.unwrap();
    let held = node.held(&row.index_uid, 0, 10_000).await.unwrap();
    let listed = any(rig).await.iter().filter(|stored| stored.status.listed()).count();
    (held.len(), listed)
}

/// Asks until the node answers: on a busy machine it may miss its time once or twice.
async fn whole_again(server: &Server, path: &str) -> Value {
    let began = Instant::now();
    loop {
        let answer = get(server, path).await.ok();
        if answer.get("degraded").is_none() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "still degraded");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn degraded_within_a_second(server: &Server, path: &str) -> Value {
    let began = Instant::now();
    let answer = get(server, path).await.ok();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(answer["degraded"], serde_json::json!(["search"]), "{answer}");
    answer
}

both!(both_engines_answer_alike_and_edits_follow, async |rig| {
    let given = std::env::var("MEILI_URL").ok();
    let private = if given.is_none() { PrivateMeili::spawn() } else { None };
    let Some(url) = given.or_else(|| private.as_ref().map(PrivateMeili::url)) else { return };
    let middle = city(rig).await;
    let configure = |config: &mut Config| {
        on(config, &[], 5_000);
        config.meili.url = url;
        if let Ok(key) = std::env::var("MEILI_MASTER_KEY") {
            config.meili.key = key;
        }
        // Others may keep theirs there.
        config.meili.index = format!("test-{}", std::process::id());
    };
    let server = rig.another(configure).await;
    search_is(&server, "ready").await;
    let (held, listed) = counts(rig, &server).await;
    assert_eq!(held, listed);

    // Every name finds its facility first on both, and whole lists agree.
    for stored in any(rig).await.iter().filter(|stored| stored.status.listed()).take(25) {
        let path = format!("/v1/facilities/search?q={}&{}&limit=1", stored.facility.data().name, at(middle));
        let (here, there) = (get(rig, &path).await.ok(), get(&server, &path).await.ok());
        assert_eq!(there.get("degraded"), None);
        assert_eq!(ids(&here), ids(&there), "{path}");
    }
    for question in [
        "食堂",
        "lnst",
        "無障礙",
        "养老",
        "社区 健身",
        "送餐上门",
        "我家附近哪里有可以给老人送餐上门的社区食堂",
        "shequ",
    ] {
        for rest in ["", "&radius_m=2000", "&facets=true", "&sort=distance", "&fee_kind=free&mode=on_site"] {
            let path = format!("/v1/facilities/search?q={question}&{}&limit=100{rest}", at(middle));
            let (here, there) = (get(rig, &path).await.ok(), get(&server, &path).await.ok());
            assert_eq!(there.get("degraded"), None);
            assert_eq!((ids(&here), &here["facets"]), (ids(&there), &there["facets"]), "{path}");
        }
    }
    for hostile in
        ["食堂%22%20OR%20version%20%3E%200", "食堂%5C%22", "a%27b食堂😀", "的", "_geoRadius(1,2,3)"]
    {
        let answer = get(&server, &format!("/v1/facilities/search?q={hostile}")).await.ok();
        assert_eq!(answer.get("degraded"), None, "{hostile}");
    }

    let stored = any(rig).await.into_iter().find(|stored| stored.status == FacilityStatus::Open).unwrap();
    let mut taken = Vec::new();
    for name in ["翡翠湾食堂", "琥珀湾食堂", "珊瑚湾食堂", "玛瑙湾食堂", "珍珠湾食堂"]
    {
        let stored = facilities::find_public(rig.app.db.read(), stored.id).await.unwrap().unwrap();
        let mut data = stored.facility.clone().into_data();
        name.clone_into(&mut data.name);
        edit(rig, &stored, linli_domain::facility::Facility::from_stored(data), FacilityStatus::Open).await;
        let began = Instant::now();
        loop {
            let answer = get(&server, &format!("/v1/facilities/search?q={name}")).await.ok();
            let first = ids(&answer).first() == Some(&stored.id.to_string());
            if first && answer["items"][0]["name"] == name && answer.get("degraded").is_none() {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{answer}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        taken.push(began.elapsed());
    }
    // One of them may meet a machine that is busy with something else.
    taken.sort_unstable();
    assert!(taken[taken.len() / 2] < Duration::from_secs(2), "{taken:?}");
    eprintln!("edits were found after {taken:?}");
    server.stop().await;
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_frozen_or_replaced_node_is_survived_and_taken_back() {
    let Some(mut node) = PrivateMeili::spawn() else { return };
    let rig = Rig::sqlite().await;
    let middle = city(&rig).await;
    let server = rig.another(|config| on(config, &[&node], 250)).await;
    search_is(&server, "ready").await;
    let path = format!("/v1/facilities/search?q=食堂&{}", at(middle));
    let whole = ids(&whole_again(&server, &path).await);

    node.freeze();
    for _ in 0..5 {
        assert_eq!(ids(&degraded_within_a_second(&server, &path).await), whole);
    }
    search_is(&server, "degraded: the embedded index answers").await;
    node.thaw();
    search_is(&server, "ready").await;
    whole_again(&server, &path).await;

    node.kill();
    for _ in 0..5 {
        assert_eq!(ids(&degraded_within_a_second(&server, &path).await), whole);
    }
    // An empty one takes its place: it is built from nothing.
    node.restart(true);
    search_is(&server, "ready").await;
    assert_eq!(ids(&whole_again(&server, &path).await), whole);
    let (held, listed) = counts(&rig, &server).await;
    assert_eq!(held, listed);
    server.stop().await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_during_a_rebuild_are_neither_lost_nor_doubled_and_no_question_fails() {
    let (Some(one), Some(two)) = (PrivateMeili::spawn(), PrivateMeili::spawn()) else { return };
    let rig = Rig::sqlite().await;
    city(&rig).await;
    let server = rig.another(|config| on(config, &[&one, &two], 5_000)).await;
    search_is(&server, "ready").await;
    for node in &server.app.meili.as_ref().unwrap().nodes {
        meili::want_rebuild(&server.app, &node.name).await.unwrap();
    }
    let (mut edits, mut cancelled) = (0, 0);
    while edits < EDITS {
        for stored in any(&rig).await.into_iter().filter(|stored| stored.status.listed()) {
            let mut data = stored.facility.clone().into_data();
            let plain = data.name.trim_end_matches(|c: char| c.is_ascii_digit());
            data.name = format!("{plain}{edits}");
            let last_round = edits + 80 > EDITS;
            let closes = last_round && edits.is_multiple_of(5);
            let status = if closes { FacilityStatus::Closed } else { stored.status };
            edit(&rig, &stored, linli_domain::facility::Facility::from_stored(data), status).await;
            edits += 1;
            if edits % 20 == 0 {
                let answer = get(&server, "/v1/facilities/search?q=社区").await;
                assert_eq!(answer.status, 200, "{}", answer.text);
                // Somebody cancels whatever is queued or under way there.
                cancelled += one.cancel_tasks().await;
            }
        }
    }
    eprintln!("{edits} edits; {cancelled} tasks were cancelled");
    let began = Instant::now();
    for node in &server.app.meili.as_ref().unwrap().nodes {
        loop {
            let row = search_node::load(rig.app.db.read(), &rig.app.env, &node.name).await.unwrap();
            let held = node.held(&row.index_uid, 0, 10_000).await.unwrap();
            let mut held: Vec<_> = held.into_iter().map(|held| (held.id, held.version)).collect();
            let listed = any(&rig).await.into_iter().filter(|stored| stored.status.listed());
            let mut listed: Vec<_> = listed.map(|stored| (stored.id, stored.version)).collect();
            held.sort_unstable();
            listed.sort_unstable();
            if !row.rebuild_wanted && held == listed {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{} held, {} listed", held.len(), listed.len());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    server.stop().await;
    rig.finish().await;
}

/// The names of the indexes of a node.
async fn indexes(node: &PrivateMeili) -> BTreeSet<String> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let list = client.get(format!("{}/indexes?limit=1000", node.url())).bearer_auth(KEY).send();
    let list: Value = list.await.unwrap().json().await.unwrap();
    let uids = list["results"].as_array().unwrap().iter().map(|index| index["uid"].as_str().unwrap());
    uids.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_builders_left_that_died_is_removed_by_the_next_and_a_neighbours_is_not() {
    let Some(node) = PrivateMeili::spawn() else { return };
    let rig = Rig::sqlite().await;
    // The other process has the clock on the wall.
    rig.clock.set(Env::system().now());
    city(&rig).await;
    let data = tempfile::tempdir().unwrap();
    let mut builder = linli(&["worker"], rig.database_url(), data.path())
        .env("LINLI_INTERNAL_LISTEN", "127.0.0.1:0")
        .env("LINLI_MEILI_URL", node.url())
        .env("LINLI_MEILI_KEY", KEY)
        .env("LINLI_FAILPOINTS", "search.fill=abort")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let died = tokio::task::spawn_blocking(move || builder.wait().unwrap());
    assert!(!tokio::time::timeout(PATIENCE, died).await.unwrap().unwrap().success());
    assert_eq!(indexes(&node).await.len(), 1, "half an index is left");

    // More than a list shows that is not asked for more, and what a neighbour keeps on the same node.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let prefix = format!("{}_", rig.app.config.meili.index);
    let neighbours = format!("{prefix}north_{}", Uuid::from_u128(1).simple());
    let left = (2..30).map(|n| format!("{prefix}{}", Uuid::from_u128(n).simple()));
    for uid in left.chain([neighbours.clone()]) {
        let body = serde_json::json!({ "uid": uid, "primaryKey": "id" });
        let made = client.post(format!("{}/indexes", node.url())).bearer_auth(KEY).json(&body).send();
        assert_eq!(made.await.unwrap().status(), 202);
    }
    let began = Instant::now();
    while indexes(&node).await.len() < 30 {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // The turn of who died is over after half a minute.
    rig.clock.set(Env::system().now() + chrono::Duration::seconds(31));
    let server = rig.another(|config| on(config, &[&node], 5_000)).await;
    search_is(&server, "ready").await;
    let name = &server.app.meili.as_ref().unwrap().nodes[0].name;
    let row = search_node::load(rig.app.db.read(), &rig.app.env, name).await.unwrap();
    assert_eq!(indexes(&node).await, BTreeSet::from([row.index_uid, neighbours]));
    let (held, listed) = counts(&rig, &server).await;
    assert_eq!(held, listed);
    server.stop().await;
    rig.finish().await;
}
