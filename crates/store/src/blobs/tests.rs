use std::io::Write;

use super::*;
use crate::{MemoryStore, Store};

fn open() -> (Blobs, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Blobs::open(dir.path().join("blobs")).unwrap(), dir)
}

fn collect_all(blobs: &Blobs, store: &Store, now: u64) -> usize {
    (0..256).map(|_| blobs.collect(store, now, 1_000).unwrap().removed).sum()
}

async fn commit(store: &Store, fill: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::default();
    fill(&mut batch);
    store.commit(batch).await.unwrap();
}

fn files(dir: &Path) -> usize {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|p| if p.is_dir() { files(&p) } else { 1 })
        .sum()
}

#[test]
fn holds_what_was_put_once() {
    let (blobs, dir) = open();
    let content = vec![7u8; 200_000];
    let one = blobs.put(&content).unwrap();
    let mut writer = blobs.writer().unwrap();
    content.chunks(999).for_each(|part| writer.write_all(part).unwrap());
    let two = writer.finish().unwrap();
    assert_eq!(*one, *two);
    assert_eq!(BlobRef::from_bytes(&one.to_bytes()), Some(*one));
    assert_eq!(files(dir.path()), 1, "the same content is one file, and nothing temporary is left");
    assert_eq!(blobs.get(*one).unwrap(), content);
    let mut part = Vec::new();
    blobs.read(*one, 199_990..300_000).unwrap().read_to_end(&mut part).unwrap();
    assert_eq!(part, [7; 10]);
    let empty = blobs.put(b"").unwrap();
    assert_eq!(blobs.get(*empty).unwrap(), "");
}

#[test]
fn says_what_is_missing_or_damaged() {
    let (blobs, _dir) = open();
    let blob = *blobs.put(b"content").unwrap();
    let other = BlobRef { sha256: [1; 32], len: 7 };
    assert!(matches!(blobs.get(other), Err(BlobError::Missing(_))));
    assert!(matches!(blobs.pin(other), Err(BlobError::Missing(_))));
    fs::write(blobs.path(&blob), b"CONTENT").unwrap();
    assert!(matches!(blobs.get(blob), Err(BlobError::Corrupt(_))));
    fs::write(blobs.path(&blob), b"cont").unwrap();
    assert!(matches!(blobs.read(blob, 0..1).map(|_| ()), Err(BlobError::Corrupt(_))));
}

#[test]
fn an_unfinished_write_leaves_nothing() {
    let (blobs, dir) = open();
    let mut writer = blobs.writer().unwrap();
    writer.write_all(b"half").unwrap();
    drop(writer);
    assert_eq!(files(dir.path()), 0);
    // As after a kill.
    fs::write(dir.path().join("blobs/tmp/17"), b"half").unwrap();
    Blobs::open(dir.path().join("blobs")).unwrap();
    assert_eq!(files(dir.path()), 0);
}

#[tokio::test]
async fn unlinked_blobs_go_after_their_grace() {
    let (blobs, dir) = open();
    let store = MemoryStore::new();
    let pinned = blobs.put(b"kept").unwrap();
    let blob = *pinned;
    collect_all(&blobs, &store, 0);
    assert_eq!(collect_all(&blobs, &store, 5_000), 0, "pinned while its row is written");
    commit(&store, |b| {
        b.link(&blob, b"row/1").link(&blob, b"row/2");
    })
    .await;
    drop(pinned);
    collect_all(&blobs, &store, 6_000);
    assert_eq!(collect_all(&blobs, &store, 9_000), 0, "linked");
    commit(&store, |b| {
        b.unlink(&blob, b"row/1");
    })
    .await;
    assert_eq!(collect_all(&blobs, &store, 10_000), 0, "still linked by the other row");
    commit(&store, |b| {
        b.unlink(&blob, b"row/2");
    })
    .await;
    assert_eq!(collect_all(&blobs, &store, 11_000), 0, "its grace begins");
    assert_eq!(collect_all(&blobs, &store, 11_999), 0);
    let again = blobs.pin(blob).unwrap();
    assert_eq!(collect_all(&blobs, &store, 13_000), 0, "in use again");
    drop(again);
    collect_all(&blobs, &store, 14_000);
    let reading = blobs.reading();
    assert_eq!(collect_all(&blobs, &store, 16_000), 0, "a backup reads");
    drop(reading);
    assert_eq!(collect_all(&blobs, &store, 16_000), 1);
    assert_eq!(files(dir.path()), 0);
}
