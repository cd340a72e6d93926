use std::path::Path;

use super::*;
use crate::{Batch, FjallStore, Options};

fn batch(fill: impl FnOnce(&mut Batch)) -> Batch {
    let mut batch = Batch::default();
    fill(&mut batch);
    batch
}

fn commit(store: &Store, fill: impl FnOnce(&mut Batch)) {
    store.submit(batch(fill)).0.blocking_recv().unwrap().unwrap();
}

fn rows(store: &Store) -> Vec<(bytes::Bytes, bytes::Bytes)> {
    let (snapshot, mut rows, mut rest) = (store.snapshot(), Vec::new(), Some(KeyRange::prefix("")));
    while let Some(range) = rest {
        let page = snapshot.scan(&range, Scan::default()).unwrap();
        rows.extend(page.rows.into_iter().map(|(key, val, _)| (key, val)));
        rest = page.rest;
    }
    rows
}

/// A store with 3,000 rows of up to 4 KB and two blobs, and its backup.
fn made(dir: &Path) -> (Store, Blobs, Vec<u8>) {
    let store = FjallStore::open(Options::new(dir)).unwrap();
    let blobs = Blobs::open(dir.join("blobs")).unwrap();
    for chunk in 0..30 {
        commit(&store, |b| {
            for n in 0..100 {
                b.put(format!("row/{chunk}/{n}"), vec![u8::try_from(n).unwrap(); n * 40]);
            }
            b.put_stamped("stamped/", "", "", 0);
        });
    }
    for content in [vec![1; 700_000], vec![2; 10]] {
        let blob = blobs.put(&content).unwrap();
        commit(&store, |b| {
            b.link(&blob, b"one").link(&blob, b"two").put("blob/of", blob.to_bytes().to_vec());
        });
    }
    blobs.put(b"linked by nobody").unwrap();
    let mut file = Vec::new();
    let contents = backup(&store, Some(&blobs), &mut file).unwrap();
    assert_eq!(contents, Contents { rows: 3_000 + 30 + 4 + 1, blobs: 2 });
    (store, blobs, file)
}

#[test]
fn restores_what_was_there_and_counts_on() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _, file) = made(&dir.path().join("old"));
    let stamp = store.stamp();
    let version = store.snapshot().version();
    let new = dir.path().join("deep/new");
    restore(file.as_slice(), &new).unwrap();
    let restored = FjallStore::open(Options::new(&new)).unwrap();
    assert_eq!(rows(&restored), rows(&store));
    let blobs = Blobs::open(new.join("blobs")).unwrap();
    let blob = blobs::BlobRef::from_bytes(&restored.snapshot().get(b"blob/of").unwrap().unwrap().0).unwrap();
    assert_eq!(blobs.get(blob).unwrap().as_ref(), [2; 10]);
    assert!(
        restored.snapshot().version() >= version && restored.stamp() >= stamp,
        "numbers do not come again"
    );
    assert!(matches!(restore(file.as_slice(), &new), Err(BackupError::NotEmpty)));
    let left = std::fs::read_dir(&new).unwrap().map(|entry| entry.unwrap().file_name());
    let mut left: Vec<_> = left.collect();
    left.sort();
    assert_eq!(left, ["blobs", "engine", "format", "lock"]);
}

#[test]
fn a_damaged_backup_restores_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (_, _, file) = made(&dir.path().join("old"));
    let new = dir.path().join("new");
    let damaged = |file: &[u8]| {
        let error = restore(file, &new).unwrap_err();
        assert!(matches!(error, BackupError::Damaged(_)), "{error}");
        assert!(!new.exists(), "untouched");
    };
    for keep in [0, 5, 12, 40, file.len() / 3, file.len() / 2, file.len() - 9, file.len() - 1] {
        damaged(&file[..keep]);
    }
    for at in [0, 13, 30, file.len() / 2, file.len() - 1] {
        let mut file = file.clone();
        file[at] ^= 1;
        damaged(&file);
    }
    std::fs::create_dir_all(new.join(crate::fjall::RESTORING)).unwrap();
    let refused = FjallStore::open(Options::new(&new)).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("did not finish"));
    std::fs::remove_dir_all(&new).unwrap();
    let mut longer = file.clone();
    longer.push(0);
    damaged(&longer);
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 1, "only the old store");
}

#[test]
fn is_one_moment_while_commits_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = FjallStore::open(Options::new(dir.path().join("old"))).unwrap();
    let write = |n: u32| {
        commit(&store, |b| {
            for key in 0..20 {
                b.put(format!("k/{key}"), n.to_be_bytes().to_vec());
            }
        });
    };
    write(0);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let file = std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1.. {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                write(n);
            }
        });
        let mut file = Vec::new();
        for _ in 0..20 {
            file.clear();
            backup(&store, None, &mut file).unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        file
    });
    restore(file.as_slice(), &dir.path().join("new")).unwrap();
    let rows = rows(&FjallStore::open(Options::new(dir.path().join("new"))).unwrap());
    assert_eq!(rows.len(), 20);
    assert!(rows.windows(2).all(|pair| pair[0].1 == pair[1].1), "all of one commit");
}
