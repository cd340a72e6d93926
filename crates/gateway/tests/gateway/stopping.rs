//! Stopping: nothing that was begun is cut off, nothing that waits holds it up.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use crate::harness::{Start, eventually, json};
use moln_gateway::server::Limits;
use tokio::net::TcpStream;

#[tokio::test]
async fn open_requests_end_and_idle_connections_close() {
    let server = Start::default().run();
    let mut idle = server.connect().await;
    idle.send(json("Echo", "{}", "")).await;
    assert_eq!(idle.reply().await.status, 200);
    let mut waiting = server.connect().await;
    waiting.send(json("Wait", "{}", "")).await;
    eventually("the poll waits", || server.gateway.metrics().in_flight.load(Relaxed) == 1).await;
    server.stop();
    // The service is told, and answers its long poll at once.
    assert_eq!(waiting.reply().await.status, 200);
    assert!(waiting.is_closed().await && idle.is_closed().await);
    server.ended().await;
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_request_that_is_still_being_sent_is_waited_for_but_not_forever() {
    let limits = Limits { drain: Duration::from_millis(200), ..Limits::default() };
    let server = Start { limits, ..Start::default() }.run();
    let request = json("Echo", r#"{"Text":"late"}"#, "");
    let (mut late, mut never) = (server.connect().await, server.connect().await);
    let (first, rest) = request.split_at(request.len() - 5);
    late.send(first).await;
    never.send(first).await;
    eventually("both have begun", || server.gateway.metrics().in_flight.load(Relaxed) == 2).await;
    server.stop();
    late.send(rest).await;
    assert_eq!(late.reply().await.json()["Text"], "late");
    server.ended().await;
    assert!(never.is_closed().await);
}
