//! What a long queue costs: loads a backlog of 300-byte rows, and says what that takes of time and memory, how long the
//! slowest commits were, how fast rows are read, how long the first rows take to be found after many were removed, and
//! how long the next process takes to open the store after this one was killed.
//!
//! `cargo run -p moln-store --release --example backlog [DIRECTORY] [ROWS]`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it measures, for people to read; what fails, ends it"
)]

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use bytes::{BufMut, Bytes, BytesMut};
use moln_store::{Batch, FjallStore, KeyRange, Options, Scan, Store};

const VALUE: [u8; 300] = [b'v'; 300];
const CALLERS: u64 = 64;
const BATCH: u64 = 10;

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(|| std::env::temp_dir().join("moln-backlog"), PathBuf::from);
    let rows: u64 = args.next().map_or(1_000_000, |text| text.parse().expect("rows"));
    match args.next().as_deref() {
        None => {
            let _ = std::fs::remove_dir_all(&dir);
            for phase in ["load", "open"] {
                let program = std::env::current_exe().unwrap();
                Command::new(program).arg(&dir).arg(rows.to_string()).arg(phase).status().unwrap();
            }
            let _ = std::fs::remove_dir_all(&dir);
        }
        Some("load") => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
            runtime.block_on(load(&dir, rows));
            // As by kill -9: nothing is closed.
            std::process::abort();
        }
        Some(_) => open(&dir),
    }
}

async fn load(dir: &Path, rows: u64) {
    let store = FjallStore::open(Options::new(dir)).unwrap();
    let empty = memory();
    let start = Instant::now();
    let tasks: Vec<_> =
        (0..CALLERS).map(|_| tokio::spawn(caller(store.clone(), rows / CALLERS / BATCH))).collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let took = start.elapsed();
    times.sort_unstable();
    let at = |part: f64| times[(times.len() as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "load {rows} rows: {:.0} rows/s, commits p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.1} ms, slowest {:.1} ms",
        rows as f64 / took.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(0.999_999),
    );
    println!("memory: {} MiB more than empty ({} MiB)", (memory() - empty) >> 20, empty >> 20);
    read(&store, rows);
    println!("disk: {} MiB, stats: {:?}", store.stats().disk_bytes >> 20, store.stats());
    remove(&store, rows * 3 / 10).await;
    println!("memory: {} MiB more than empty", (memory() - empty) >> 20);
}

async fn caller(store: Store, commits: u64) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..commits {
        let mut batch = Batch::default();
        for _ in 0..BATCH {
            batch.put(key(store.stamp()), Bytes::from_static(&VALUE));
        }
        let start = Instant::now();
        store.commit(batch).await.unwrap();
        times.push(start.elapsed());
    }
    times
}

fn read(store: &Store, rows: u64) {
    let (start, mut found) = (Instant::now(), 0u64);
    for n in 0..50_000 {
        found += u64::from(store.snapshot().get(&key(1 + n * 7_919 % rows)).unwrap().is_some());
    }
    println!("point reads: {:.0}/s ({found} found)", 50_000.0 / start.elapsed().as_secs_f64());
    let (start, mut found, mut rest) = (Instant::now(), 0, Some(KeyRange::prefix("qb/")));
    while let Some(range) = rest {
        let page = store.snapshot().scan(&range, Scan::default()).unwrap();
        found += page.rows.len();
        rest = page.rest;
    }
    println!("scan: {:.0} rows/s ({found} rows)", found as f64 / start.elapsed().as_secs_f64());
}

async fn remove(store: &Store, rows: u64) {
    let start = Instant::now();
    let mut pending = Vec::new();
    for first in (1..=rows).step_by(1_000) {
        let mut batch = Batch::default();
        for n in first..first + 1_000 {
            batch.delete(key(n));
        }
        pending.push(store.submit(batch));
    }
    for pending in pending {
        pending.await.unwrap();
    }
    println!("removed {rows} rows: {:.0} rows/s", rows as f64 / start.elapsed().as_secs_f64());
    for (what, from) in [("from the prefix", key(0)), ("from a cursor", key(rows))] {
        let start = Instant::now();
        let range = KeyRange::new(from, "qb0");
        let page = store.snapshot().scan(&range, Scan { limit: 10, ..Scan::default() }).unwrap();
        println!("first {} rows {what}: {:?}", page.rows.len(), start.elapsed());
    }
    let start = Instant::now();
    let mut batch = Batch::default();
    batch.delete_range(KeyRange::new(key(rows), key(u64::MAX)));
    store.commit(batch).await.unwrap();
    println!("the rest removed for readers: {:?}", start.elapsed());
}

fn open(dir: &Path) {
    let start = Instant::now();
    let store = FjallStore::open(Options::new(dir)).unwrap();
    let opened = start.elapsed();
    let page = store.snapshot().scan(&KeyRange::prefix("qb/"), Scan { limit: 1, ..Scan::default() }).unwrap();
    println!(
        "opened after a kill: {opened:?}, first answer {:?} ({} rows)",
        start.elapsed(),
        page.rows.len()
    );
    while store.stats().sweeping_ranges > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("swept after {:?}, memory {} MiB", start.elapsed(), memory() >> 20);
    store.close().unwrap();
}

fn key(stamp: u64) -> Bytes {
    let mut key = BytesMut::with_capacity(32);
    key.put_slice(b"qb/queue/");
    key.put_u64(stamp);
    key.freeze()
}

/// Bytes of memory this process has resident (Linux; zero elsewhere).
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib << 10)
}
