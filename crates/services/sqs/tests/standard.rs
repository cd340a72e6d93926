//! Standard queues, through the operations.

mod support;

use moln_sqs::model::*;
use support::{World, bodies};

#[tokio::test]
async fn a_message_is_sent_received_deleted_and_stays_so_over_a_restart() {
    let world = World::new();
    let url = world.create("q", &[]).await;
    assert_eq!(url, "http://127.0.0.1:4566/000000000000/q");
    let sent = world.send(&url, "hello").await;
    assert_eq!(sent.md5_of_message_body.as_deref(), Some("5d41402abc4b2a76b9719d911017c592"));
    world.send(&url, "stays").await;
    let got = world.receive(&url, 1).await;
    assert_eq!(bodies(&got), ["hello"]);
    assert_eq!(got[0].message_id, sent.message_id);
    world.delete(&url, &got[0]).await.unwrap();
    let world = world.restart();
    assert_eq!(world.counts(&url).await, (1, 0, 0));
    assert_eq!(bodies(&world.receive(&url, 10).await), ["stays"]);
    assert_eq!(world.counts(&url).await, (0, 1, 0));
    let world = world.restart();
    assert_eq!(world.counts(&url).await, (0, 1, 0), "in flight over a restart");
    assert!(world.receive(&url, 10).await.is_empty());
    world.advance(30);
    let again = world.receive(&url, 10).await;
    let attributes = again[0].attributes.as_ref().unwrap();
    assert_eq!((bodies(&again), attributes["ApproximateReceiveCount"].as_str()), (vec!["stays"], "2"));
}

#[tokio::test]
async fn a_bare_name_is_a_queue_url_and_a_wrong_one_is_told() {
    let world = World::new();
    world.create("q", &[]).await;
    world.send("q", "x").await;
    assert_eq!(world.receive("q", 1).await.len(), 1);
    let error = world.send_with("nothing", "x", |_| ()).await.unwrap_err();
    assert_eq!(error.code, "QueueDoesNotExist");
}

#[tokio::test]
async fn the_newest_receive_s_handle_counts() {
    let world = World::new();
    let url = world.create("q", &[("VisibilityTimeout", "5")]).await;
    world.send(&url, "x").await;
    let first = world.receive(&url, 1).await;
    world.advance(5);
    assert_eq!(world.change(&url, &first[0], 10).await.unwrap_err().code, "MessageNotInflight");
    let second = world.receive(&url, 1).await;
    assert_eq!(world.change(&url, &first[0], 10).await.unwrap_err().code, "InvalidParameterValueException");
    world.delete(&url, &first[0]).await.unwrap();
    assert_eq!(world.counts(&url).await, (0, 1, 0), "an old handle deletes nothing");
    world.change(&url, &second[0], 100).await.unwrap();
    world.advance(99);
    assert!(world.receive(&url, 1).await.is_empty());
    world.delete(&url, &second[0]).await.unwrap();
    world.delete(&url, &second[0]).await.unwrap();
    assert_eq!(world.change(&url, &second[0], 1).await.unwrap_err().code, "InvalidParameterValueException");
    assert_eq!(world.counts(&url).await, (0, 0, 0));
}

#[tokio::test]
async fn a_total_of_twelve_hours_is_the_most() {
    let world = World::new();
    let url = world.create("q", &[("VisibilityTimeout", "43200")]).await;
    world.send(&url, "x").await;
    let got = world.receive(&url, 1).await;
    world.advance(100);
    assert!(world.change(&url, &got[0], 43_101).await.unwrap_err().message.contains("beyond the limit"));
    world.change(&url, &got[0], 43_100).await.unwrap();
}

#[tokio::test]
async fn delays_pass_with_the_clock_and_over_a_restart() {
    let world = World::new();
    let url = world.create("q", &[("DelaySeconds", "60")]).await;
    world.send(&url, "by the queue").await;
    world.send_with(&url, "by itself", |input| input.delay_seconds = Some(10)).await.unwrap();
    world.send_with(&url, "at once", |input| input.delay_seconds = Some(0)).await.unwrap();
    assert_eq!(world.counts(&url).await, (1, 0, 2));
    assert_eq!(bodies(&world.receive(&url, 10).await), ["at once"]);
    let world = world.restart();
    assert_eq!(world.counts(&url).await, (0, 1, 2));
    world.advance(10);
    assert_eq!(bodies(&world.receive(&url, 10).await), ["by itself"]);
    let world = world.restart();
    world.advance(50);
    assert_eq!(bodies(&world.receive(&url, 10).await), ["at once", "by itself", "by the queue"]);
}

