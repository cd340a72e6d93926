//! The port by which pollers receive.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // helpers of tests

mod support;

use std::{sync::Arc, time::Duration};

use moln_kernel::{
    Lineage, Timestamp,
    ports::{QueueAttributeValue, QueueMessage, QueueMessageAttribute, ReceiveFromQueue, SendToQueue},
};
use support::{START, World};

const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:q";

async fn receive(world: &World, arn: &str, max: usize) -> Vec<moln_kernel::ports::ReceivedMessage> {
    ReceiveFromQueue::receive(&*world.sqs, &world.ctx, arn, max, Duration::ZERO, Duration::ZERO)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_poller_knows_what_a_receiver_knows_and_the_chain() {
    let mut world = World::new();
    world.create("q", &[("VisibilityTimeout", "45")]).await;
    let facts = world.sqs.facts(&world.ctx, ARN).await.unwrap();
    assert!(!facts.fifo);
    assert_eq!((facts.visibility_timeout, facts.created), (Duration::from_secs(45), Timestamp(START)));
    let missing = world.sqs.facts(&world.ctx, "arn:aws:sqs:us-east-1:000000000000:no").await;
    assert_eq!(missing.unwrap_err().code, "QueueDoesNotExist");

    world.ctx.lineage = Lineage { hops: vec![Arc::from("arn:f"), Arc::from("arn:g"), Arc::from("arn:f")] };
    world.ctx.trace = Some("Root=1-2-3".into());
    let attribute =
        QueueMessageAttribute { data_type: "String".into(), value: QueueAttributeValue::Text("v".into()) };
    let message = QueueMessage {
        body: "body".into(),
        attributes: [("a".to_owned(), attribute)].into(),
        ..QueueMessage::default()
    };
    let id = SendToQueue::send(&*world.sqs, &world.ctx, ARN, message).await.unwrap();
    let got = receive(&world, ARN, 10).await;
    assert_eq!((got.len(), got[0].id.as_str(), got[0].body.as_str()), (1, id.as_str(), "body"));
    assert_eq!(got[0].lineage, world.ctx.lineage);
    assert_eq!(got[0].system["AWSTraceHeader"], "Root=1-2-3");
    assert_eq!(got[0].system["ApproximateReceiveCount"], "1");
    assert!(got[0].attributes_md5.is_some() && got[0].body_md5.len() == 32);

    // Hidden, back after its time, and in the store over a restart with its chain.
    assert!(receive(&world, ARN, 10).await.is_empty());
    world.advance(45);
    let world = world.restart();
    let again = receive(&world, ARN, 10).await;
    assert_eq!((again[0].system["ApproximateReceiveCount"].as_str(), again[0].lineage.hops.len()), ("2", 3));
    let handles = |got: &[moln_kernel::ports::ReceivedMessage]| vec![got[0].receipt_handle.clone()];
    world.sqs.change_visibility(&world.ctx, ARN, handles(&again), Duration::ZERO).await.unwrap();
    let third = receive(&world, ARN, 10).await;
    world.sqs.delete(&world.ctx, ARN, handles(&third)).await.unwrap();
    world.sqs.delete(&world.ctx, ARN, vec!["nonsense".into()]).await.unwrap();
    world.advance(60);
    assert!(receive(&world, ARN, 10).await.is_empty());
}

#[tokio::test]
async fn a_dead_letter_keeps_its_chain() {
    let mut world = World::new();
    let dead = world.create("dead", &[]).await;
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}"#;
    let url = world.create("q", &[("RedrivePolicy", policy)]).await;
    world.ctx.lineage = Lineage { hops: vec![Arc::from("arn:f")] };
    world.send(&url, "x").await;
    assert_eq!(receive(&world, ARN, 1).await.len(), 1);
    world.advance(31);
    assert!(receive(&world, ARN, 1).await.is_empty());
    let got = receive(&world, "arn:aws:sqs:us-east-1:000000000000:dead", 1).await;
    assert_eq!(got[0].lineage.hops.len(), 1, "{dead}");
    assert_eq!(got[0].system["DeadLetterQueueSourceArn"], ARN);
}

#[tokio::test]
async fn many_are_received_at_once_within_bounds() {
    let world = World::new();
    let url = world.create("q", &[]).await;
    for n in 0..250 {
        world.send(&url, &n.to_string()).await;
    }
    let got = receive(&world, ARN, 200).await;
    let bodies: Vec<_> = got.iter().map(|message| message.body.parse::<u32>().unwrap()).collect();
    assert_eq!(bodies, (0..200).collect::<Vec<_>>());
    assert_eq!(receive(&world, ARN, 10_000).await.len(), 50);
    world
        .sqs
        .delete(&world.ctx, ARN, got.iter().map(|message| message.receipt_handle.clone()).collect())
        .await
        .unwrap();
    assert_eq!(world.counts(&url).await, (0, 50, 0));

    let long = "x".repeat(1 << 20);
    for _ in 0..12 {
        world.send(&url, &long).await;
    }
    let got = receive(&world, ARN, 10_000).await.len();
    assert!((6..12).contains(&got), "stops behind 6 MiB: {got}");
}

#[tokio::test]
async fn one_who_waits_is_served_or_comes_back_empty_by_the_clock() {
    let world = World::new();
    let url = world.create("q", &[]).await;
    let (sqs, ctx) = (world.sqs.clone(), world.ctx.clone());
    let wait = move || {
        let (sqs, ctx) = (sqs.clone(), ctx.clone());
        tokio::spawn(async move {
            sqs.receive(&ctx, ARN, 5, Duration::ZERO, Duration::from_hours(1)).await.unwrap()
        })
    };
    let waiting = wait();
    tokio::task::yield_now().await;
    world.send(&url, "x").await;
    assert_eq!(waiting.await.unwrap().len(), 1);
    let waiting = wait();
    while world.sqs.next_due().is_none() {
        tokio::task::yield_now().await;
    }
    world.advance(3_600);
    // The first one's time ran out long ago.
    assert_eq!(waiting.await.unwrap().len(), 1);
}

#[tokio::test]
async fn messages_are_hidden_as_the_queue_says_when_they_are_handed_out() {
    let world = World::new();
    let url = world.create("q", &[("VisibilityTimeout", "120")]).await;
    let (sqs, ctx) = (world.sqs.clone(), world.ctx.clone());
    let hour = Duration::from_hours(1);
    let waiting =
        tokio::spawn(async move { sqs.receive(&ctx, ARN, 1, Duration::from_secs(2), hour).await.unwrap() });
    tokio::task::yield_now().await;
    world.set(&url, &[("VisibilityTimeout", "10")]).await.unwrap();
    world.send(&url, "x").await;
    assert_eq!(waiting.await.unwrap().len(), 1);
    world.advance(11);
    assert!(receive(&world, ARN, 1).await.is_empty(), "ten seconds, and two longer");
    world.advance(1);
    assert_eq!(receive(&world, ARN, 1).await.len(), 1);
}
