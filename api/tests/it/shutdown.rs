//! Going down: readiness first, requests in flight to their end, and then the process.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{database::Fresh, process::ServerProcess};

async fn readiness(base: &str) -> Option<u16> {
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    client.get(format!("{base}/readyz")).send().await.ok().map(|response| response.status().as_u16())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_turns_readiness_off_and_lets_a_request_in_flight_finish() {
    let fresh = Fresh::sqlite().await;
    let mut server = ServerProcess::start(&fresh.url, &[("LINLI_HTTP_DRAIN_MS", "1500")]);
    // It listens before its catalogue is loaded, and is not ready until then.
    for _ in 0..200 {
        if readiness(&server.base).await == Some(200) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(readiness(&server.base).await, Some(200));

    // A request whose body is still on its way when the signal comes.
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/nowhere HTTP/1.1\r\nHost: linli\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.terminate();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(readiness(&server.base).await, Some(503), "the balancer must see it before connections fail");

    // Past the pause, new connections are refused while the old one is still served.
    tokio::time::sleep(Duration::from_millis(1_700)).await;
    assert_eq!(readiness(&server.base).await, None);
    stream.write_all(b"}").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let status = tokio::task::spawn_blocking(move || server.wait(Duration::from_secs(20))).await.unwrap();
    assert!(status.success(), "{status}");
    fresh.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_ends_does_not_keep_the_process() {
    let fresh = Fresh::sqlite().await;
    let variables = [("LINLI_HTTP_DRAIN_MS", "0"), ("LINLI_HTTP_SHUTDOWN_TIMEOUT_MS", "1000")];
    let mut server = ServerProcess::start(&fresh.url, &variables);
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /v1/ping HTTP/1.1\r\nHost: lin").await.unwrap();
    server.terminate();
    let status = tokio::task::spawn_blocking(move || server.wait(Duration::from_secs(10))).await.unwrap();
    assert!(status.success(), "{status}");
    fresh.remove().await;
}
