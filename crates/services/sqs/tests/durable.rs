//! Queues on the disk engine: restarts, backlogs longer than memory holds, many clients at once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // helpers of tests

mod support;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use moln_kernel::{ManualClock, Timestamp};
use moln_sqs::model::{
    DeleteMessageBatchRequest, DeleteMessageBatchRequestEntry, Message, SendMessageBatchRequest,
    SendMessageBatchRequestEntry, Sqs,
};
use moln_store::{FjallStore, Options};
use support::{START, World, bodies};

fn open(dir: &Path) -> World {
    let store = FjallStore::open(Options::new(dir)).unwrap();
    World::on(store, Arc::new(ManualClock::new(Timestamp(START))))
}

/// Ends the process, as it were: everything in memory is gone.
fn close(world: World) {
    world.sqs.close();
    world.store.close().unwrap();
    drop(world);
}

async fn send_many(world: &World, url: &str, first: usize, count: usize) {
    for start in (first..first + count).step_by(10) {
        let entry = |n: usize| SendMessageBatchRequestEntry {
            id: n.to_string(),
            message_body: n.to_string(),
            ..Default::default()
        };
        let entries = (start..(start + 10).min(first + count)).map(entry).collect();
        let input = SendMessageBatchRequest { queue_url: url.into(), entries };
        assert!(world.sqs.send_message_batch(&world.ctx, input).await.unwrap().failed.is_none());
    }
}

async fn delete_many(world: &World, url: &str, messages: &[Message]) {
    let entry = |(n, message): (usize, &Message)| DeleteMessageBatchRequestEntry {
        id: n.to_string(),
        receipt_handle: message.receipt_handle.clone().unwrap(),
    };
    let entries = messages.iter().enumerate().map(entry).collect();
    let input = DeleteMessageBatchRequest { queue_url: url.into(), entries };
    assert!(world.sqs.delete_message_batch(&world.ctx, input).await.unwrap().failed.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_longer_than_the_window_comes_whole_and_in_order_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    let url = world.create("q", &[]).await;
    send_many(&world, &url, 0, 12_000).await;
    close(world);
    let mut world = open(dir.path());
    let start = Instant::now();
    assert_eq!(bodies(&world.receive(&url, 1).await), ["0"]);
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(world.counts(&url).await, (11_999, 1, 0));
    let mut next = 1;
    while next < 12_000 {
        let got = world.receive(&url, 10).await;
        let expected: Vec<_> = (next..(next + 10).min(12_000)).map(|n| n.to_string()).collect();
        assert_eq!(bodies(&got), expected);
        delete_many(&world, &url, &got).await;
        next += got.len();
        if next == 6_001 {
            close(world);
            world = open(dir.path());
        }
    }
    assert_eq!(world.counts(&url).await, (0, 1, 0));
    close(world);
    let world = open(dir.path());
    assert_eq!(world.counts(&url).await, (0, 1, 0));
    world.advance(30);
    assert_eq!(bodies(&world.receive(&url, 10).await), ["0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_behind_a_full_window_are_found_while_more_are_sent() {
    let dir = tempfile::tempdir().unwrap();
    let world = Arc::new(open(dir.path()));
    let url = world.create("q", &[]).await;
    send_many(&world, &url, 0, 6_000).await;
    let sender = {
        let (world, url) = (Arc::clone(&world), url.clone());
        tokio::spawn(async move { send_many(&world, &url, 6_000, 6_000).await })
    };
    let mut seen = HashSet::new();
    while seen.len() < 12_000 {
        let got = world.receive_with(&url, |input| input.wait_time_seconds = Some(20)).await.unwrap();
        assert!(!got.is_empty());
        for message in &got {
            assert!(seen.insert(message.body.clone().unwrap()), "once");
        }
    }
    sender.await.unwrap();
    assert_eq!(world.counts(&url).await, (0, 12_000, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_lose_and_double_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = Arc::new(open(dir.path()));
    for (name, attributes) in
        [("q", vec![]), ("q.fifo", vec![("FifoQueue", "true"), ("ContentBasedDeduplication", "true")])]
    {
        let fifo = !attributes.is_empty();
        let url = world.create(name, &attributes).await;
        let (received, order) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(HashMap::new())));
        let mut tasks = Vec::new();
        for client in 0..16 {
            let (world, url) = (Arc::clone(&world), url.clone());
            tasks.push(tokio::spawn(async move {
                for n in 0..50 {
                    let body = format!("{client}/{n}");
                    if fifo {
                        world.send_fifo(&url, &client.to_string(), &body).await;
                    } else {
                        world.send(&url, &body).await;
                    }
                }
            }));
        }
        for _ in 0..16 {
            let (world, url) = (Arc::clone(&world), url.clone());
            let (received, order) = (Arc::clone(&received), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                while received.load(Ordering::Relaxed) < 800 {
                    for message in world.receive(&url, 3).await {
                        let body = message.body.clone().unwrap();
                        let (client, n) = body.split_once('/').unwrap();
                        let n: i32 = n.parse().unwrap();
                        {
                            let mut order = order.lock().unwrap();
                            let seen: &mut Vec<i32> = order.entry(client.to_owned()).or_default();
                            assert!(!seen.contains(&n), "once");
                            assert!(!fifo || seen.last().is_none_or(|last| *last == n - 1), "in order");
                            seen.push(n);
                        }
                        received.fetch_add(1, Ordering::Relaxed);
                        world.delete(&url, &message).await.unwrap();
                    }
                    tokio::task::yield_now().await;
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(world.counts(&url).await, (0, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_moves_in_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let world = Arc::new(open(dir.path()));
    let dead = world.create("dead", &[]).await;
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}"#;
    let url = world.create("q", &[("RedrivePolicy", policy), ("VisibilityTimeout", "0")]).await;
    send_many(&world, &url, 0, 100).await;
    let long = "x".repeat(300_000);
    world.send(&url, &long).await;
    let clients = (0..8).map(|_| {
        let (world, url) = (Arc::clone(&world), url.clone());
        tokio::spawn(async move {
            while world.counts(&url).await != (0, 0, 0) {
                world.receive(&url, 10).await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    assert_eq!(world.counts(&dead).await.0, 101);
    let mut seen = HashSet::new();
    while seen.len() < 101 {
        for message in world.receive(&dead, 10).await {
            assert!(seen.insert(message.body.unwrap()));
        }
    }
    assert!(seen.contains(&long));
}
