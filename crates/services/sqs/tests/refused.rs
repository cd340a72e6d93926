//! Commits that are refused, one or all from some moment on (as when the process is killed): nothing is lost, nothing
//! appears that was never sent, counts are right.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // helpers of tests

mod support;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use moln_fabric::Workers;
use moln_kernel::{ManualClock, Timestamp};
use moln_sqs::model::*;
use moln_store::MemoryStore;
use support::{START, World, faulty::faulty};

const FIFO: [(&str, &str); 2] = [("FifoQueue", "true"), ("ContentBasedDeduplication", "true")];

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp(START)))
}

async fn fill(world: &World, url: &str, count: usize) {
    for n in 0..count {
        let fifo = url.rsplit_once('.').is_some_and(|(_, kind)| kind == "fifo");
        let group =
            |input: &mut SendMessageRequest| input.message_group_id = fifo.then(|| (n % 3).to_string());
        world.send_with(url, &format!("m{n}"), group).await.unwrap();
    }
}

/// Everything that can be received, deleted on the way; what comes twice is told.
async fn drain(world: &World, url: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    loop {
        let got = world.receive(url, 10).await;
        if got.is_empty() {
            return all;
        }
        for message in got {
            world.delete(url, &message).await.unwrap();
            let body = message.body.unwrap();
            assert!(all.insert(body.clone()), "{body} came twice");
        }
    }
}

fn sent(count: usize) -> BTreeSet<String> {
    (0..count).map(|n| format!("m{n}")).collect()
}

async fn task(world: &World) -> ListMessageMoveTasksResultEntry {
    let input = ListMessageMoveTasksRequest { source_arn: arn(world, "dead").await, max_results: None };
    let listed = world.sqs.list_message_move_tasks(&world.ctx, input).await.unwrap();
    listed.results.unwrap().remove(0)
}

async fn arn(world: &World, name: &str) -> String {
    let fifo = world
        .sqs
        .get_queue_url(&world.ctx, GetQueueUrlRequest { queue_name: name.into(), ..Default::default() });
    let suffix = if fifo.await.is_ok() { "" } else { ".fifo" };
    format!("arn:aws:sqs:us-east-1:000000000000:{name}{suffix}")
}

