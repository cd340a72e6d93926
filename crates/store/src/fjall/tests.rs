//! The engine on disk: what it does beyond the suite every engine passes.

use std::{fs, sync::atomic::AtomicUsize};

use super::*;
use crate::Scan;

fn open() -> (Store, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (FjallStore::open(Options::new(dir.path())).unwrap(), dir)
}

fn batch(fill: impl FnOnce(&mut Batch)) -> Batch {
    let mut batch = Batch::default();
    fill(&mut batch);
    batch
}

fn commit(store: &Store, fill: impl FnOnce(&mut Batch)) -> Result<Committed, CommitError> {
    store.submit(batch(fill)).0.blocking_recv().unwrap()
}

fn count(store: &Store, prefix: &'static str) -> usize {
    let (snapshot, mut rows, mut rest) = (store.snapshot(), 0, Some(KeyRange::prefix(prefix)));
    while let Some(range) = rest {
        let page = snapshot.scan(&range, Scan { keys_only: true, ..Scan::default() }).unwrap();
        rows += page.rows.len();
        rest = page.rest;
    }
    rows
}

mod conformance {
    crate::conformance_suite!(super::open);
}

#[test]
fn numbers_rise_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let (mut stamp, mut version, mut base) = (0, 0, 0);
    for round in 0..4u8 {
        let store = FjallStore::open(Options::new(dir.path())).unwrap();
        assert!(store.snapshot().version() >= version);
        let next = store.stamp();
        assert!(next > stamp);
        let done = commit(&store, |b| {
            b.put("k", vec![round]).put_stamped("s/", "", vec![round], 0);
        })
        .unwrap();
        assert!(done.version > version && done.stamp_base > base);
        (stamp, version, base) = (store.stamp(), done.version, done.stamp_base);
        if round % 2 == 0 {
            store.close().unwrap();
        }
    }
    let store = FjallStore::open(Options::new(dir.path())).unwrap();
    let rows = store.snapshot().scan(&KeyRange::prefix("s/"), Scan::default()).unwrap().rows;
    assert!(rows.iter().map(|row| row.1[0]).eq(0..4), "stamps kept the order over restarts");
}

#[test]
fn stamps_are_handed_out_beyond_a_block() {
    let (store, dir) = open();
    let mut last = 0;
    for _ in 0..2 * BLOCK + 10 {
        let stamp = store.stamp();
        assert!(stamp > last);
        last = stamp;
    }
    drop(store);
    assert!(FjallStore::open(Options::new(dir.path())).unwrap().stamp() > last);
}

#[test]
fn one_process_at_a_time() {
    let (store, dir) = open();
    let refused = FjallStore::open(Options::new(dir.path())).map(|_| ()).unwrap_err();
    assert!(matches!(refused, StoreError::Locked(_)));
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    drop(store);
    FjallStore::open(Options::new(dir.path())).unwrap();
}

#[test]
fn a_newer_or_foreign_format_is_refused() {
    let (store, dir) = open();
    drop(store);
    for (text, word) in [("moln-store 2\n", "use a newer one"), ("something else", "not a format file")] {
        fs::write(dir.path().join("format"), text).unwrap();
        let refused = FjallStore::open(Options::new(dir.path())).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains(word), "{refused}");
    }
    fs::remove_file(dir.path().join("format")).unwrap();
    assert!(FjallStore::open(Options::new(dir.path())).is_err(), "an engine without its format");
}

#[test]
fn a_purge_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = FjallStore::open(Options::new(dir.path())).unwrap();
    for chunk in 0..20 {
        commit(&store, |b| {
            for n in 0..1_000 {
                b.put(format!("p/{chunk:02}/{n:03}"), "value");
            }
        })
        .unwrap();
    }
    commit(&store, |b| {
        b.put("q", "");
    })
    .unwrap();
    // Closing does not wait for the sweep.
    let removed = store.submit(batch(|b| {
        b.delete_range(KeyRange::prefix("p/"));
    }));
    let written = store.submit(batch(|b| {
        b.put("p/10/500", "new");
    }));
    store.close().unwrap();
    removed.0.blocking_recv().unwrap().unwrap();
    written.0.blocking_recv().unwrap().unwrap();
    drop(store);
    let store = FjallStore::open(Options::new(dir.path())).unwrap();
    assert_eq!((count(&store, "p/"), count(&store, "q")), (1, 1));
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while store.stats().sweeping_ranges > 0 {
        assert!(std::time::Instant::now() < deadline, "swept in the end");
        std::thread::yield_now();
    }
    assert_eq!(store.snapshot().get(b"p/10/500").unwrap().unwrap().0, "new");
    assert_eq!((count(&store, "p/"), count(&store, "q")), (1, 1));
}

#[test]
fn a_lone_purge_is_swept() {
    let (store, _dir) = open();
    commit(&store, |b| {
        for n in 0..1_000 {
            b.put(format!("p/{n:03}"), "value");
        }
    })
    .unwrap();
    commit(&store, |b| {
        b.delete_range(KeyRange::prefix("p/"));
    })
    .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while store.stats().sweeping_ranges > 0 {
        assert!(std::time::Instant::now() < deadline, "nobody has to remove another range for it");
        std::thread::yield_now();
    }
    assert_eq!(count(&store, "p/"), 0);
}

#[test]
fn concurrent_commits_share_a_sync() {
    let (store, _dir) = open();
    let before = store.stats();
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let (store, done) = (&store, &done);
            scope.spawn(move || {
                for n in 0..50 {
                    commit(store, |b| {
                        b.put(format!("{thread}/{n}"), "");
                    })
                    .unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let stats = store.stats();
    assert_eq!((done.into_inner(), stats.commits - before.commits), (800, 800));
    assert!(stats.groups < 700, "{} groups", stats.groups);
    assert_eq!(stats.sync_histogram.iter().sum::<u64>(), stats.groups);
    assert!(stats.sync_time > std::time::Duration::ZERO && stats.disk_bytes > 0 && stats.queue == 0);
}

/// Each life of the store goes on with what a kill would have left of the one before: first a journal written ahead, then
/// one that is appended to.
#[test]
fn what_was_committed_survives_a_journal_written_ahead() {
    let lives = tempfile::tempdir().unwrap();
    let value = |number: u32| number.to_le_bytes().repeat(2_000);
    let mut number = 0;
    for life in 0..3 {
        let dir = lives.path().join(life.to_string());
        let store = FjallStore::open(Options::new(&dir)).unwrap();
        assert_eq!(count(&store, "k/"), usize::try_from(number).unwrap());
        for known in (0..number).step_by(97) {
            let (found, _) = store.snapshot().get(format!("k/{known:08}").as_bytes()).unwrap().unwrap();
            assert_eq!(*found, *value(known));
        }
        if life == 2 {
            break;
        }
        // Some 4 MiB: written ahead several times, and yet in memory, so that no file comes or goes while they are copied.
        for _ in 0..500 {
            commit(&store, |b| {
                b.put(format!("k/{number:08}"), value(number));
            })
            .unwrap();
            number += 1;
        }
        let next = lives.path().join((life + 1).to_string());
        let copied = std::process::Command::new("cp").arg("-r").arg(&dir).arg(&next).status().unwrap();
        assert!(copied.success());
    }
}
