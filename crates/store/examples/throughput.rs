//! Commits per second of the engine on disk for 1, 16, 64 and 256 callers, one and ten puts a commit, next to what bare
//! `write` and `fdatasync` in groups reach on the same disk in the same run.
//!
//! `cargo run -p moln-store --release --example throughput [DIRECTORY] [SECONDS] [CALLERS]`

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "it measures; what fails, ends it")]

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::{BufMut, BytesMut};
use moln_store::{Batch, FjallStore, Options, Store};
use tokio::sync::oneshot;

const VALUE: [u8; 300] = [b'v'; 300];

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(|| std::env::temp_dir().join("moln-throughput"), PathBuf::from);
    let time = Duration::from_secs_f64(args.next().map_or(2.0, |text| text.parse().expect("seconds")));
    let callers = args.next().map_or(vec![1, 16, 64, 256], |text| vec![text.parse().expect("callers")]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!(
        "{:>28} {:>8} {:>12} {:>8} {:>9} {:>9}",
        "", "callers", "commits/s", "group", "CPU µs", "sync µs"
    );
    for &callers in &callers {
        runtime.block_on(bare(&dir, callers, time));
    }
    for puts in [1, 10] {
        for &callers in &callers {
            runtime.block_on(engine(&dir, callers, puts, time));
        }
    }
    drop(runtime);
    let _ = std::fs::remove_dir_all(&dir);
}

/// The engine.
async fn engine(dir: &Path, callers: usize, puts: usize, time: Duration) {
    let _ = std::fs::remove_dir_all(dir);
    let store = FjallStore::open(Options::new(dir)).unwrap();
    let batch = move |store: &Store, caller: usize| {
        let mut batch = Batch::default();
        for _ in 0..puts {
            let mut key = BytesMut::with_capacity(32);
            key.put_slice(b"qb/queue/");
            key.put_u64(store.stamp());
            key.put_u16(u16::try_from(caller).unwrap());
            batch.put(key.freeze(), bytes::Bytes::from_static(&VALUE));
        }
        batch
    };
    let before = store.stats();
    let cpu = cpu_time();
    let done = run(callers, time, {
        let store = store.clone();
        move |caller| {
            let store = store.clone();
            async move {
                store.commit(batch(&store, caller)).await.unwrap();
            }
        }
    })
    .await;
    let cpu = cpu_time().saturating_sub(cpu);
    let stats = store.stats();
    report(
        &format!("engine, {puts} put(s)"),
        callers,
        done,
        time,
        cpu,
        stats.groups - before.groups,
        stats.sync_time,
    );
    store.close().unwrap();
}

/// The limit: one thread that writes what is queued and syncs.
async fn bare(dir: &Path, callers: usize, time: Duration) {
    std::fs::create_dir_all(dir).unwrap();
    let mut file = File::create(dir.join("bare")).unwrap();
    let queue: Arc<(Mutex<Vec<oneshot::Sender<()>>>, Condvar)> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let groups = Arc::new(AtomicU64::new(0));
    let writer = std::thread::spawn({
        let (queue, stop, groups) = (Arc::clone(&queue), Arc::clone(&stop), Arc::clone(&groups));
        move || {
            let mut syncing = Duration::ZERO;
            let mut buffer = Vec::new();
            loop {
                let waiting = {
                    let mut waiting = queue.0.lock().unwrap();
                    while waiting.is_empty() {
                        if stop.load(Relaxed) {
                            return syncing;
                        }
                        waiting = queue.1.wait_timeout(waiting, Duration::from_millis(20)).unwrap().0;
                    }
                    std::mem::take(&mut *waiting)
                };
                buffer.clear();
                for _ in &waiting {
                    buffer.extend_from_slice(&VALUE);
                }
                file.write_all(&buffer).unwrap();
                let start = Instant::now();
                file.sync_data().unwrap();
                syncing += start.elapsed();
                groups.fetch_add(1, Relaxed);
                for done in waiting {
                    let _ = done.send(());
                }
            }
        }
    });
    let cpu = cpu_time();
    let done = run(callers, time, move |_| {
        let queue = Arc::clone(&queue);
        async move {
            let (done, wait) = oneshot::channel();
            {
                let mut waiting = queue.0.lock().unwrap();
                waiting.push(done);
                if waiting.len() == 1 {
                    queue.1.notify_one();
                }
            }
            wait.await.unwrap();
        }
    })
    .await;
    let cpu = cpu_time().saturating_sub(cpu);
    stop.store(true, Relaxed);
    let syncing = writer.join().unwrap();
    report("write + fdatasync", callers, done, time, cpu, groups.load(Relaxed), syncing);
}

/// Lets every caller repeat `call` for `time`; answers how often all did.
async fn run<F>(callers: usize, time: Duration, call: impl Fn(usize) -> F + Clone + Send + 'static) -> u64
where
    F: Future<Output = ()> + Send + 'static,
{
    let end = Instant::now() + time;
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut done = 0;
                while Instant::now() < end {
                    call(caller).await;
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.unwrap();
    }
    done
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn report(
    what: &str,
    callers: usize,
    done: u64,
    time: Duration,
    cpu: Duration,
    groups: u64,
    syncing: Duration,
) {
    println!(
        "{what:>28} {callers:>8} {:>12.0} {:>8.1} {:>9.1} {:>9.0}",
        done as f64 / time.as_secs_f64(),
        done as f64 / groups as f64,
        cpu.as_secs_f64() * 1e6 / done as f64,
        syncing.as_secs_f64() * 1e6 / groups as f64,
    );
}

/// CPU time this process used so far (Linux; zero elsewhere).
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}
