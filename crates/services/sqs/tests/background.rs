//! Redrive, message move tasks, retention: what happens without a client asking.

#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::time::Duration;

use moln_fabric::Workers;
use moln_sqs::model::*;
use support::{World, bodies};

struct Busy {
    world: World,
    workers: Workers,
}

impl Busy {
    fn new() -> Self {
        Self::with(World::new())
    }
    fn with(world: World) -> Self {
        let workers = Workers::new(world.clock.clone());
        world.sqs.start(&workers);
        Self { world, workers }
    }
    /// A new process on the same data.
    async fn restart(self) -> Self {
        self.workers.stop(Duration::from_secs(5)).await;
        Self::with(self.world.restart())
    }
    async fn rest(&self) {
        self.workers.quiescent(Duration::from_secs(20)).await.unwrap();
    }
    /// Moves the clock second by second, so that all that falls due happens in between.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.world.advance(1);
            self.rest().await;
        }
    }
    async fn tasks(&self, arn: &str) -> Vec<ListMessageMoveTasksResultEntry> {
        let input = ListMessageMoveTasksRequest { source_arn: arn.into(), max_results: Some(10) };
        self.world
            .sqs
            .list_message_move_tasks(&self.world.ctx, input)
            .await
            .unwrap()
            .results
            .unwrap_or_default()
    }
    async fn start(
        &self,
        source: &str,
        destination: Option<&str>,
        rate: Option<i32>,
    ) -> Result<String, String> {
        let input = StartMessageMoveTaskRequest {
            source_arn: source.into(),
            destination_arn: destination.map(Into::into),
            max_number_of_messages_per_second: rate,
        };
        let result = self.world.sqs.start_message_move_task(&self.world.ctx, input).await;
        result.map(|result| result.task_handle.unwrap()).map_err(|error| error.message)
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{name}")
}

/// A queue `name` whose messages go to `name-dead` after `receives` receives.
async fn pair(world: &World, name: &str, receives: u32, extra: &[(&str, &str)]) -> (String, String) {
    let suffix = if extra.contains(&("FifoQueue", "true")) { ".fifo" } else { "" };
    let dead = world.create(&format!("{name}-dead{suffix}"), extra).await;
    let policy = format!(
        r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{receives}}}"#,
        arn(&format!("{name}-dead{suffix}"))
    );
    let mut attributes = vec![("RedrivePolicy", policy.as_str()), ("VisibilityTimeout", "0")];
    attributes.extend(extra);
    (world.create(&format!("{name}{suffix}"), &attributes).await, dead)
}

/// Sends messages and receives them until they are dead.
async fn kill(world: &World, url: &str, count: usize) {
    for n in 0..count {
        world.send(url, &format!("m{n}")).await;
    }
    for _ in 0..count * 2 {
        world.receive(url, 10).await;
    }
}

#[tokio::test]
async fn a_message_received_too_often_goes_to_the_dead_letter_queue() {
    let world = World::new();
    let (url, dead) = pair(&world, "q", 2, &[]).await;
    let sent = world.send(&url, "x").await;
    assert_eq!(world.receive(&url, 1).await.len(), 1);
    world.advance(5);
    assert_eq!(world.receive(&url, 1).await.len(), 1);
    assert!(world.receive(&url, 1).await.is_empty());
    assert_eq!((world.counts(&url).await, world.counts(&dead).await), ((0, 0, 0), (1, 0, 0)));
    let world = world.restart();
    assert_eq!((world.counts(&url).await, world.counts(&dead).await), ((0, 0, 0), (1, 0, 0)));
    let got = world.receive(&dead, 1).await;
    let attributes = got[0].attributes.as_ref().unwrap();
    assert_eq!(got[0].message_id, sent.message_id);
    assert_eq!(attributes["ApproximateReceiveCount"], "3");
    assert_eq!(attributes["SentTimestamp"], support::START.to_string());
    assert_eq!(attributes["DeadLetterQueueSourceArn"], arn("q"));
}

#[tokio::test]
async fn a_fifo_message_keeps_its_group_and_gets_its_id_for_deduplication() {
    let world = World::new();
    let fifo = [("FifoQueue", "true"), ("ContentBasedDeduplication", "true")];
    let (url, dead) = pair(&world, "q", 1, &fifo).await;
    let first = world.send_fifo(&url, "g", "a").await;
    world.send_fifo(&url, "g", "b").await;
    assert_eq!(bodies(&world.receive(&url, 1).await), ["a"]);
    assert_eq!(bodies(&world.receive(&url, 1).await), ["b"], "a dead message no longer leads its group");
    let got = world.receive(&dead, 1).await;
    let attributes = got[0].attributes.as_ref().unwrap();
    assert_eq!(attributes["MessageGroupId"], "g");
    assert_eq!(Some(&attributes["MessageDeduplicationId"]), first.message_id.as_ref());
}

