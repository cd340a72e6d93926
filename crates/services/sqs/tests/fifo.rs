//! FIFO queues, through the operations.

mod support;

use moln_sqs::model::*;
use support::{World, bodies};

const FIFO: (&str, &str) = ("FifoQueue", "true");
const BY_CONTENT: (&str, &str) = ("ContentBasedDeduplication", "true");

#[tokio::test]
async fn order_holds_within_groups_and_groups_take_turns() {
    let world = World::new();
    let url = world.create("q.fifo", &[FIFO, BY_CONTENT]).await;
    for (group, body) in [("1", "1a"), ("2", "2a"), ("1", "1b"), ("2", "2b"), ("1", "1c"), ("3", "3a")] {
        world.send_fifo(&url, group, body).await;
    }
    let first = world.receive(&url, 2).await;
    assert_eq!(bodies(&first), ["1a", "1b"]);
    assert_eq!(bodies(&world.receive(&url, 1).await), ["2a"]);
    assert_eq!(bodies(&world.receive(&url, 10).await), ["3a"], "groups in flight are locked");
    assert_eq!(world.counts(&url).await, (2, 4, 0));
    world.delete(&url, &first[0]).await.unwrap();
    assert!(world.receive(&url, 10).await.is_empty());
    let world = world.restart();
    assert!(world.receive(&url, 10).await.is_empty(), "locks hold over a restart");
    world.delete(&url, &first[1]).await.unwrap();
    assert_eq!(bodies(&world.receive(&url, 10).await), ["1c"]);
    assert_eq!(world.counts(&url).await, (1, 3, 0));
    world.advance(30);
    let all = world.receive(&url, 10).await;
    assert_eq!(all.len(), 4);
    let order: Vec<_> = bodies(&all).into_iter().filter(|body| body.starts_with('2')).collect();
    assert_eq!(order, ["2a", "2b"]);
}

#[tokio::test]
async fn a_timeout_of_zero_puts_groups_at_the_end_of_the_line() {
    let world = World::new();
    let url = world.create("q.fifo", &[FIFO, BY_CONTENT, ("VisibilityTimeout", "0")]).await;
    for (group, body) in [("1", "1a"), ("2", "2a"), ("2", "2b"), ("3", "3a"), ("1", "1b")] {
        world.send_fifo(&url, group, body).await;
    }
    assert_eq!(bodies(&world.receive(&url, 3).await), ["1a", "1b", "2a"]);
    assert_eq!(bodies(&world.receive(&url, 10).await), ["3a", "1a", "1b", "2a", "2b"]);
}

#[tokio::test]
async fn a_message_made_visible_leads_its_group_but_not_past_one_in_flight() {
    let world = World::new();
    let url = world.create("q.fifo", &[FIFO, BY_CONTENT]).await;
    for (group, body) in [("1", "1a"), ("1", "1b"), ("1", "1c"), ("2", "2a")] {
        world.send_fifo(&url, group, body).await;
    }
    let got = world.receive(&url, 2).await;
    world.change(&url, &got[0], 0).await.unwrap();
    assert_eq!(bodies(&world.receive(&url, 10).await), ["2a", "1a"], "1b is in flight and holds 1c back");
    assert!(
        world.delete(&url, &got[0]).await.unwrap_err().message.ends_with("The receipt handle has expired.")
    );
}

#[tokio::test]
async fn an_expired_handle_is_refused() {
    let world = World::new();
    let url = world.create("q.fifo", &[FIFO, BY_CONTENT, ("VisibilityTimeout", "1")]).await;
    world.send_fifo(&url, "1", "x").await;
    let got = world.receive(&url, 1).await;
    world.advance(1);
    let error = world.delete(&url, &got[0]).await.unwrap_err();
    let handle = got[0].receipt_handle.as_deref().unwrap();
    assert_eq!(
        error.message,
        format!(
            "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
        )
    );
    let again = world.receive(&url, 1).await;
    world.delete(&url, &again[0]).await.unwrap();
    world.delete(&url, &again[0]).await.unwrap();
}

#[tokio::test]
async fn the_same_id_within_five_minutes_is_the_same_message() {
    let world = World::new();
    let url = world.create("q.fifo", &[FIFO, BY_CONTENT]).await;
    let first = world.send_fifo(&url, "1", "x").await;
    let second = world.send_fifo(&url, "2", "x").await;
    assert_eq!((&first.message_id, &first.sequence_number), (&second.message_id, &second.sequence_number));
    assert_eq!(first.sequence_number.as_ref().unwrap().len(), 20);
    world.advance(299);
    let world = world.restart();
    assert_eq!(world.send_fifo(&url, "1", "x").await.message_id, first.message_id, "over a restart too");
    let got = world.receive(&url, 10).await;
    assert_eq!(got.len(), 1);
    world.delete(&url, &got[0]).await.unwrap();
    assert_eq!(world.send_fifo(&url, "1", "x").await.message_id, first.message_id, "after its delete too");
    world.advance(1);
    assert_ne!(world.send_fifo(&url, "1", "x").await.message_id, first.message_id);
    assert_eq!(world.receive(&url, 10).await.len(), 1);
}

