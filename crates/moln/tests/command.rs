//! The program from outside: what needs no client library.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // all tests

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

fn moln(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moln"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        if name.starts_with("MOLN_") || name.starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    moln(arguments).output().unwrap()
}

/// A directory of one test, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("moln-command-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server on a free port.
struct Server {
    child: Child,
    address: String,
    took: Duration,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let started = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let took = started.elapsed();
        let address = line.trim().rsplit("//").next().unwrap().to_owned();
        Self { child, address, took }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_starts_quickly_answers_and_stops_on_sigterm() {
    let scratch = Scratch::new("starts");
    let mut server =
        Server::start(moln(&["serve", "--data", &scratch.path("data"), "--listen", "127.0.0.1:0"]));
    // 100 ms are promised of an optimised build on a quiet machine; this one may be neither.
    assert!(server.took < Duration::from_secs(5), "{:?}", server.took);
    assert!(server.get("/_moln/health").starts_with("HTTP/1.1 200"));
    assert!(server.get("/000000000000/q").contains("<UnknownOperationException/>"));
    let created = server.get("/?Action=CreateQueue&QueueName=q");
    assert!(created.contains(&format!("http://{}/000000000000/q", server.address)), "{created}");
    let endpoint = format!("http://{}", server.address);
    let clock = run(&["clock", "advance", "15m", "--endpoint", &endpoint]);
    assert!(
        clock.status.success() && String::from_utf8_lossy(&clock.stdout).contains("15m ahead"),
        "{clock:?}"
    );
    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn a_backup_is_taken_while_it_runs_and_fills_an_empty_directory_only() {
    let scratch = Scratch::new("backup");
    let (data, copy, file) = (scratch.path("data"), scratch.path("copy"), scratch.path("state.moln"));
    let server = Server::start(moln(&["serve", "--data", &data, "--listen", "127.0.0.1:0"]));
    server.get("/?Action=CreateQueue&QueueName=q");
    server.get("/000000000000/q?Action=SendMessage&MessageBody=kept");
    let endpoint = format!("http://{}", server.address);
    let saved = run(&["backup", &file, "--endpoint", &endpoint]);
    assert!(saved.status.success(), "{saved:?}");
    for private in [&data, &file] {
        let mode = std::fs::metadata(private).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{private}: {mode:o} lets others read messages");
    }
    let refused = run(&["restore", &file, "--data", &data]);
    assert_eq!(refused.status.code(), Some(1), "a directory that is in use: {refused:?}");
    drop(server);
    let restored = run(&["restore", &file, "--data", &copy]);
    assert!(restored.status.success(), "{restored:?}");
    let server = Server::start(moln(&["serve", "--data", &copy, "--listen", "127.0.0.1:0"]));
    let answer = server.get("/000000000000/q?Action=ReceiveMessage");
    assert!(answer.contains("<Body>kept</Body>"), "{answer}");
    drop(server);
    // Of a directory nobody serves; a file that cannot be written leaves nothing behind.
    assert!(run(&["backup", &scratch.path("again.moln"), "--data", &copy]).status.success());
    let nowhere = run(&["backup", &scratch.path("no/such/place.moln"), "--data", &copy]);
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
    std::fs::write(&file, b"not a backup").unwrap();
    assert_eq!(run(&["restore", &file, "--data", &scratch.path("third")]).status.code(), Some(1));
    let left: Vec<_> =
        std::fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".partial")), "{left:?}");
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let scratch = Scratch::new("order");
    let file = scratch.path("moln.toml");
    std::fs::write(&file, "region = 'eu-north-1'\naccount = '111111111111'\nlisten = ['127.0.0.1:0']")
        .unwrap();
    let mut command =
        moln(&["serve", "--config", &file, "--data", &scratch.path("data"), "--account", "333333333333"]);
    command.env("MOLN_REGION", "eu-west-1").env("MOLN_ACCOUNT", "222222222222");
    let server = Server::start(command);
    server.get("/?Action=CreateQueue&QueueName=q");
    let answer = server.get("/333333333333/q?Action=GetQueueAttributes&AttributeName.1=QueueArn");
    assert!(answer.contains("arn:aws:sqs:eu-west-1:333333333333:q"), "{answer}");
}

#[test]
fn it_does_not_open_up_without_a_key() {
    let refused = run(&["serve", "--listen", "0.0.0.0:0"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("no default key") && said.contains("MOLN_ACCESS_KEY_ID"), "{said}");
}

#[test]
fn nobody_answering_is_said_with_what_to_do() {
    let lost = run(&["health", "--endpoint", "http://127.0.0.1:9"]);
    let said = String::from_utf8_lossy(&lost.stderr).into_owned();
    assert_eq!(lost.status.code(), Some(3), "{said}");
    assert!(said.contains("127.0.0.1:9") && said.contains("moln serve"), "{said}");
}

#[test]
fn what_is_told_to_a_newcomer_works_with_every_client() {
    // Version 1 of the AWS CLI would call AWS itself without it; the SDK for JavaScript reads AWS_REGION only.
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    assert!(help.contains("aws --endpoint-url $AWS_ENDPOINT_URL sqs"), "{help}");
    let exports = String::from_utf8(run(&["env", "--region", "eu-north-1"]).stdout).unwrap();
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        assert!(exports.lines().any(|line| line == format!("export {name}=eu-north-1")), "{exports}");
    }
}

#[test]
fn a_refusal_says_why() {
    let scratch = Scratch::new("refusal");
    let mut command =
        moln(&["serve", "--auth", "required", "--data", &scratch.path("data"), "--listen", "127.0.0.1:0"]);
    command.env("MOLN_ACCESS_KEY_ID", "AKIDROOT").env("MOLN_SECRET_ACCESS_KEY", "longsecret");
    let server = Server::start(command);
    let refused = run(&["clock", "show", "--endpoint", &format!("http://{}", server.address)]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("missing Authentication Token"), "{said}");
}