/// Moves 25 messages; the process is killed after `commits` commits. Whether the task was done by then.
async fn killed_after(commits: u64, extra: &[(&str, &str)]) -> bool {
    let disk = MemoryStore::new();
    let (store, refusals) = faulty(&disk);
    let world = World::on(store, clock());
    let suffix = if extra.is_empty() { "" } else { ".fifo" };
    let dead = world.create(&format!("dead{suffix}"), extra).await;
    let target = world.create(&format!("target{suffix}"), extra).await;
    let source = arn(&world, "dead").await;
    let policy = format!(r#"{{"deadLetterTargetArn":"{source}","maxReceiveCount":1}}"#);
    let mut attributes = vec![("RedrivePolicy", policy.as_str())];
    attributes.extend(extra);
    world.create(&format!("q{suffix}"), &attributes).await;
    // Some were received, some were not.
    fill(&world, &dead, 25).await;
    for message in world.receive(&dead, 7).await {
        world.change(&dead, &message, 0).await.unwrap();
    }
    let destination_arn = Some(arn(&world, "target").await);
    let input = StartMessageMoveTaskRequest {
        source_arn: source,
        destination_arn,
        max_number_of_messages_per_second: None,
    };
    world.sqs.start_message_move_task(&world.ctx, input).await.unwrap();
    refusals.set(commits, u64::MAX);
    let workers = Workers::new(world.clock.clone());
    world.sqs.start(&workers);
    while refusals.refused() == 0 && task(&world).await.status.as_deref() == Some("RUNNING") {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let done = refusals.refused() == 0;
    workers.stop(Duration::from_secs(5)).await;
    // The next process, at the same moment.
    let world = World::on(disk, world.clock.clone());
    let workers = Workers::new(world.clock.clone());
    world.sqs.start(&workers);
    workers.quiescent(Duration::from_secs(20)).await.unwrap();
    let task = task(&world).await;
    assert_eq!(task.status.as_deref(), Some("COMPLETED"));
    assert_eq!(world.counts(&dead).await, (0, 0, 0), "left behind after {commits} commits");
    assert_eq!(world.counts(&target).await, (25, 0, 0));
    assert_eq!(task.approximate_number_of_messages_moved, Some(25));
    assert_eq!(drain(&world, &target).await, sent(25));
    world.advance(120);
    assert_eq!(world.counts(&dead).await, (0, 0, 0), "nor does anything come back");
    workers.stop(Duration::from_secs(5)).await;
    done
}

#[tokio::test]
async fn a_move_task_killed_at_any_commit_leaves_nothing_behind() {
    for extra in [&[][..], &FIFO] {
        let mut commits = 0;
        while !killed_after(commits, extra).await {
            commits += 1;
            assert!(commits < 100);
        }
        assert!(commits > 2, "it was killed in between");
    }
}

#[tokio::test]
async fn a_refused_move_is_made_up_for_in_the_same_process() {
    let (store, refusals) = faulty(&MemoryStore::new());
    let world = World::on(store, clock());
    let dead = world.create("dead", &[]).await;
    let target = world.create("target", &[]).await;
    let source = arn(&world, "dead").await;
    let policy = format!(r#"{{"deadLetterTargetArn":"{source}","maxReceiveCount":1}}"#);
    world.create("q", &[("RedrivePolicy", &policy)]).await;
    fill(&world, &dead, 25).await;
    let input = StartMessageMoveTaskRequest {
        source_arn: source,
        destination_arn: Some(arn(&world, "target").await),
        ..Default::default()
    };
    world.sqs.start_message_move_task(&world.ctx, input).await.unwrap();
    refusals.set(1, 1);
    let workers = Workers::new(world.clock.clone());
    world.sqs.start(&workers);
    for _ in 0..100 {
        if task(&world).await.status.as_deref() == Some("COMPLETED") {
            break;
        }
        // A worker that failed tries again a little later.
        world.advance(60);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let task = task(&world).await;
    assert_eq!(
        (task.status.as_deref(), task.approximate_number_of_messages_moved),
        (Some("COMPLETED"), Some(25))
    );
    assert_eq!((world.counts(&dead).await, world.counts(&target).await), ((0, 0, 0), (25, 0, 0)));
    assert_eq!(drain(&world, &target).await, sent(25));
    workers.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_was_refused_never_was() {
    for extra in [&[][..], &FIFO] {
        let (store, refusals) = faulty(&MemoryStore::new());
        let world = Arc::new(World::on(store, clock()));
        let url = world.create(if extra.is_empty() { "q" } else { "q.fifo" }, extra).await;
        let fifo = !extra.is_empty();
        let group = |input: &mut SendMessageRequest| input.message_group_id = fifo.then(|| "9".into());
        fill(&world, &url, 10).await;
        refusals.set(0, 1);
        let error = world.send_with(&url, "phantom", group).await.unwrap_err();
        assert_eq!((error.code.as_ref(), refusals.refused()), ("InternalFailure", 1));
        assert_eq!(world.counts(&url).await, (10, 0, 0), "a send");
        refusals.set(0, 1);
        assert!(world.receive_with(&url, |_| ()).await.is_err());
        assert_eq!(world.counts(&url).await, (10, 0, 0), "a receive");
        let got = world.receive(&url, 1).await.remove(0);
        refusals.set(0, 1);
        assert!(world.delete(&url, &got).await.is_err());
        assert_eq!(world.counts(&url).await, (9, 1, 0), "a delete");
        refusals.set(0, 1);
        assert!(world.change(&url, &got, 0).await.is_err());
        assert_eq!(world.counts(&url).await, (9, 1, 0), "a change of visibility");
        world.change(&url, &got, 0).await.unwrap();
        assert_eq!(drain(&world, &url).await, sent(10));
        assert_eq!(world.counts(&url).await, (0, 0, 0));
        // One that waits sees neither: it is not woken for good by what was refused, and is by what comes then.
        let waiting = {
            let (world, url) = (Arc::clone(&world), url.clone());
            tokio::spawn(
                async move { world.receive_with(&url, |input| input.wait_time_seconds = Some(20)).await },
            )
        };
        while world.sqs.next_due().is_none() {
            tokio::task::yield_now().await;
        }
        refusals.set(0, 1);
        assert!(world.send_with(&url, "phantom", group).await.is_err());
        world.sqs.settled().await;
        assert!(!waiting.is_finished());
        world.send_with(&url, "real", group).await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap()[0].body.as_deref(), Some("real"));
    }
}

#[tokio::test]
async fn a_refused_redrive_leaves_the_message_where_it_was() {
    let (store, refusals) = faulty(&MemoryStore::new());
    let world = World::on(store, clock());
    let dead = world.create("dead", &[]).await;
    let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":1}}"#, arn(&world, "dead").await);
    let url = world.create("q", &[("RedrivePolicy", &policy), ("VisibilityTimeout", "0")]).await;
    fill(&world, &url, 5).await;
    assert_eq!(world.receive(&url, 10).await.len(), 5);
    refusals.set(0, 1);
    assert!(world.receive_with(&url, |_| ()).await.is_err());
    assert_eq!(refusals.refused(), 1);
    assert_eq!((world.counts(&url).await, world.counts(&dead).await), ((5, 0, 0), (0, 0, 0)));
    assert!(world.receive(&url, 10).await.is_empty());
    assert_eq!((world.counts(&url).await, world.counts(&dead).await), ((0, 0, 0), (5, 0, 0)));
    assert_eq!(drain(&world, &dead).await, sent(5));
}