#[tokio::test]
async fn the_scope_of_deduplication_may_be_the_group_and_changes_with_delay() {
    let world = World::new();
    let url = world.create("q.fifo", &[FIFO, BY_CONTENT, ("DeduplicationScope", "messageGroup")]).await;
    let first = world.send_fifo(&url, "1", "x").await;
    assert_ne!(world.send_fifo(&url, "2", "x").await.message_id, first.message_id);
    world.set(&url, &[("DeduplicationScope", "queue")]).await.unwrap();
    world.send_fifo(&url, "3", "x").await;
    assert_eq!(world.counts(&url).await.0, 3, "the change is not through yet");
    world.advance(60);
    let fourth = world.send_fifo(&url, "4", "x").await;
    assert_eq!(world.send_fifo(&url, "5", "x").await.message_id, fourth.message_id);
}

#[tokio::test]
async fn a_purge_forgets_deduplication_ids() {
    let world = World::new();
    let url = world.create("q.fifo", &[FIFO, BY_CONTENT]).await;
    world.send_fifo(&url, "1", "x").await;
    world.sqs.purge_queue(&world.ctx, PurgeQueueRequest { queue_url: url.clone() }).await.unwrap();
    world.send_fifo(&url, "1", "x").await;
    assert_eq!(world.counts(&url).await, (1, 0, 0));
    assert_eq!(world.restart().counts(&url).await, (1, 0, 0));
}

#[tokio::test]
async fn a_delayed_message_holds_its_own_group_back() {
    let world = World::new();
    let url = world.create("q.fifo", &[FIFO, BY_CONTENT, ("DelaySeconds", "10")]).await;
    world.send_fifo(&url, "1", "1a").await;
    world.set(&url, &[("DelaySeconds", "0")]).await.unwrap();
    world.send_fifo(&url, "1", "1b").await;
    world.send_fifo(&url, "2", "2a").await;
    assert_eq!(world.counts(&url).await, (2, 0, 1));
    assert_eq!(bodies(&world.receive(&url, 10).await), ["2a"]);
    let world = world.restart();
    assert!(world.receive(&url, 10).await.is_empty());
    world.advance(10);
    assert_eq!(bodies(&world.receive(&url, 10).await), ["1a", "1b"]);
    let error = world.send_with(&url, "x", |input| {
        input.message_group_id = Some("1".into());
        input.delay_seconds = Some(5);
    });
    assert!(error.await.unwrap_err().message.contains("not valid for this queue type"));
}

#[tokio::test]
async fn a_receive_can_be_repeated_by_its_attempt_id() {
    let world = World::new();
    let url = world.create("q.fifo", &[FIFO, BY_CONTENT]).await;
    world.send_fifo(&url, "1", "1a").await;
    world.send_fifo(&url, "1", "1b").await;
    let attempt = |id: &'static str| {
        world.receive_with(&url, move |input| {
            input.receive_request_attempt_id = Some(id.into());
        })
    };
    let first = attempt("a").await.unwrap();
    world.advance(20);
    let second = attempt("a").await.unwrap();
    let handle = |got: &[Message]| got.first().and_then(|message| message.receipt_handle.clone());
    assert_eq!(handle(&first), handle(&second), "the same messages and handles");
    assert_eq!(bodies(&first), bodies(&second));
    assert_eq!(second[0].attributes.as_ref().unwrap()["ApproximateReceiveCount"], "1");
    world.advance(20);
    assert!(attempt("b").await.unwrap().is_empty(), "the timeout began anew");
    world.delete(&url, &second[0]).await.unwrap();
    assert!(attempt("a").await.unwrap().is_empty(), "one of them was deleted");
}

#[tokio::test]
async fn what_a_fifo_queue_demands() {
    let world = World::new();
    let url = world.create("q.fifo", &[FIFO]).await;
    let error = world.send_with(&url, "x", |_| ()).await.unwrap_err();
    assert_eq!(error.message, "The request must contain the parameter MessageGroupId.");
    let error =
        world.send_with(&url, "x", |input| input.message_group_id = Some("1".into())).await.unwrap_err();
    assert!(error.message.starts_with("The queue should either have ContentBasedDeduplication enabled"));
    assert_eq!(world.try_create("r.fifo", &[]).await.unwrap_err().code, "InvalidParameterValueException");
    assert_eq!(world.try_create("r", &[FIFO]).await.unwrap_err().code, "InvalidParameterValueException");
}

#[tokio::test]
async fn a_backlog_beyond_the_look_ahead_comes_in_order() {
    let world = World::new();
    let url = world.create("q.fifo", &[FIFO, BY_CONTENT]).await;
    for n in 0..2_500 {
        world.send_fifo(&url, &format!("g{}", n % 7), &n.to_string()).await;
    }
    let world = world.restart();
    assert_eq!(world.counts(&url).await, (2_500, 0, 0));
    let mut last = [None::<u32>; 7];
    for _ in 0..250 {
        let got = world.receive(&url, 10).await;
        assert_eq!(got.len(), 10);
        for message in &got {
            let n: u32 = message.body.as_ref().unwrap().parse().unwrap();
            let slot = &mut last[n as usize % 7];
            assert!(slot.is_none_or(|before| before + 7 == n));
            *slot = Some(n);
            world.delete(&url, message).await.unwrap();
        }
    }
    assert_eq!(world.counts(&url).await, (0, 0, 0));
    assert!(world.restart().receive(&url, 1).await.is_empty());
}
