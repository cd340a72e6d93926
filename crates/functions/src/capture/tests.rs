//! Logs from the pipe to the stream.

use std::{io::Write as _, sync::atomic::Ordering, time::Duration};

use serde_json::Value;

use super::{Destination, Form, Phase, Platform, Schema, Source, Status, Subscription, Types, pipe};
use crate::{
    LogFormat, LogLevel, Logging,
    limits::{LOG_BURST, TAIL},
    testing::{log, revision},
};

fn json(application: LogLevel, system: LogLevel) -> Logging {
    Logging {
        format: LogFormat::Json,
        application_level: Some(application),
        system_level: Some(system),
        group: "g".into(),
    }
}

#[test]
fn json_logs_keep_what_their_levels_say() {
    let (log, lines) = log(json(LogLevel::Warn, LogLevel::Debug));
    for line in [r#"{"level":"INFO","m":1}"#, r#"{"level":"ERROR","m":2}"#, "plain"] {
        log.line(Source::Function, line.as_bytes(), None);
    }
    log.line(Source::Function, b"by its frame", Some(LogLevel::Fatal));
    log.line(Source::Extension, b"an extension's", None);
    let status = Status::Success;
    log.platform(&Platform::InitRuntimeDone { phase: Phase::Init, status: &status });
    log.platform(&Platform::Start { request: "id", version: "1", tracing: None });
    log.platform(&Platform::End { request: "id" });
    log.flush();
    let all = lines.all();
    assert_eq!(all[..3], [r#"{"level":"ERROR","m":2}"#, "by its frame", "an extension's"]);
    let record: Value = serde_json::from_str(&all[3]).unwrap();
    assert_eq!(record["type"], "platform.initRuntimeDone");
    let record: Value = serde_json::from_str(&all[4]).unwrap();
    assert_eq!(record["record"], serde_json::json!({ "requestId": "id", "version": "1" }));
    assert_eq!((record["time"].as_str(), all.len()), (Some("2023-11-14T22:13:20.000Z"), 5));
}

#[test]
fn the_tail_is_the_last_four_kibibytes() {
    let (log, _) = log(revision().logging);
    log.line(Source::Function, b"before", None);
    log.start_tail();
    for number in 0..2_000 {
        log.line(Source::Function, format!("line {number}").as_bytes(), None);
    }
    let tail = log.take_tail().unwrap();
    assert_eq!(tail.len(), TAIL);
    assert!(tail.ends_with(b"line 1998\nline 1999\n"));
    log.start_tail();
    log.line(Source::Function, &vec![b'x'; 100_000], None);
    assert_eq!(log.take_tail().unwrap().len(), TAIL);
    assert_eq!(log.take_tail(), None);
}

#[test]
fn what_the_stream_does_not_take_is_counted_and_said() {
    let (log, lines) = log(revision().logging);
    lines.full.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        log.line(Source::Function, b"12345", None);
    }
    log.flush_lines();
    lines.full.store(false, Ordering::Relaxed);
    log.flush();
    assert_eq!(
        lines.all(),
        ["LOGS_DROPPED Records: 3\tBytes: 15\tReason: The function writes faster than its log takes."]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_megabytes_hold_nobody_up_and_fill_nothing() {
    let (mut log, lines) = log(revision().logging);
    // However slow the machine is: what comes after the burst is too much.
    std::sync::Arc::get_mut(&mut log).unwrap().rate = 0;
    let (reading, writing) = pipe(Form::Lines, Source::Function).unwrap();
    let following = std::sync::Arc::new(reading).follow(log).unwrap();
    let written = tokio::task::spawn_blocking(move || {
        let mut file = std::fs::File::from(writing);
        let mut text = vec![b'x'; 1 << 20];
        text.iter_mut().step_by(1_000).for_each(|b| *b = b'\n');
        for _ in 0..100 {
            file.write_all(&text).unwrap();
        }
    });
    tokio::time::timeout(Duration::from_mins(1), async {
        written.await.unwrap();
        following.await.unwrap();
    })
    .await
    .expect("the writer is never held up for long");
    let all = lines.all();
    let kept: usize = all.iter().map(String::len).sum();
    let said = all.iter().rfind(|line| line.starts_with("LOGS_DROPPED")).expect("it is said what was lost");
    let burst = usize::try_from(LOG_BURST).unwrap();
    assert!((burst / 2..=burst).contains(&kept), "{kept}, {said}");
}

#[tokio::test]
async fn subscribers_get_what_they_asked_for_in_batches() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (log, _) = log(revision().logging);
    log.platform(&Platform::InitStart { phase: Phase::Init, runtime: None, function: "f", version: "1" });
    let subscription = Subscription {
        types: Types { platform: true, function: true, extension: false },
        destination: Destination::Http { port, path: "/in".into() },
        max_items: 1_000,
        max_bytes: 262_144,
        wait: Duration::from_mins(1),
        schema: Schema::Telemetry,
    };
    log.subscribe("ext", subscription);
    log.line(Source::Function, b"hello", None);
    log.line(Source::Extension, b"not wanted", None);
    log.push_subscribers();
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut read = Vec::new();
    let body = loop {
        stream.read_buf(&mut read).await.unwrap();
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
            if body.len() == length.parse::<usize>().unwrap() {
                assert!(head.starts_with("POST /in HTTP/1.1"), "{head}");
                break body.to_owned();
            }
        }
    };
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    let events: Vec<Value> = serde_json::from_str(&body).unwrap();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["platform.initStart", "function"]);
    assert_eq!(events[1]["record"], "hello");
}
