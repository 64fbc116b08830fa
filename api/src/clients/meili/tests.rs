use std::sync::{LazyLock, Mutex};

use linli_domain::{calendar::Calendar, geo::WalkProfile};
use linli_search::{
    Ask, Filter, SearchEngine, Sort,
    catalogue::FeedCursor,
    sample,
    text::{Analyzer, Lexicon},
};
use poem::{
    EndpointExt, Route, Server, get, handler,
    http::StatusCode,
    listener::{Acceptor, Listener, TcpListener},
    post,
    web::{Data, Json},
};
use serde_json::{Value, json};

use super::*;

static ENGINE: LazyLock<SearchEngine> = LazyLock::new(|| {
    let analyzer = Arc::new(Analyzer::new(Lexicon::shipped()));
    let (calendar, cursor) = (Arc::new(Calendar::shipped()), FeedCursor::default());
    SearchEngine::build(analyzer, calendar, uuid::Uuid::nil(), cursor, sample::city(50, 0.01), None).unwrap()
});

fn ask() -> Ask {
    let now = "2026-02-14T02:00:00Z".parse().unwrap();
    Ask {
        origin: None,
        reach: None,
        profile: WalkProfile::Adult,
        filter: Filter::default(),
        then: None,
        sort: Sort::Relevance,
        weights: linli_search::Weights::USUAL,
        facets: false,
        widen: false,
        after: None,
        reading: None,
        limit: 20,
        open_at: now,
        now,
    }
}

/// What was asked, as it arrived.
type Recorded = Arc<Mutex<Vec<Value>>>;

#[handler]
fn answers(Json(asked): Json<Value>, recorded: Data<&Recorded>) -> Json<Value> {
    let questions = asked["queries"].as_array().unwrap().clone();
    recorded.lock().unwrap().push(asked);
    let first = ENGINE.snapshot().versions().next().unwrap().0;
    let one = json!({ "hits": [{ "id": first, "_rankingScore": 1.0 }], "processingTimeMs": 0, "query": "" });
    Json(json!({ "results": vec![one; questions.len()] }))
}

#[handler]
fn queue_full(recorded: Data<&Recorded>) -> poem::Response {
    recorded.lock().unwrap().push(Value::Null);
    let body = json!({ "message": "Too many search requests running at the same time.", "code": "too_many_search_requests", "type": "system", "link": "" });
    poem::Response::builder()
        .status(StatusCode::SERVICE_UNAVAILABLE)
        .header("retry-after", "10")
        .content_type("application/json")
        .body(body.to_string())
}

#[handler]
async fn slow() -> Json<Value> {
    tokio::time::sleep(Duration::from_mins(10)).await;
    Json(json!({ "results": [] }))
}

#[handler]
fn malformed() -> &'static str {
    "{\"results\":[{\"hits\":[{\"id\":7}]}"
}

#[handler]
fn too_few() -> Json<Value> {
    Json(json!({ "results": [] }))
}

async fn serve(routes: Route) -> String {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
    tokio::spawn(Server::new_with_acceptor(acceptor).run(routes));
    format!("http://{address}")
}

fn meili(urls: &[String], timeout_ms: u64) -> Meili {
    let search = config::Search { engine: SearchEngineKind::Auto };
    let settings =
        config::Meili { url: urls.join(","), key: "k".to_owned(), index: "t".to_owned(), timeout_ms };
    let meili = Meili::configured(&search, &settings).unwrap();
    for node in &meili.nodes {
        node.read_from(Some("t_1".to_owned()));
    }
    meili
}

async fn asked_of(meili: &Meili, question: &str) -> Result<usize, AskError> {
    let answer = ENGINE.search_in(meili, question, &ask()).await?;
    Ok(answer.hits.len())
}

