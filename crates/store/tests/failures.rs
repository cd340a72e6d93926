//! What happens when the disk fails at each step. Failpoints are the whole process's, so these tests run one at a time,
//! and apart from all others.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "it is a test")]

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver},
    },
};

use moln_store::{
    Batch, BlobError, Blobs, CommitError, Committed, FjallStore, Options, Store, backup, failpoint,
};

static ONE: Mutex<()> = Mutex::new(());

/// Disarms when dropped, also when the test fails.
struct Exclusive(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

impl Drop for Exclusive {
    fn drop(&mut self) {
        failpoint::disarm();
    }
}

fn exclusive() -> Exclusive {
    Exclusive(ONE.lock().unwrap_or_else(PoisonError::into_inner))
}

fn batch(fill: impl FnOnce(&mut Batch)) -> Batch {
    let mut batch = Batch::default();
    fill(&mut batch);
    batch
}

fn commit(store: &Store, fill: impl FnOnce(&mut Batch)) -> Result<Committed, CommitError> {
    store.submit(batch(fill)).0.blocking_recv().unwrap()
}

fn files(dir: &Path) -> usize {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|p| if p.is_dir() { files(&p) } else { 1 })
        .sum()
}

/// A store whose failure is told instead of ending the process.
fn failing(dir: &Path) -> (Store, Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let on_fatal = Arc::new(move |why: &str| drop(tell.lock().unwrap().send(why.to_owned())));
    (FjallStore::open(Options { on_fatal, ..Options::new(dir) }).unwrap(), told)
}

#[test]
fn a_failed_write_or_sync_stops_everything() {
    let _one = exclusive();
    for (place, kept) in [("before_write", false), ("before_sync", true), ("after_sync", true)] {
        let dir = tempfile::tempdir().unwrap();
        let (store, told) = failing(dir.path());
        commit(&store, |b| {
            b.put("before", "1");
        })
        .unwrap();
        failpoint::arm(&format!("store.commit.{place}=error@1")).unwrap();
        let failed = commit(&store, |b| {
            b.put("during", "1");
        });
        assert!(matches!(failed, Err(CommitError::Fatal(_))), "{failed:?}");
        assert!(told.recv().unwrap().contains("failpoint"));
        assert!(store.snapshot().get(b"during").unwrap().is_none(), "what is not durable is not shown");
        assert!(matches!(
            commit(&store, |b| {
                b.put("after", "1");
            }),
            Err(CommitError::Fatal(_))
        ));
        store.stamp();
        assert!(store.close().is_err());
        drop(store);
        failpoint::disarm();
        let store = FjallStore::open(Options::new(dir.path())).unwrap();
        assert!(store.snapshot().get(b"before").unwrap().is_some());
        assert!(store.snapshot().get(b"after").unwrap().is_none());
        // Not acknowledged, so both are right; this is what the place means.
        assert_eq!(store.snapshot().get(b"during").unwrap().is_some(), kept, "{place}");
    }
}

#[test]
fn a_panic_of_the_sequencer_is_a_failure() {
    let _one = exclusive();
    let dir = tempfile::tempdir().unwrap();
    let (store, told) = failing(dir.path());
    failpoint::arm("store.commit.before_write=panic@1").unwrap();
    let pending = store.submit(batch(|b| {
        b.put("k", "1");
    }));
    assert_eq!(told.recv().unwrap(), "the sequencer panicked");
    assert!(pending.0.blocking_recv().is_err(), "not acknowledged");
}

#[test]
fn a_full_backlog_turns_away_and_commit_waits() {
    let _one = exclusive();
    let dir = tempfile::tempdir().unwrap();
    let store = FjallStore::open(Options::new(dir.path())).unwrap();
    // Holds the first group while the queue fills.
    failpoint::arm("store.commit.before_write=sleep:1500@1").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let value = bytes::Bytes::from(vec![1; 60_000]);
    let mut pending = Vec::new();
    let refused = loop {
        let mut next = store.submit(batch(|b| {
            b.put("k", value.clone());
        }));
        match next.0.try_recv() {
            Ok(refused) => break refused,
            Err(_) => pending.push(next),
        }
        assert!(pending.len() < 100_000, "bounded");
    };
    assert_eq!(refused, Err(CommitError::Unavailable));
    assert!(store.stats().turned_away == 1 && store.stats().queue_bytes > 10 << 20);
    runtime
        .block_on(store.commit(batch(|b| {
            b.put("k", "last");
        })))
        .unwrap();
    assert_eq!(store.snapshot().get(b"k").unwrap().unwrap().0, "last");
    for pending in pending {
        pending.0.blocking_recv().unwrap().unwrap();
    }
}

#[test]
fn a_blob_that_cannot_be_written_leaves_nothing() {
    let _one = exclusive();
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path().join("blobs")).unwrap();
    for (place, full) in
        [("create=error", false), ("write=partial:3", true), ("sync=error", false), ("rename=error", false)]
    {
        failpoint::arm(&format!("store.blob.{place}@1")).unwrap();
        let error = blobs.put(b"content").map(|_| ()).unwrap_err();
        assert_eq!(matches!(error, BlobError::Full), full, "{place}: {error}");
        assert_eq!(files(dir.path()), 0, "{place}");
    }
    failpoint::arm("store.blob.sync_dir=error@1").unwrap();
    blobs.put(b"content").map(|_| ()).unwrap_err();
    let blob = blobs.put(b"content").unwrap();
    assert_eq!(blobs.get(*blob).unwrap(), "content");
}

#[test]
fn a_restore_that_fails_leaves_the_target_as_it_was() {
    let _one = exclusive();
    let dir = tempfile::tempdir().unwrap();
    let mut file = Vec::new();
    {
        let store = FjallStore::open(Options::new(dir.path().join("old"))).unwrap();
        for n in 0..2_000 {
            drop(store.submit(batch(|b| {
                b.put(format!("{n}"), vec![1; 1_000]);
            })));
        }
        commit(&store, |b| {
            b.put("last", "");
        })
        .unwrap();
        failpoint::arm("store.backup.read=error@2").unwrap();
        backup::backup(&store, None, &mut file).unwrap_err();
        failpoint::arm("store.backup.write=error@2").unwrap();
        backup::backup(&store, None, &mut file).unwrap_err();
        file.clear();
        backup::backup(&store, None, &mut file).unwrap();
    }
    let new = dir.path().join("new");
    for made in [false, true] {
        for place in ["read=error@4", "move=error@1"] {
            if made {
                let _ = fs::create_dir(&new);
            }
            failpoint::arm(&format!("store.restore.{place}")).unwrap();
            backup::restore(file.as_slice(), &new).unwrap_err();
            assert_eq!(new.exists(), made, "{place}");
            assert!(!made || files(&new) == 0, "{place}");
        }
    }
    assert_eq!(backup::restore(file.as_slice(), &new).unwrap().rows, 2_001);
}
