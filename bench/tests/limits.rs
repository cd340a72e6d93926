//! The limits: they answer with the body, verify signatures, write the journal, and end with their parent.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use moln_bench::{
    body::Bodies,
    client::{Connection, Credentials, Endpoint, Line, Request},
    compare::{Comparison, Scratch, Server, Subject},
    limit::{self, Limit, Options},
    load::{Sizes, Target, Workload, metric, run},
};
use tokio::net::TcpListener;

async fn start(limit: Limit, dir: &Path) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = Options {
        limit,
        listen: address,
        workers: 1,
        dir: dir.to_owned(),
        secret_key: Credentials::default().secret_key,
    };
    tokio::spawn(limit::accept(listener, &options).unwrap());
    address
}

fn disk() -> Scratch {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Scratch::new(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("limits-{number}"))).unwrap()
}

fn sizes() -> Sizes {
    Sizes {
        connections: 4,
        warm_up: Duration::from_millis(20),
        measure: Duration::from_millis(200),
        groups: 10,
        drain: 100,
        backlog: 100,
        waiters: 1,
        idle: Duration::from_millis(200),
        fill: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn every_limit_answers_every_steady_workload() {
    let scratch = disk();
    for limit in Limit::ALL {
        let endpoint = Endpoint::at(start(limit, &scratch.join("journal")).await, Arc::default());
        let target =
            Target { name: limit.name().to_owned(), endpoint, process: None, dialect: limit.dialect() };
        for workload in Workload::STEADY.into_iter().filter(|one| one.is_for(limit.dialect())) {
            let outcome = run(workload, &target, &sizes(), &Bodies::new(50)).await;
            assert_eq!(outcome.trouble, None, "{} {}", limit.name(), workload.name());
            assert!(outcome.values[metric::RATE] > 0.0);
        }
        assert!(run(Workload::Backlog, &target, &sizes(), &Bodies::new(50)).await.trouble.is_some());
    }
}

#[tokio::test]
async fn signatures_are_verified() {
    let scratch = disk();
    let address = start(Limit::Sigv4, &scratch.join("journal")).await;
    let with = |secret_key: &str| {
        let credentials = Credentials { secret_key: secret_key.to_owned(), ..Credentials::default() };
        Endpoint::at(address, Arc::new(credentials))
    };
    let mut request = Request::new("SendMessage");
    Line::open(&with(&Credentials::default().secret_key))
        .await
        .unwrap()
        .echo(&mut request, b"body")
        .await
        .unwrap();
    let refused =
        Line::open(&with("other")).await.unwrap().echo(&mut Request::new("SendMessage"), b"body").await;
    assert!(refused.unwrap_err().to_string().contains("403"));

    let mut signed = Vec::new();
    request.write(&with(&Credentials::default().secret_key), b"body", &mut signed);
    let signed = String::from_utf8(signed).unwrap();
    let today = &signed[signed.find("X-Amz-Date: ").unwrap() + 12..][..16];
    for (status, changed) in [
        (200, signed.clone()),
        (403, signed.replace("\r\nbody", "\r\nBody").replace("\r\n\r\nbody", "\r\n\r\nbodY")),
        (403, signed.replace("AmazonSQS.SendMessage", "AmazonSQS.DeleteQueue")),
        (403, signed.replace("POST / ", "POST /x ")),
        (403, signed.replace(today, "20150830T123600Z")),
        (403, signed.replace("Signature=", "Signature=00")),
        (403, signed.replace("Authorization", "X-Authorization")),
    ] {
        let mut connection = Connection::open(address).await.unwrap();
        assert_eq!(connection.exchange(changed.as_bytes()).await.unwrap().0, status, "{changed}");
    }
}

#[tokio::test]
async fn the_journal_holds_what_was_answered() {
    let scratch = disk();
    let dir = scratch.join("journal");
    let address = start(Limit::Sync, &dir).await;
    let mut line = Line::open(&Endpoint::at(address, Arc::default())).await.unwrap();
    for body in [&b"first"[..], b"second"] {
        line.echo(&mut Request::new("SendMessage"), body).await.unwrap();
    }
    let file = std::fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
    let journal = std::fs::read(file).unwrap();
    assert!(journal.starts_with(b"firstsecond\0"));
    assert_eq!(journal.len(), 64 << 20);
}

#[test]
fn a_binary_that_does_not_answer_is_an_error_with_its_log() {
    let scratch = disk();
    let comparison = Comparison {
        subject: Subject::Binary { path: "/bin/ls".into(), arguments: Vec::new() },
        peers: Vec::new(),
        limits: Vec::new(),
        workloads: vec![Workload::Send],
        rounds: 1,
        sizes: sizes(),
        body_bytes: 50,
        credentials: Arc::default(),
        dir: scratch.join("comparison"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(comparison.run()).err().unwrap().to_string();
    assert!(error.contains("/bin/ls does not answer") && error.contains("--listen"), "{error}");
    assert_eq!(std::fs::read_dir(scratch.join("comparison")).unwrap().count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn a_limit_of_its_own_process_ends_with_its_server() {
    let scratch = disk();
    let binary = Path::new(env!("CARGO_BIN_EXE_moln-bench"));
    let server =
        Server::limit_of(binary, Limit::Echo, &scratch.join("echo"), &Credentials::default()).unwrap();
    let (address, process) = (server.address, server.process());
    let mut line = Line::open(&Endpoint::at(address, Arc::default())).await.unwrap();
    line.echo(&mut Request::new("SendMessage"), b"body").await.unwrap();
    assert!(process.usage().unwrap().rss > 0);
    drop(server);
    assert!(process.usage().is_none());
    assert!(Connection::open(address).await.is_err());
}