#[tokio::test]
async fn redrive_policies_must_fit() {
    let world = World::new();
    let (url, _) = pair(&world, "q", 2, &[]).await;
    world.create("f.fifo", &[("FifoQueue", "true")]).await;
    for target in ["nothing", "f.fifo"] {
        let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":1}}"#, arn(target));
        assert!(world.set(&url, &[("RedrivePolicy", &policy)]).await.is_err(), "{target}");
    }
    world.set(&url, &[("RedrivePolicy", "")]).await.unwrap();
    assert!(!world.attributes(&url).await.contains_key("RedrivePolicy"));
    let allow = format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{}"]}}"#, arn("other"));
    world.set("q-dead", &[("RedriveAllowPolicy", &allow)]).await.unwrap();
    let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":1}}"#, arn("q-dead"));
    assert!(world.set(&url, &[("RedrivePolicy", &policy)]).await.is_err());
}

#[tokio::test]
async fn a_move_task_brings_messages_back_to_where_they_came_from() {
    let busy = Busy::new();
    let (url, dead) = pair(&busy.world, "q", 1, &[]).await;
    kill(&busy.world, &url, 25).await;
    assert_eq!(busy.world.counts(&dead).await, (25, 0, 0));
    busy.start(&arn("q-dead"), None, None).await.unwrap();
    busy.rest().await;
    assert_eq!((busy.world.counts(&url).await, busy.world.counts(&dead).await), ((25, 0, 0), (0, 0, 0)));
    let tasks = busy.tasks(&arn("q-dead")).await;
    let task = &tasks[0];
    assert_eq!(task.status.as_deref(), Some("COMPLETED"));
    assert_eq!(task.approximate_number_of_messages_moved, Some(25));
    assert_eq!(task.approximate_number_of_messages_to_move, Some(25));
    assert_eq!(task.task_handle, None);
    let got = busy.world.receive(&url, 1).await;
    assert_eq!(got[0].attributes.as_ref().unwrap()["ApproximateReceiveCount"], "1");
}

#[tokio::test]
async fn the_rate_is_kept_by_the_clock_and_a_restart_goes_on() {
    let busy = Busy::new();
    let (url, dead) = pair(&busy.world, "q", 1, &[]).await;
    kill(&busy.world, &url, 10).await;
    let target = busy.world.create("target", &[]).await;
    busy.start(&arn("q-dead"), Some(&arn("target")), Some(2)).await.unwrap();
    busy.rest().await;
    assert_eq!(busy.world.counts(&target).await.0, 1, "the first goes at once");
    busy.pass(2).await;
    assert_eq!(busy.world.counts(&target).await.0, 5);
    assert!(busy.start(&arn("q-dead"), None, None).await.unwrap_err().contains("already a task running"));
    let busy = busy.restart().await;
    busy.rest().await;
    busy.pass(10).await;
    assert_eq!((busy.world.counts(&target).await.0, busy.world.counts(&dead).await), (10, (0, 0, 0)));
    assert_eq!(busy.tasks(&arn("q-dead")).await[0].approximate_number_of_messages_moved, Some(10));
}

#[tokio::test]
async fn a_task_can_be_cancelled_once() {
    let busy = Busy::new();
    let (url, dead) = pair(&busy.world, "q", 1, &[]).await;
    kill(&busy.world, &url, 10).await;
    let task_handle = busy.start(&arn("q-dead"), None, Some(1)).await.unwrap();
    busy.rest().await;
    busy.pass(1).await;
    let cancel = || {
        let input = CancelMessageMoveTaskRequest { task_handle: task_handle.clone() };
        busy.world.sqs.cancel_message_move_task(&busy.world.ctx, input)
    };
    assert_eq!(cancel().await.unwrap().approximate_number_of_messages_moved, Some(2));
    busy.rest().await;
    assert_eq!(busy.tasks(&arn("q-dead")).await[0].status.as_deref(), Some("CANCELLED"));
    assert!(cancel().await.is_err());
    busy.pass(60).await;
    assert_eq!(busy.world.counts(&dead).await.0, 8);
}

