use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use poem::{
    EndpointExt, Route, Server, get, handler,
    http::StatusCode,
    listener::{Acceptor, Listener, TcpListener},
    post,
    web::{Data, Json, Query},
};
use serde_json::{Value, json};

use super::*;
use crate::config::WalkingProvider;

type Asked = std::collections::HashMap<String, String>;

#[handler]
fn amap_answers(Query(asked): Query<Asked>) -> Json<Value> {
    assert_eq!((asked["type"].as_str(), asked["key"].as_str()), ("3", "k"));
    assert_eq!(asked["destination"], "120.174648,30.243641", "GCJ-02, longitude first");
    let origins = asked["origins"].split('|').count();
    assert_eq!(origins, 2);
    Json(json!({ "status": "1", "results": [
        { "origin_id": "2", "dest_id": "1", "distance": "800", "duration": "600" },
        { "origin_id": "1", "dest_id": "1", "distance": "400", "duration": "300" },
    ] }))
}

#[handler]
fn tencent_answers(Query(asked): Query<Asked>) -> Json<Value> {
    assert_eq!((asked["mode"].as_str(), asked["from"].as_str()), ("walking", "30.243641,120.174648"));
    let elements: Vec<_> =
        asked["to"].split(';').map(|_| json!({ "distance": 400, "duration": 1 })).collect();
    assert!(elements.len() <= 25);
    Json(json!({ "status": 0, "result": { "rows": [{ "elements": elements }] } }))
}

#[handler]
fn valhalla_answers(Json(asked): Json<Value>) -> Json<Value> {
    assert_eq!(asked["costing"], "pedestrian");
    assert_eq!(asked["sources"][0], json!({ "lat": 30.246, "lon": 120.17 }), "WGS-84");
    Json(
        json!({ "sources_to_targets": [[{ "distance": 0.4, "time": 1 }, { "distance": null, "time": null }]] }),
    )
}

#[handler]
fn broken(asked: Data<&Arc<AtomicU32>>) -> StatusCode {
    asked.fetch_add(1, Ordering::SeqCst);
    StatusCode::SERVICE_UNAVAILABLE
}

#[handler]
async fn slow() -> StatusCode {
    tokio::time::sleep(Duration::from_secs(5)).await;
    StatusCode::OK
}

async fn serve(routes: Route) -> String {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
    tokio::spawn(Server::new_with_acceptor(acceptor).run(routes));
    format!("http://{address}")
}

fn walking(provider: WalkingProvider, url: String) -> Walking {
    Walking::configured(&config::Walking { provider, url, key: "k".to_owned(), timeout_ms: 500 }).unwrap()
}

fn here() -> Point {
    Point::wgs84(30.2460, 120.1700).unwrap()
}

fn there() -> Vec<Option<Point>> {
    vec![Point::wgs84(30.249, 120.17), None, Point::wgs84(30.252, 120.17)]
}

async fn minutes(walking: &Walking, profile: WalkProfile) -> Option<Vec<Option<f64>>> {
    let walked = walking.walk(here(), &there(), profile).await?;
    Some(walked.walks.into_iter().map(|walk| walk.map(|walk| walk.minutes)).collect())
}

#[tokio::test]
async fn each_router_is_asked_in_its_own_words() {
    let url = serve(Route::new().at("/v3/distance", get(amap_answers))).await;
    let amap = walking(WalkingProvider::Amap, url);
    assert_eq!(minutes(&amap, WalkProfile::Adult).await, Some(vec![Some(5.0), None, Some(10.0)]));
    assert_eq!(minutes(&amap, WalkProfile::Wheelchair).await, Some(vec![Some(10.0), None, Some(20.0)]));

    let url = serve(Route::new().at("/ws/distance/v1/matrix", get(tencent_answers))).await;
    let tencent = walking(WalkingProvider::Tencent, url);
    assert_eq!(minutes(&tencent, WalkProfile::Adult).await, Some(vec![Some(5.0), None, Some(5.0)]));
    let many = vec![Some(here()); 60];
    assert_eq!(tencent.walk(here(), &many, WalkProfile::Adult).await.unwrap().walks.len(), 60);

    let url = serve(Route::new().at("/sources_to_targets", post(valhalla_answers))).await;
    let valhalla = walking(WalkingProvider::Valhalla, url);
    assert_eq!(minutes(&valhalla, WalkProfile::Adult).await, Some(vec![Some(5.0), None, None]));
}

#[tokio::test]
async fn a_broken_router_is_left_alone_after_three_failures() {
    let asked = Arc::new(AtomicU32::new(0));
    let routes = Route::new().at("/v3/distance", get(broken).data(asked.clone()));
    let walking = walking(WalkingProvider::Amap, serve(routes).await);
    for _ in 0..10 {
        assert!(minutes(&walking, WalkProfile::Adult).await.is_none());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_slow_router_costs_no_more_than_its_time() {
    let walking = walking(WalkingProvider::Amap, serve(Route::new().at("/v3/distance", get(slow))).await);
    let started = Instant::now();
    assert!(minutes(&walking, WalkProfile::Adult).await.is_none());
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn without_a_router_there_is_the_estimate() {
    let config = crate::Config::load_with(None, |_| None).unwrap();
    assert!(Walking::configured(&config.walking).is_none());
}