#[tokio::test]
async fn what_is_asked_is_coded_and_bounded() {
    let recorded = Recorded::default();
    let url = serve(Route::new().at("/multi-search", post(answers).data(recorded.clone()))).await;
    let meili = meili(&[url], 5_000);
    let hostile = "食堂\" OR version > 0 OR exact = \"\\ 😀";
    assert_eq!(asked_of(&meili, hostile).await.unwrap(), 1);
    let asked = recorded.lock().unwrap().pop().unwrap();
    for query in asked["queries"].as_array().unwrap() {
        assert_eq!(query["indexUid"], "t_1");
        assert_eq!(query["matchingStrategy"], "all");
        assert_eq!(query["attributesToRetrieve"], json!(["id"]));
        assert!(query["limit"].as_u64().unwrap() <= 1_000);
        let words = query["q"].as_str().unwrap().split(' ');
        // A whole word may stand between quotes of ours; there is nothing else than letters.
        let bare = |word: &str| {
            word.strip_prefix('"').map_or(word, |rest| rest.strip_suffix('"').unwrap_or("\"")).to_owned()
        };
        assert!(words.map(bare).all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
        assert!(!query["filter"].to_string().contains("version >"), "{query}");
    }
}

#[tokio::test]
async fn a_node_that_is_full_broken_or_short_is_passed_over_and_then_left_alone() {
    let (refused, answered) = (Recorded::default(), Recorded::default());
    let bad = serve(Route::new().at("/multi-search", post(queue_full).data(refused.clone()))).await;
    let good = serve(Route::new().at("/multi-search", post(answers).data(answered.clone()))).await;
    let both = meili(&[bad, good], 5_000);
    for _ in 0..20 {
        assert_eq!(asked_of(&both, "食堂").await.unwrap(), 1, "the other node answers");
    }
    assert_eq!((refused.lock().unwrap().len(), answered.lock().unwrap().len()), (3, 20));
    assert!(!both.nodes[0].is_usable() && both.nodes[1].is_usable());

    for routes in [
        Route::new().at("/multi-search", post(malformed)),
        Route::new().at("/multi-search", post(too_few)),
        Route::new(),
    ] {
        let alone = meili(&[serve(routes).await], 5_000);
        assert!(matches!(asked_of(&alone, "食堂").await, Err(AskError::Away)));
    }
}

#[tokio::test]
async fn a_slow_node_costs_no_more_than_its_time_and_comes_back_by_a_probe() {
    let sluggish = meili(&[serve(Route::new().at("/multi-search", post(slow))).await], 100);
    // A busy machine may take seconds; the node takes minutes.
    let asked = tokio::time::timeout(Duration::from_mins(1), asked_of(&sluggish, "食堂")).await;
    assert!(matches!(asked, Ok(Err(AskError::Away))));

    // Away at first, then there: the address is what tells the two apart.
    let acceptor = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = acceptor.local_addr().unwrap();
    drop(acceptor);
    let back = meili(&[format!("http://{address}")], 5_000);
    for _ in 0..3 {
        assert!(asked_of(&back, "食堂").await.is_err());
    }
    back.nodes[0].probe().await;
    assert!(!back.nodes[0].is_usable(), "nobody answered the probe");
    let routes = Route::new().at("/multi-search", post(answers).data(Recorded::default()));
    let acceptor = TcpListener::bind(address.to_string()).into_acceptor().await.unwrap();
    tokio::spawn(Server::new_with_acceptor(acceptor).run(routes));
    back.nodes[0].probe().await;
    assert!(back.nodes[0].is_usable());
    assert_eq!(asked_of(&back, "食堂").await.unwrap(), 1);
}

#[handler]
fn accepted() -> poem::Response {
    let body = json!({ "taskUid": 7, "indexUid": "t_1", "status": "enqueued", "type": "documentDeletion", "enqueuedAt": "2026-07-23T10:00:00Z" });
    poem::Response::builder()
        .status(StatusCode::ACCEPTED)
        .content_type("application/json")
        .body(body.to_string())
}

#[handler]
fn task(states: Data<&Arc<Mutex<Vec<&'static str>>>>) -> Json<Value> {
    let mut states = states.lock().unwrap();
    let status = if states.len() > 1 { states.remove(0) } else { states[0] };
    let error = (status == "failed")
        .then(|| json!({ "code": "index_not_found", "message": "", "type": "", "link": "" }));
    Json(
        json!({ "uid": 7, "status": status, "type": "documentDeletion", "canceledBy": 8, "details": {}, "error": error }),
    )
}

#[tokio::test]
async fn a_cancelled_task_is_read_as_such() {
    for (states, expected) in [
        (vec!["enqueued", "processing", "succeeded"], "Ok(())"),
        (vec!["enqueued", "canceled"], "Err(Canceled)"),
        (vec!["failed"], "Err(Failed(\"index_not_found\"))"),
    ] {
        let states = Arc::new(Mutex::new(states));
        let routes = Route::new()
            .at("/indexes/t_1/documents/delete-batch", post(accepted))
            .at("/tasks/7", get(task).data(states));
        let meili = meili(&[serve(routes).await], 5_000);
        let id = ENGINE.snapshot().versions().next().unwrap().0;
        let outcome = meili.nodes[0].write("t_1", &[], &[id]).await;
        assert_eq!(format!("{outcome:?}"), expected);
    }
}
