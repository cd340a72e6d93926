//! Long polls.

#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::{sync::Arc, time::Duration};

use moln_sqs::model::*;
use support::World;
use tokio::task::{JoinHandle, yield_now};

fn wait(world: &Arc<World>, url: &str, seconds: i32) -> JoinHandle<Vec<Message>> {
    let (world, url) = (Arc::clone(world), url.to_owned());
    tokio::spawn(async move {
        let ask = |input: &mut ReceiveMessageRequest| {
            input.wait_time_seconds = Some(seconds);
            input.max_number_of_messages = Some(1);
        };
        world.receive_with(&url, ask).await.unwrap()
    })
}

/// Lets everything run that can.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_send_wakes_one_that_waits() {
    let world = Arc::new(World::new());
    let url = world.create("q", &[]).await;
    let waiting = wait(&world, &url, 20);
    settle().await;
    assert!(!waiting.is_finished());
    world.send(&url, "x").await;
    assert_eq!(waiting.await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_wait_ends_by_the_clock() {
    let world = Arc::new(World::new());
    let url = world.create("q", &[("ReceiveMessageWaitTimeSeconds", "20")]).await;
    let waiting = {
        let (world, url) = (Arc::clone(&world), url.clone());
        tokio::spawn(async move { world.receive(&url, 1).await })
    };
    settle().await;
    world.advance(19);
    settle().await;
    assert!(!waiting.is_finished());
    world.advance(1);
    assert!(waiting.await.unwrap().is_empty());
}

#[tokio::test]
async fn delays_and_timeouts_that_pass_wake() {
    let world = Arc::new(World::new());
    let url = world.create("q", &[("VisibilityTimeout", "5")]).await;
    let waiting = wait(&world, &url, 20);
    settle().await;
    world.send_with(&url, "x", |input| input.delay_seconds = Some(3)).await.unwrap();
    settle().await;
    assert!(!waiting.is_finished());
    assert_eq!(world.sqs.next_due(), Some(moln_kernel::Timestamp(support::START + 3_000)));
    world.advance(3);
    assert_eq!(waiting.await.unwrap().len(), 1);
    let waiting = wait(&world, &url, 20);
    settle().await;
    world.advance(5);
    let got = waiting.await.unwrap();
    let waiting = wait(&world, &url, 20);
    settle().await;
    world.change(&url, &got[0], 0).await.unwrap();
    assert_eq!(waiting.await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_clock_goes_on_when_those_it_woke_are_answered() {
    let world = Arc::new(World::new());
    let url = world.create("q", &[("VisibilityTimeout", "5")]).await;
    world.send(&url, "x").await;
    world.receive(&url, 1).await;
    let waiting = [wait(&world, &url, 20), wait(&world, &url, 20)];
    settle().await;
    world.sqs.settled().await;
    assert!(!waiting[0].is_finished(), "nobody can be served");
    for woken in [0, 1] {
        world.advance(5);
        world.sqs.settled().await;
        // The message was handed out at this moment, or the next step would be too late for it.
        assert_eq!(world.counts(&url).await, (0, 1, 0));
        yield_now().await;
        assert!(waiting[woken].is_finished(), "{woken}");
    }
}

#[tokio::test]
async fn the_clock_waits_for_those_whose_wait_is_over_and_not_for_those_that_went_away() {
    let world = Arc::new(World::new());
    let url = world.create("q", &[]).await;
    let (short, gone) = (wait(&world, &url, 3), wait(&world, &url, 20));
    settle().await;
    assert_eq!(world.sqs.next_due(), Some(moln_kernel::Timestamp(support::START + 3_000)));
    world.advance(3);
    world.sqs.settled().await;
    yield_now().await;
    assert!(short.is_finished());
    gone.abort();
    let _ = gone.await;
    world.advance(20);
    world.send(&url, "x").await;
    world.sqs.settled().await;
    assert_eq!(world.counts(&url).await, (1, 0, 0));
}

#[tokio::test]
async fn a_deleted_message_frees_its_group_for_one_that_waits() {
    let world = Arc::new(World::new());
    let url = world.create("q.fifo", &[("FifoQueue", "true"), ("ContentBasedDeduplication", "true")]).await;
    world.send_fifo(&url, "1", "a").await;
    world.send_fifo(&url, "1", "b").await;
    let got = world.receive(&url, 1).await;
    let waiting = wait(&world, &url, 20);
    settle().await;
    assert!(!waiting.is_finished());
    world.delete(&url, &got[0]).await.unwrap();
    assert_eq!(waiting.await.unwrap()[0].body.as_deref(), Some("b"));
}

#[tokio::test]
async fn one_that_goes_away_takes_nothing_with_it() {
    let world = Arc::new(World::new());
    let url = world.create("q", &[]).await;
    let (first, second) = (wait(&world, &url, 20), wait(&world, &url, 20));
    settle().await;
    // The first is woken by the send and gone before it runs.
    let send = world.send(&url, "x");
    first.abort();
    send.await;
    let _ = first.await;
    settle().await;
    if second.is_finished() {
        assert_eq!(second.await.unwrap().len(), 1);
    } else {
        panic!("the second waits though there is a message");
    }
}

#[tokio::test]
async fn ten_thousand_wait_and_a_send_wakes_one() {
    let world = Arc::new(World::new());
    let url = world.create("q", &[]).await;
    world.receive(&url, 1).await;
    let waiting: Vec<_> = (0..10_000).map(|_| wait(&world, &url, 20)).collect();
    for _ in 0..10 {
        settle().await;
    }
    for n in 1..=5 {
        world.send(&url, "x").await;
        settle().await;
        assert_eq!(waiting.iter().filter(|waiting| waiting.is_finished()).count(), n);
        let done: Vec<_> = waiting.iter().enumerate().filter(|w| w.1.is_finished()).map(|w| w.0).collect();
        assert!(waiting[n - 1].is_finished(), "first come, first served: {done:?}");
    }
    world.sqs.close();
    let mut received = 0;
    for waiting in waiting {
        received += waiting.await.unwrap().len();
    }
    assert_eq!(received, 5, "the rest was answered when the server stopped");
}

#[tokio::test]
async fn a_deleted_queue_answers_those_who_wait() {
    let world = Arc::new(World::new());
    let url = world.create("q", &[]).await;
    let (task_world, task_url) = (Arc::clone(&world), url.clone());
    let waiting = tokio::spawn(async move {
        task_world.receive_with(&task_url, |input| input.wait_time_seconds = Some(20)).await
    });
    settle().await;
    world.sqs.delete_queue(&world.ctx, DeleteQueueRequest { queue_url: url }).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap_err().code, "QueueDoesNotExist");
}