#[tokio::test]
async fn a_timeout_of_zero_hands_a_message_out_once_per_receive() {
    let world = World::new();
    let url = world.create("q", &[("VisibilityTimeout", "0")]).await;
    for body in ["a", "b", "c"] {
        world.send(&url, body).await;
    }
    assert_eq!(bodies(&world.receive(&url, 2).await), ["a", "b"]);
    assert_eq!(world.receive(&url, 10).await.len(), 3);
    assert_eq!(world.counts(&url).await, (3, 0, 0));
}

#[tokio::test]
async fn a_purge_removes_everything_and_comes_once_a_minute() {
    let world = World::new();
    let url = world.create("q", &[]).await;
    for n in 0..20 {
        world.send(&url, &n.to_string()).await;
    }
    let got = world.receive(&url, 5).await;
    let purge = || world.sqs.purge_queue(&world.ctx, PurgeQueueRequest { queue_url: url.clone() });
    purge().await.unwrap();
    assert_eq!(world.counts(&url).await, (0, 0, 0));
    world.delete(&url, &got[0]).await.unwrap();
    assert_eq!(purge().await.unwrap_err().code, "PurgeQueueInProgress");
    world.send(&url, "new").await;
    let world = world.restart();
    assert_eq!(bodies(&world.receive(&url, 10).await), ["new"]);
}

#[tokio::test]
async fn a_deleted_queue_is_gone_and_its_name_is_taken_for_a_minute() {
    let world = World::new();
    let url = world.create("q", &[]).await;
    world.send(&url, "old").await;
    world.sqs.delete_queue(&world.ctx, DeleteQueueRequest { queue_url: url.clone() }).await.unwrap();
    assert_eq!(world.send_with(&url, "x", |_| ()).await.unwrap_err().code, "QueueDoesNotExist");
    assert_eq!(world.try_create("q", &[]).await.unwrap_err().code, "QueueDeletedRecently");
    let world = world.restart();
    assert_eq!(world.try_create("q", &[]).await.unwrap_err().code, "QueueDeletedRecently");
    world.advance(60);
    world.create("q", &[]).await;
    assert!(world.receive(&url, 1).await.is_empty());
}

#[tokio::test]
async fn a_long_message_comes_back_whole() {
    let world = World::new();
    let url = world.create("q", &[("VisibilityTimeout", "0")]).await;
    let body = "ü".repeat(1 << 19);
    world.send(&url, &body).await;
    for world in [&world, &world.restart()] {
        assert_eq!(world.receive(&url, 1).await[0].body.as_deref(), Some(body.as_str()));
    }
    let got = world.receive(&url, 1).await;
    world.delete(&url, &got[0]).await.unwrap();
    assert!(
        world
            .send_with(&url, &format!("{body}x"), |_| ())
            .await
            .unwrap_err()
            .message
            .contains("1048576 bytes")
    );
}

#[tokio::test]
async fn a_noisy_tenant_lets_others_pass_and_nothing_is_lost_over_a_restart() {
    let world = World::new();
    let url = world.create("q", &[]).await;
    for n in 0..100 {
        world.send_fifo(&url, "noisy", &format!("noisy{n}")).await;
    }
    for n in 0..5 {
        world.send_fifo(&url, "quiet", &format!("quiet{n}")).await;
    }
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..2 {
        seen.extend(world.receive(&url, 10).await.into_iter().map(|message| message.body.unwrap()));
    }
    let expected = (0..10).map(|n| format!("noisy{n}")).chain((0..5).map(|n| format!("quiet{n}")));
    assert_eq!(seen[..15], expected.collect::<Vec<_>>());
    assert_eq!(world.counts(&url).await, (85, 20, 0));
    let world = world.restart();
    assert_eq!(world.counts(&url).await, (85, 20, 0));
    while seen.len() < 105 {
        let got = world.receive(&url, 10).await;
        assert!(!got.is_empty());
        seen.extend(got.into_iter().map(|message| message.body.unwrap()));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 105);
    assert!(world.receive(&url, 10).await.is_empty());
}

#[tokio::test]
async fn a_receive_clears_away_any_number_of_expired_messages() {
    let world = World::new();
    let url = world.create("q", &[]).await;
    // More than the store takes in one commit.
    for n in 0..2_500 {
        world.send(&url, &n.to_string()).await;
    }
    world.advance(62);
    world.set(&url, &[("MessageRetentionPeriod", "60")]).await.unwrap();
    world.send(&url, "younger").await;
    assert_eq!(bodies(&world.receive(&url, 10).await), ["younger"]);
    assert_eq!(world.counts(&url).await, (0, 1, 0));
}
