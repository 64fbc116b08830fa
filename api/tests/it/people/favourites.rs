//! Favourites: a list for a hand.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Town, town};
use crate::rig::{Answer, Rig, both, send};

async fn facility(rig: &Rig, town: &Town, name: &str, status: &str) -> String {
    let profile = json!({ "name": name, "categories": ["culture"], "address": "采荷路1号" });
    let body = json!({ "organisation_id": town.communities[0], "status": status, "profile": profile });
    let create = rig
        .post("/staff/v1/facilities", &body)
        .header("Idempotency-Key", rig.app.env.id::<uuid::Uuid>().to_string());
    send(create.bearer_auth(&town.admin)).await.ok()["id"].as_str().unwrap().to_owned()
}

async fn change(rig: &Rig, method: Method, facility: &str, token: &str) -> Answer {
    send(rig.request(method, &format!("/v1/me/favourites/{facility}")).bearer_auth(token)).await
}

async fn kept(rig: &Rig, token: &str) -> Vec<String> {
    let list = send(rig.get("/v1/me/favourites").bearer_auth(token)).await.ok();
    let id = |item: &Value| item["facility_id"].as_str().unwrap().to_owned();
    list["items"].as_array().unwrap().iter().map(id).collect()
}

both!(favourites_are_kept_once_the_latest_first_and_only_for_oneself, async |rig| {
    let town = town(rig).await;
    let first = facility(rig, &town, "采荷会堂", "open").await;
    let second = facility(rig, &town, "采荷书房", "open").await;
    let hidden = facility(rig, &town, "还没开门", "planned").await;
    let (me, other) = (rig.resident_token().await, rig.resident_token().await);
    assert_eq!(change(rig, Method::PUT, &first, &me).await.status, 204);
    rig.clock.advance(chrono::Duration::minutes(1));
    for _ in 0..2 {
        assert_eq!(change(rig, Method::PUT, &second, &me).await.status, 204);
    }
    rig.clock.advance(chrono::Duration::minutes(1));
    assert_eq!(change(rig, Method::PUT, &first, &me).await.status, 204);
    assert_eq!(kept(rig, &me).await, [second.as_str(), &first], "kept again, it stays where it was");
    assert!(kept(rig, &other).await.is_empty());
    change(rig, Method::PUT, &hidden, &me).await.is_problem(404, "not_found");
    change(rig, Method::PUT, "01a20000-0000-7000-8000-000000000000", &me).await.is_problem(404, "not_found");
    send(rig.get("/v1/me/favourites")).await.is_problem(401, "unauthenticated");

    assert_eq!(change(rig, Method::DELETE, &first, &other).await.status, 204);
    assert_eq!(kept(rig, &me).await.len(), 2, "what another forgets is theirs");
    for _ in 0..2 {
        assert_eq!(change(rig, Method::DELETE, &first, &me).await.status, 204);
    }
    assert_eq!(kept(rig, &me).await, [second.as_str()]);
});

both!(a_full_list_takes_no_more_and_still_knows_what_it_has, async |rig| {
    let seeded = linli::app::demo::seed(&rig.app, 230, 1, &|_, _, _| {}).await.unwrap();
    let me = rig.resident_token().await;
    let mut listed: Vec<_> = crate::discovery::any(rig).await;
    listed.retain(|stored| stored.status.listed());
    let ids: Vec<String> = listed.iter().take(201).map(|stored| stored.id.to_string()).collect();
    assert_eq!(ids.len(), 201, "{:?}", seeded.city);
    // Several hands at once do not get past the limit.
    let puts = ids[..195].iter().map(|id| change(rig, Method::PUT, id, &me));
    let done = futures_util::future::join_all(puts).await;
    assert!(done.iter().all(|answer| answer.status == 204));
    let puts = ids[195..].iter().map(|id| change(rig, Method::PUT, id, &me));
    let done = futures_util::future::join_all(puts).await;
    assert_eq!(done.iter().filter(|answer| answer.status == 204).count(), 5);
    done.iter().find(|answer| answer.status != 204).unwrap().is_problem(409, "favourite_limit");
    assert_eq!(kept(rig, &me).await.len(), 200);
    let again = kept(rig, &me).await[0].clone();
    assert_eq!(change(rig, Method::PUT, &again, &me).await.status, 204, "it is there already");
});
