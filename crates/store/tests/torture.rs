//! Kills the engine under load, at random and at every step of a commit, and checks what the next process finds:
//! everything acknowledged, nothing in part, in order.
//!
//! The child is this test program itself, run with the environment variable below.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "it is a test")]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use moln_store::{Batch, FjallStore, KeyRange, Options, Scan, Store, backup, blobs::Blobs};

const CHILD: &str = "MOLN_TORTURE_DIR";
const WRITERS: u64 = 8;
/// Each writer keeps its last so many rows.
const KEPT: u64 = 20;

/// Writes until it is killed; says what was acknowledged on its standard output: one line `writer number`.
#[test]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let store = FjallStore::open(Options::new(&dir)).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || write(store, writer));
        }
    });
}

/// Every commit of a writer: its number, a row, the removal of an old row, a place in the common log.
fn write(store: &Store, writer: u64) {
    let key = |number: u64| format!("row/{writer}/{number:010}");
    let last = read_number(store, &format!("last/{writer}"));
    for number in last + 1.. {
        let mut batch = Batch::default();
        batch.put(format!("last/{writer}"), number.to_be_bytes().to_vec());
        batch.put(key(number), vec![u8::try_from(writer).unwrap(); 300]);
        if number > KEPT {
            batch.delete(key(number - KEPT));
        }
        batch.add("count", 1).put_stamped("log/", "", format!("{writer} {number}"), 0);
        if number % 50 == 0 {
            // Large enough, over all writers, to be a purge.
            batch.delete_range(KeyRange::new(format!("pile/{writer}/"), format!("pile/{writer}0")));
        }
        for n in 0..12 {
            batch.put(format!("pile/{writer}/{number:010}/{n}"), "");
        }
        store.submit(batch).0.blocking_recv().unwrap().unwrap();
        // One write call per line: lines of the writers do not mix, and a kill tears none.
        std::io::stdout().write_all(format!("ack {writer} {number}\n").as_bytes()).unwrap();
    }
}

fn read_number(store: &Store, key: &str) -> u64 {
    let row = store.snapshot().get(key.as_bytes()).unwrap();
    row.map_or(0, |row| u64::from_be_bytes(row.0.as_ref().try_into().unwrap()))
}

fn start(dir: &Path, failpoints: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, dir)
        .env("MOLN_FAILPOINTS", failpoints)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets the child run, for `time` or until it ends itself; answers what it acknowledged.
fn run(dir: &Path, failpoints: &str, time: Duration) -> HashMap<u64, u64> {
    let mut child = start(dir, failpoints);
    let output = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut acknowledged = HashMap::new();
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { break };
            // The harness's own words may precede the first.
            let Some(words) = line.split("ack ").nth(1) else { continue };
            let (writer, number) = words.split_once(' ').unwrap();
            acknowledged.insert(writer.parse().unwrap(), number.parse().unwrap());
        }
        acknowledged
    });
    let end = Instant::now() + time;
    while Instant::now() < end && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    child.wait().unwrap();
    reader.join().unwrap()
}

fn check(dir: &Path, acknowledged: &HashMap<u64, u64>) -> u64 {
    let opening = Instant::now();
    let store = FjallStore::open(Options::new(dir)).unwrap();
    assert!(opening.elapsed() < Duration::from_secs(20), "opened in {:?}", opening.elapsed());
    let mut total = 0;
    for writer in 0..WRITERS {
        let last = read_number(&store, &format!("last/{writer}"));
        let told = acknowledged.get(&writer).copied().unwrap_or(0);
        assert!(last >= told, "writer {writer}: {told} was acknowledged, {last} is there");
        let rows: Vec<u64> = keys(&store, &format!("row/{writer}/")).iter().map(|key| number(key)).collect();
        let expected: Vec<u64> = (last.saturating_sub(KEPT) + 1..=last).collect();
        assert_eq!(rows, expected, "writer {writer}: whole commits only");
        let piled = keys(&store, &format!("pile/{writer}/")).len() as u64;
        // The removal at a multiple of 50 comes before the same commit's twelve.
        let since = if last < 50 { last } else { last % 50 + 1 };
        assert_eq!(piled, since * 12, "writer {writer} at {last}: ranges go as a whole");
        total += last;
    }
    assert_eq!(read_number(&store, "count"), total);
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut rest = Some(KeyRange::prefix("log/"));
    let snapshot = store.snapshot();
    while let Some(range) = rest {
        let page = snapshot.scan(&range, Scan::default()).unwrap();
        for (_, val, _) in page.rows {
            let text = String::from_utf8(val.to_vec()).unwrap();
            let (writer, number) = text.split_once(' ').unwrap();
            let last = seen.entry(writer.to_owned()).or_default();
            *last += 1;
            assert_eq!(number.parse::<u64>().unwrap(), *last, "the log has every commit, in order");
        }
        rest = page.rest;
    }
    assert_eq!(seen.values().sum::<u64>(), total);
    total
}

fn keys(store: &Store, prefix: &str) -> Vec<String> {
    let (snapshot, mut keys, mut rest) =
        (store.snapshot(), Vec::new(), Some(KeyRange::prefix(prefix.to_owned())));
    while let Some(range) = rest {
        let page = snapshot.scan(&range, Scan { keys_only: true, ..Scan::default() }).unwrap();
        keys.extend(page.rows.into_iter().map(|row| String::from_utf8(row.0.to_vec()).unwrap()));
        rest = page.rest;
    }
    keys
}

fn number(key: &str) -> u64 {
    key.rsplit('/').next().unwrap().parse().unwrap()
}

#[test]
fn survives_kills() {
    if std::env::var(CHILD).is_ok() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut total = 0;
    for round in 0..10 {
        // No two rounds alike, and the same in every run.
        let acknowledged = run(dir.path(), "", Duration::from_millis(300 + round * 173 % 400));
        let now = check(dir.path(), &acknowledged);
        assert!(now >= total);
        total = now;
    }
    assert!(total > 100, "it did write: {total}");
}

#[test]
fn survives_a_crash_at_every_step_of_a_commit() {
    if std::env::var(CHILD).is_ok() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for step in ["before_write", "before_sync", "after_sync"] {
        for (action, nth) in [("abort", 1), ("abort", 40), ("error", 25), ("panic", 25)] {
            let failpoints = format!("store.commit.{step}={action}@{nth}");
            let acknowledged = run(dir.path(), &failpoints, Duration::from_secs(30));
            check(dir.path(), &acknowledged);
        }
    }
}

#[test]
fn a_backup_of_what_survived_is_whole() {
    if std::env::var(CHILD).is_ok() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    let acknowledged = run(&old, "", Duration::from_millis(500));
    let mut file = tempfile::tempfile().unwrap();
    {
        let store = FjallStore::open(Options::new(&old)).unwrap();
        backup::backup(&store, Some(&Blobs::open(old.join("blobs")).unwrap()), &mut file).unwrap();
    }
    std::io::Seek::rewind(&mut file).unwrap();
    backup::restore(&file, &new).unwrap();
    assert_eq!(check(&old, &acknowledged), check(&new, &acknowledged));
}
