//! Retention, concurrency, restarts.
// Helpers of tests may panic like tests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::{sync::Arc, time::Duration};

use moln_logs::model::{
    DeleteLogStreamRequest, DescribeLogGroupsRequest, GetLogEventsRequest, Logs as _,
    PutRetentionPolicyRequest,
};
use moln_store::{KeyRange, Scan};
use support::World;

const DAY: Duration = Duration::from_hours(24);

async fn retain(world: &World, days: i32) {
    let input = PutRetentionPolicyRequest { log_group_name: "g".into(), retention_in_days: days };
    world.logs.put_retention_policy(&world.ctx, input).await.unwrap();
}

async fn stored(world: &World) -> i64 {
    let answer =
        world.logs.describe_log_groups(&world.ctx, DescribeLogGroupsRequest::default()).await.unwrap();
    answer.log_groups.unwrap()[0].stored_bytes.unwrap()
}

/// Rows of events on disk.
fn chunks(world: &World) -> usize {
    let all = Scan { limit: usize::MAX, bytes: usize::MAX, ..Scan::default() };
    world.store.snapshot().scan(&KeyRange::prefix("lgc"), all).unwrap().rows.len()
}

#[tokio::test]
async fn retention_removes_rows_by_the_clock_alone() {
    let world = World::new();
    world.group("g", &["old", "both", "new"]).await;
    retain(&world, 7).await;
    world.put("g", "old", &["a"; 100]).await.unwrap();
    world.put("g", "both", &["b"]).await.unwrap();
    world.pass(4 * DAY).await;
    world.put("g", "both", &["c"]).await.unwrap();
    world.put("g", "new", &["d"]).await.unwrap();
    assert_eq!((chunks(&world), stored(&world).await), (4, 103 * 27));
    world.pass(3 * DAY + Duration::from_hours(2)).await;
    assert_eq!((chunks(&world), stored(&world).await), (2, 2 * 27));
    assert_eq!(world.all("g").await.len(), 2);
    let world = world.restart().await;
    world.pass(5 * DAY).await;
    assert_eq!((chunks(&world), stored(&world).await), (0, 0));
    world.put("g", "old", &["e"]).await.unwrap();
    assert_eq!(world.all("g").await.len(), 1, "a stream that was emptied is read on");
    world.pass(8 * DAY).await;
    assert_eq!(chunks(&world), 0, "and emptied again");
}

#[tokio::test]
async fn a_shorter_retention_counts_at_once() {
    let world = World::new();
    world.group("g", &["s"]).await;
    world.put("g", "s", &["a"]).await.unwrap();
    world.pass(2 * DAY).await;
    retain(&world, 1).await;
    assert!(world.all("g").await.is_empty());
    world.rest().await;
    assert_eq!(chunks(&world), 0);
}

#[tokio::test]
async fn writers_at_once_lose_and_mix_nothing() {
    let world = Arc::new(World::new());
    world.group("g", &["s"]).await;
    let writers: Vec<_> = (0..20)
        .map(|writer| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                for n in 0..50 {
                    let message = format!("{writer}-{n}");
                    world.put("g", "s", &[&message]).await.unwrap();
                    assert!(world.print("g", "s", message));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    world.rest().await;
    let found = world.all("g").await;
    assert_eq!(found.len(), 2_000);
    let distinct: std::collections::BTreeSet<_> = found.into_iter().collect();
    assert_eq!(distinct.len(), 1_000);
    assert!(stored(&world).await > 2_000 * 26);
}

#[tokio::test]
async fn a_stream_deleted_under_its_writers_leaves_nothing() {
    for _ in 0..20 {
        let world = Arc::new(World::new());
        world.group("g", &["s"]).await;
        let writer = {
            let world = Arc::clone(&world);
            tokio::spawn(async move { while world.put("g", "s", &["m"]).await.is_ok() {} })
        };
        tokio::task::yield_now().await;
        let input = DeleteLogStreamRequest { log_group_name: "g".into(), log_stream_name: "s".into() };
        let deleted = world.logs.delete_log_stream(&world.ctx, input).await;
        if let Err(error) = deleted {
            // It says so when it does not get between the writers.
            assert_eq!(error.code, "OperationAbortedException");
            writer.abort();
            continue;
        }
        writer.await.unwrap();
        assert_eq!((chunks(&world), stored(&world).await), (0, 0));
    }
}

#[tokio::test]
async fn pages_walk_a_stream_both_ways_over_many_chunks() {
    let world = World::new();
    world.group("g", &["s"]).await;
    let big = "x".repeat(3_000);
    for n in 0..50 {
        let lines: Vec<String> = (0..10).map(|m| format!("{n:02}{m}{big}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        world.put("g", "s", &lines).await.unwrap();
        if n % 3 == 0 {
            moln_kernel::MovableClock::advance(&*world.clock, Duration::from_millis(7));
        }
    }
    let walk = async |head: bool| {
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let input = GetLogEventsRequest {
                log_group_name: Some("g".into()),
                log_stream_name: "s".into(),
                next_token: token.clone(),
                limit: Some(37),
                start_from_head: Some(head),
                ..Default::default()
            };
            let page = world.logs.get_log_events(&world.ctx, input).await.unwrap();
            let next = if head { page.next_forward_token } else { page.next_backward_token };
            let mut lines: Vec<String> =
                page.events.unwrap().into_iter().map(|e| e.message.unwrap()[..3].to_owned()).collect();
            if lines.is_empty() {
                assert_eq!(next, token, "the same token at the end");
                return found;
            }
            if !head {
                lines.reverse();
            }
            found.extend(lines);
            token = next;
        }
    };
    let wanted: Vec<String> = (0..500).map(|n| format!("{n:03}")).collect();
    assert_eq!(walk(true).await, wanted);
    let mut backward = walk(false).await;
    backward.reverse();
    assert_eq!(backward, wanted);
}
