//! Lines of functions: the buffer, the writer, groups and streams that make themselves.
// Helpers of tests may panic like tests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::time::{Duration, Instant};

use moln_kernel::ports::{LogLine, WriteLogs as _};
use moln_logs::{
    limits::{BUFFER_BYTES, EVENT_BYTES, LINE_OVERHEAD, STREAM_BUFFER_BYTES},
    model::{DeleteLogGroupRequest, Logs as _},
};
use support::World;

fn words(found: Vec<(String, String)>) -> Vec<String> {
    found.into_iter().map(|(stream, message)| format!("{stream}:{message}")).collect()
}

#[tokio::test]
async fn lines_make_their_group_and_stream_and_are_soon_visible() {
    let world = World::new();
    let begun = Instant::now();
    for n in 0..5 {
        assert!(world.print("/aws/lambda/f", "one", format!("line {n}")));
        assert!(world.print("/aws/lambda/f", "two", vec![b'x', 0xff, b'y']));
    }
    world.rest().await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let found = words(world.all("/aws/lambda/f").await);
    assert_eq!(found.len(), 10);
    let ones: Vec<_> = found.iter().filter(|line| line.starts_with("one")).collect();
    assert_eq!(ones, ["one:line 0", "one:line 1", "one:line 2", "one:line 3", "one:line 4"]);
    assert_eq!(found.iter().filter(|line| *line == "two:x\u{fffd}y").count(), 5);
    let world = world.restart().await;
    assert_eq!(world.all("/aws/lambda/f").await.len(), 10);
    assert!(world.print("/aws/lambda/f", "one", "after"));
    world.rest().await;
    assert_eq!(world.all("/aws/lambda/f").await.len(), 11);
}

#[tokio::test]
async fn what_waits_is_written_before_the_process_ends() {
    let world = World::new();
    assert!(world.print("g", "s", "last words"));
    let world = world.restart().await;
    assert_eq!(words(world.all("g").await), ["s:last words"]);
}

#[tokio::test]
async fn a_flood_is_told_to_stop_and_slows_nobody() {
    let world = World::new();
    let line = "x".repeat(10_000);
    let (mut taken, mut refused) = (0usize, 0usize);
    // Nothing is written meanwhile: this test does not yield.
    for _ in 0..2_000 {
        if world.print("loud", "s", line.clone()) { taken += 1 } else { refused += 1 }
    }
    assert!(refused > 0 && taken * (10_000 + LINE_OVERHEAD) <= STREAM_BUFFER_BYTES);
    assert!(world.print("quiet", "s", "hello"), "others have room");
    world.rest().await;
    assert_eq!(words(world.all("quiet").await), ["s:hello"]);
    assert_eq!(world.all("loud").await.len(), taken, "what was taken is there, whole");
    let mut streams = 0;
    while world.print("many", &format!("s{streams}"), "y".repeat(1_000_000)) {
        streams += 1;
    }
    assert!(streams * (1_000_000 + LINE_OVERHEAD) <= BUFFER_BYTES && streams >= 30, "{streams}");
    world.rest().await;
    assert_eq!(world.all("many").await.len(), streams);
}

#[tokio::test]
async fn more_than_the_buffer_holds_passes_through() {
    let world = World::new();
    let line = LogLine {
        time: moln_kernel::Clock::now(&*world.clock),
        message: "z".repeat(500).into(),
        chain: None,
    };
    let target = world.target("g", "s");
    let mut written = 0;
    while written < 100_000 {
        if world.logs.write(&target, vec![line.clone(); 1_000]) {
            written += 1_000;
        } else {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    world.rest().await;
    let found = world.all("g").await;
    assert_eq!(found.len(), 100_000);
}

#[tokio::test]
async fn a_line_longer_than_an_event_becomes_several() {
    let world = World::new();
    let line = format!("x{}", "ä".repeat(EVENT_BYTES));
    assert!(world.print("g", "s", line.clone()));
    world.rest().await;
    let found = world.all("g").await;
    assert_eq!(found.len(), 3);
    assert_eq!(found.into_iter().map(|(_, message)| message).collect::<String>(), line);
}

#[tokio::test]
async fn a_group_that_was_deleted_comes_back_empty() {
    let world = World::new();
    assert!(world.print("g", "s", "old"));
    world.rest().await;
    let input = DeleteLogGroupRequest { log_group_name: "g".into() };
    world.logs.delete_log_group(&world.ctx, input).await.unwrap();
    assert!(world.print("g", "s", "new"));
    world.rest().await;
    assert_eq!(words(world.all("g").await), ["s:new"]);
}
