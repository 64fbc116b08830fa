//! People who do the same thing at the same moment: on PostgreSQL their transactions truly overlap.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;
use linli_domain::access::Role;
use linli_store::storage::staff::tree;
use reqwest::Method;
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, both, send};

/// Sends all of them at once; answers how many got which status.
async fn at_once(requests: Vec<reqwest::RequestBuilder>) -> (Vec<Answer>, HashMap<u16, usize>) {
    let answers = join_all(requests.into_iter().map(|request| tokio::spawn(send(request)))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let mut counts = HashMap::new();
    for answer in &answers {
        *counts.entry(answer.status).or_default() += 1;
    }
    (answers, counts)
}

/// The consents of a resident that are not taken back.
async fn live_consents(rig: &Rig, token: &str) -> Vec<Value> {
    let all = send(rig.get("/v1/me/consents").bearer_auth(token)).await.ok();
    let items = all["items"].as_array().unwrap().clone();
    items.into_iter().filter(|consent| consent.get("revoked_at").is_none()).collect()
}

both!(consents_given_at_once_are_one_consent, async |rig| {
    let token = rig.resident_token().await;
    let body = json!({ "kind": "privacy", "text_version": "1" });
    let give = || rig.post("/v1/me/consents", &body).bearer_auth(&token);
    let (_, counts) = at_once((0..20).map(|_| give()).collect()).await;
    assert_eq!(counts, HashMap::from([(201, 20)]));
    assert_eq!(live_consents(rig, &token).await.len(), 1);
});

both!(a_link_that_ends_while_it_is_changed_leaves_no_consent, async |rig| {
    let principal = rig.resident_token().await;
    for _ in 0..10 {
        let agent = rig.resident_token().await;
        let invite = rig.post("/v1/me/family", &json!({ "scopes": ["see"] })).bearer_auth(&principal);
        let invitation = send(invite).await.ok();
        let code = json!({ "code": invitation["code"] });
        send(rig.post("/v1/me/family/accept", &code).bearer_auth(agent)).await.ok();
        let path = format!("/v1/me/family/{}", invitation["link"]["id"].as_str().unwrap());
        let change = |scopes: Value| {
            let body = json!({ "scopes": scopes });
            rig.request(Method::PUT, &path).json(&body).bearer_auth(&principal)
        };
        let end = rig.request(Method::DELETE, &path).bearer_auth(&principal);
        let (_, counts) = at_once(vec![change(json!(["see", "book"])), end, change(json!(["order"]))]).await;
        assert_eq!(counts.get(&204), Some(&1), "{counts:?}");
        assert!(counts.keys().all(|status| [200, 204, 404].contains(status)), "{counts:?}");
        assert_eq!(live_consents(rig, &principal).await, [] as [Value; 0]);
    }
});

both!(a_limit_holds_for_those_who_ask_at_once, async |rig| {
    let token = rig.resident_token().await;
    let invite = || rig.post("/v1/me/family", &json!({ "scopes": ["see"] })).bearer_auth(&token);
    let (_, counts) = at_once((0..60).map(|_| invite()).collect()).await;
    assert_eq!(counts, HashMap::from([(201, 20), (409, 40)]));
});

both!(of_those_who_replace_the_same_version_of_a_year_one_does, async |rig| {
    let token = rig.staff_token(Role::CityAdmin, None).await;
    let load = |n: usize| {
        let body = json!({
            "source": format!("第{n}号"),
            "off": [{ "name": "元旦", "from": "2028-01-01", "to": "2028-01-03" }],
            "work": [],
        });
        let put = rig.request(Method::PUT, "/staff/v1/calendar/2028").json(&body);
        put.header("if-match", "\"0\"").bearer_auth(&token)
    };
    let (answers, counts) = at_once((0..10).map(load).collect()).await;
    assert_eq!(counts, HashMap::from([(200, 1), (412, 9)]));
    let written = answers.iter().find(|answer| answer.status == 200).unwrap();
    let read = send(rig.get("/staff/v1/calendar/2028").bearer_auth(&token)).await.ok();
    assert_eq!(read["source"], written.json["source"]);
});

// A move takes a while; what others write meanwhile must not keep the old place.
both!(what_is_written_while_the_tree_moves_stands_in_the_new_place, async |rig| {
    let token = rig.staff_token(Role::Sysadmin, None).await;
    let city =
        send(rig.get("/staff/v1/organisations").bearer_auth(&token)).await.ok()["items"][0]["id"].clone();
    let make = async |parent: &Value, kind: &str| {
        let body = json!({ "parent_id": parent, "kind": kind, "name": kind });
        send(rig.post("/staff/v1/organisations", &body).bearer_auth(&token)).await.ok()
    };
    let (east, west) = (make(&city, "district").await, make(&city, "district").await);
    let street = make(&east["id"], "street").await;
    let community = make(&street["id"], "community").await;
    let (old, new) = (street["path"].as_str().unwrap(), format!("{}moved/", west["path"].as_str().unwrap()));
    let new = &new;

    let moving = rig.app.db.in_tx("test.move", |tx| async move {
        tree::lock(tx.conn()).await?;
        tree::rewrite_paths(tx.conn(), old, new).await?;
        tokio::time::sleep(Duration::from_millis(600)).await;
        tx.commit(()).await
    });
    let writing = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let id = community["id"].as_str().unwrap();
        let rename = rig.request(Method::PATCH, &format!("/staff/v1/organisations/{id}"));
        let rename = rename.json(&json!({ "name": "新名" })).header("if-match", "\"1\"").bearer_auth(&token);
        let account = json!({ "username": "meanwhile", "name": "张三", "organisation_id": id });
        let account = rig.post("/staff/v1/accounts", &account).bearer_auth(&token);
        let operator = json!({ "parent_id": id, "kind": "operator", "name": "公司" });
        let operator = rig.post("/staff/v1/organisations", &operator).bearer_auth(&token);
        at_once(vec![rename, account, operator]).await
    };
    let (moved, (answers, _)) = tokio::join!(moving, writing);
    moved.unwrap();
    // The name was read before the move and is at another version since.
    answers[0].is_problem(412, "precondition_failed");
    assert_eq!((answers[1].status, answers[2].status), (201, 201), "{answers:?}");
    for path in stored_paths(rig).await {
        assert!(!path.starts_with(old), "{path} is left under {old}");
    }
});

/// Every path of an organisation or of a staff account.
async fn stored_paths(rig: &Rig) -> Vec<String> {
    use linli_store::storage::staff::{account, organisation};
    use sea_orm::EntityTrait;
    let organisations = organisation::Entity::find().all(rig.app.db.read()).await.unwrap();
    let accounts = account::Entity::find().all(rig.app.db.read()).await.unwrap();
    organisations
        .into_iter()
        .map(|row| row.path)
        .chain(accounts.into_iter().map(|row| row.org_path))
        .collect()
}
