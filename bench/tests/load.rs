//! The workloads against a fake SQS: they count what was done, clean up, and notice every wrong answer.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod fake;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use fake::{Fake, Fault};
use moln_bench::{
    body::Bodies,
    client::Endpoint,
    load::{Dialect, Outcome, Sizes, Target, Workload, metric, run},
    process::Process,
};

fn sizes() -> Sizes {
    Sizes {
        connections: 4,
        warm_up: Duration::from_millis(20),
        measure: Duration::from_millis(200),
        groups: 10,
        drain: 1_005,
        backlog: 2_000,
        waiters: 20,
        idle: Duration::from_millis(200),
        fill: Duration::from_secs(20),
    }
}

async fn measure(workload: Workload, address: SocketAddr) -> Outcome {
    let target = Target {
        name: "fake".to_owned(),
        endpoint: Endpoint::at(address, Arc::default()),
        process: Some(Process::this()),
        dialect: Dialect::Aws,
    };
    run(workload, &target, &sizes(), &Bodies::new(50)).await
}

#[tokio::test]
async fn steady_workloads_yield_figures_on_fresh_queues_and_remove_them() {
    let (fake, address) = Fake::start(Fault::None).await;
    for workload in Workload::STEADY.into_iter().filter(|one| !Workload::OBJECTS.contains(one)) {
        let outcome = measure(workload, address).await;
        assert_eq!(outcome.trouble, None, "{}", workload.name());
        for figure in [metric::RATE, metric::P50, metric::P99, metric::RSS] {
            assert!(outcome.values[figure] > 0.0, "{}: {figure} in {outcome:?}", workload.name());
        }
        assert!(outcome.values[metric::P50] <= outcome.values[metric::P99]);
    }
    let created = fake.created();
    assert_eq!(created.len(), Workload::STEADY.len() - Workload::OBJECTS.len());
    assert!(created.iter().any(|name| name.strip_suffix(".fifo").is_some()));
    assert_eq!(fake.queues(), 0);
}

#[tokio::test]
async fn drain_receives_and_deletes_each_message_once_and_ends() {
    let (fake, address) = Fake::start(Fault::None).await;
    let outcome = measure(Workload::Drain, address).await;
    assert_eq!(outcome.trouble, None);
    assert_eq!(fake.received_and_deleted(), (1_005, 1_005));
}

#[tokio::test]
async fn backlog_compares_few_with_many() {
    let (fake, address) = Fake::start(Fault::None).await;
    let outcome = measure(Workload::Backlog, address).await;
    assert_eq!(outcome.trouble, None);
    assert!((outcome.values["messages"] - 2_000.0).abs() < 0.5);
    for figure in [metric::RATIO, "receive-few", "receive-many", "turnover-few", "turnover-many"] {
        assert!(outcome.values[figure] > 0.0, "{figure}");
    }
    assert!(outcome.values.contains_key(metric::BYTES));
    assert_eq!(fake.queues(), 0);
}

#[tokio::test]
async fn waiters_wake() {
    let (fake, address) = Fake::start(Fault::None).await;
    let outcome = measure(Workload::Waiters, address).await;
    assert_eq!(outcome.trouble, None);
    assert!(outcome.values[metric::P50] > 0.0 && outcome.values[metric::P99] < 1_000.0, "{outcome:?}");
    assert_eq!(fake.received_and_deleted().0, 200);
}

#[tokio::test]
async fn every_wrong_answer_is_noticed() {
    for (fault, workload, words) in [
        (Fault::Throttles, Workload::Send, "SendMessage answered 400: {\"__type\":\"ThrottlingException\"}"),
        (Fault::WrongMd5, Workload::Send, "MD5OfMessageBody is not the body's"),
        (Fault::WrongMd5, Workload::FifoSend, "MD5OfMessageBody is not the body's"),
        (Fault::WrongMd5, Workload::SendBatch, "0 right MD5s"),
        (Fault::MissingEntry, Workload::SendBatch, "9 right MD5s and 9 message ids for 10 entries"),
        (Fault::WrongBody, Workload::Cycle, "a body or its MD5 is not what was sent"),
        (Fault::FailedEntry, Workload::Drain, "1 of 10 entries failed"),
    ] {
        let (_, address) = Fake::start(fault).await;
        let trouble = measure(workload, address).await.trouble;
        assert!(trouble.as_deref().is_some_and(|trouble| trouble.contains(words)), "{fault:?}: {trouble:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let trouble = measure(Workload::Send, address).await.trouble.unwrap();
    assert!(trouble.contains("connect to 127.0.0.1"), "{trouble}");
}