#[tokio::test]
async fn a_task_fails_when_its_destination_goes_or_a_message_has_no_source() {
    let busy = Busy::new();
    let (url, dead) = pair(&busy.world, "q", 1, &[]).await;
    kill(&busy.world, &url, 5).await;
    let target = busy.world.create("target", &[]).await;
    busy.start(&arn("q-dead"), Some(&arn("target")), Some(1)).await.unwrap();
    busy.rest().await;
    busy.world.sqs.delete_queue(&busy.world.ctx, DeleteQueueRequest { queue_url: target }).await.unwrap();
    busy.rest().await;
    let task = busy.tasks(&arn("q-dead")).await.remove(0);
    assert_eq!(task.failure_reason.as_deref(), Some("AWS.SimpleQueueService.NonExistentQueue"));
    assert_eq!(busy.world.counts(&dead).await, (4, 0, 0));
    busy.world.send(&dead, "sent here directly").await;
    busy.start(&arn("q-dead"), None, None).await.unwrap();
    busy.rest().await;
    let task = busy.tasks(&arn("q-dead")).await.remove(0);
    assert_eq!(task.failure_reason.as_deref(), Some("CouldNotDetermineMessageSource"));
    assert_eq!(busy.world.counts(&dead).await, (5, 0, 0), "nothing is lost nor left hidden");
}

#[tokio::test]
async fn what_a_move_task_demands() {
    let busy = Busy::new();
    pair(&busy.world, "q", 1, &[]).await;
    let words = |result: Result<String, String>| result.unwrap_err();
    assert!(
        words(busy.start(&arn("nothing"), None, None).await).contains("SourceArn parameter doesn't exist")
    );
    assert!(
        words(busy.start(&arn("q"), None, None).await).contains("must be configured as a Dead Letter Queue")
    );
    assert!(
        words(busy.start(&arn("q-dead"), Some(&arn("x")), None).await).contains("DestinationArn parameter")
    );
    assert!(words(busy.start(&arn("q-dead"), None, Some(501)).await).contains("between 1 and 500"));
    for _ in 0..12 {
        busy.start(&arn("q-dead"), None, None).await.unwrap();
        busy.rest().await;
    }
    assert_eq!(busy.tasks(&arn("q-dead")).await.len(), 10);
}

#[tokio::test]
async fn messages_past_their_retention_are_gone_and_counted_out() {
    let busy = Busy::new();
    let world = &busy.world;
    let url = world.create("q", &[("MessageRetentionPeriod", "60")]).await;
    for n in 0..500 {
        world.send(&url, &n.to_string()).await;
    }
    let got = world.receive(&url, 5).await;
    world.send_with(&url, "delayed", |input| input.delay_seconds = Some(900)).await.unwrap();
    world.advance(30);
    world.send(&url, "younger").await;
    busy.rest().await;
    assert_eq!(world.counts(&url).await, (501 - 5 + 5, 0, 1));
    busy.pass(30).await;
    assert_eq!(world.counts(&url).await, (1, 0, 0));
    world.delete(&url, &got[0]).await.unwrap();
    assert_eq!(bodies(&world.receive(&url, 10).await), ["younger"]);
    let busy = busy.restart().await;
    busy.rest().await;
    assert_eq!(busy.world.counts(&url).await, (0, 1, 0));
    busy.pass(30).await;
    assert_eq!(busy.world.counts(&url).await, (0, 0, 0));
}

#[tokio::test]
async fn retention_wakes_by_itself() {
    let busy = Busy::new();
    busy.rest().await;
    let url = busy.world.create("q", &[("MessageRetentionPeriod", "60")]).await;
    busy.world.send(&url, "x").await;
    busy.world.advance(60);
    for _ in 0..2_000 {
        if busy.world.counts(&url).await == (0, 0, 0) {
            return;
        }
        // Nothing but the clock has told the worker.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the message is still there");
}

#[tokio::test]
async fn an_expired_message_is_not_handed_out_even_before_it_is_removed() {
    let world = World::new();
    let url = world.create("q", &[("MessageRetentionPeriod", "60"), ("VisibilityTimeout", "0")]).await;
    world.send(&url, "fresh").await;
    world.send(&url, "received").await;
    world.receive(&url, 2).await;
    world.send(&url, "never received").await;
    world.advance(61);
    assert!(world.receive(&url, 10).await.is_empty());
    assert_eq!(world.counts(&url).await, (0, 0, 0));
}

#[tokio::test]
async fn a_dead_letter_keeps_its_age() {
    let busy = Busy::new();
    let world = &busy.world;
    let (url, dead) = pair(world, "q", 1, &[("MessageRetentionPeriod", "100")]).await;
    world.send(&url, "x").await;
    busy.pass(50).await;
    world.receive(&url, 1).await;
    world.receive(&url, 1).await;
    world.send(&dead, "younger").await;
    assert_eq!(world.counts(&dead).await.0, 2);
    busy.pass(50).await;
    assert_eq!(bodies(&world.receive(&dead, 10).await), ["younger"]);
}
