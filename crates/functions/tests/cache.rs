//! Unpacked trees: made once, shared, kept while held, merged.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // these are tests

mod zips;

use std::{
    collections::HashMap,
    fs,
    io::{self, Cursor},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use moln_functions::code::{CodeCache, ReadSeek, Unpack, ZipSource};
use sha2::{Digest, Sha256};
use zips::{Entry, file, link, program, zip};

#[derive(Default)]
struct Zips {
    by_hash: Mutex<HashMap<String, Vec<u8>>>,
    opened: AtomicUsize,
}

impl Zips {
    fn add(&self, entries: &[Entry]) -> String {
        let bytes = zip(entries);
        let hash = hex::encode(Sha256::digest(&bytes));
        self.by_hash.lock().unwrap().insert(hash.clone(), bytes);
        hash
    }
}

impl ZipSource for Zips {
    fn open(&self, sha256: &str) -> io::Result<Box<dyn ReadSeek + Send>> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        let bytes = self.by_hash.lock().unwrap().get(sha256).cloned();
        Ok(Box::new(Cursor::new(bytes.ok_or(io::ErrorKind::NotFound)?)))
    }
}

fn cache(limit: u64) -> (tempfile::TempDir, Arc<Zips>, CodeCache) {
    let home = tempfile::tempdir().unwrap();
    let zips = Arc::new(Zips::default());
    let cache = CodeCache::with_limit(home.path().join("code"), zips.clone(), limit);
    (home, zips, cache)
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn modes_and_links_are_kept() {
    let (_home, zips, cache) = cache(u64::MAX);
    let odd = Entry { mode: 0o100_600, ..file("private.py", b"x") };
    let unknown = Entry { mode: 0, ..file("windows.txt", b"x") };
    let hash =
        zips.add(&[file("a/b/c.js", b"text"), program("run", b"#!"), link("a/up", "../run"), odd, unknown]);
    let tree = cache.unpacked(&hash).await.unwrap();
    let at = |name: &str| tree.path().join(name);
    assert_eq!(fs::read(at("a/b/c.js")).unwrap(), b"text");
    assert_eq!(fs::read_link(at("a/up")).unwrap(), Path::new("../run"));
    assert_eq!((mode(&at("a/b/c.js")), mode(&at("run")), mode(&at("a/b"))), (0o644, 0o755, 0o755));
    assert_eq!((mode(&at("private.py")), mode(&at("windows.txt"))), (0o644, 0o644));
    assert_eq!(tree.bytes(), 4 + 2 + 6 + 1 + 1);
}

#[tokio::test]
async fn many_askers_unpack_once() {
    let (_home, zips, cache) = cache(u64::MAX);
    let hash = zips.add(&[file("index.js", b"x")]);
    let asked: Vec<_> = (0..32)
        .map(|_| {
            let (cache, hash) = (cache.clone(), hash.clone());
            tokio::spawn(async move { cache.unpacked(&hash).await.unwrap() })
        })
        .collect();
    let mut first = None;
    for tree in asked {
        let tree = tree.await.unwrap();
        let first = first.get_or_insert_with(|| tree.clone());
        assert_eq!(first.path(), tree.path());
    }
    assert_eq!(zips.opened.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_zip_that_fails_leaves_nothing_and_can_come_later() {
    let (home, zips, cache) = cache(u64::MAX);
    let bad = zips.add(&[file("ok", b"x"), Entry { claimed_crc: Some(7), ..file("torn", b"abc") }]);
    assert!(matches!(cache.unpacked(&bad).await, Err(Unpack::Bad(_))));
    let missing = "0".repeat(64);
    assert!(matches!(cache.unpacked(&missing).await, Err(Unpack::Io(_))));
    assert!(matches!(cache.unpacked("../../etc").await, Err(Unpack::Io(_))));
    let left: Vec<_> = fs::read_dir(home.path().join("code/zips")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let good = zip(&[file("late", b"x")]);
    zips.by_hash.lock().unwrap().insert(missing.clone(), good);
    assert!(cache.unpacked(&missing).await.unwrap().path().join("late").is_file());
}

#[tokio::test]
async fn later_layers_win() {
    let (_home, zips, cache) = cache(u64::MAX);
    let one = zips.add(&[
        file("python/a.py", b"one"),
        file("only/one", b"1"),
        file("kind", b"file"),
        file("dir/inside", b"x"),
        link("link", "only/one"),
    ]);
    let two = zips.add(&[
        file("python/a.py", b"two"),
        program("extensions/agent", b"#!"),
        file("kind/now", b"directory"),
        file("dir", b"file"),
        file("link", b"file"),
    ]);
    assert!(cache.layers(&[]).await.unwrap().is_none());
    let both = cache.layers(&[one.clone(), two.clone()]).await.unwrap().unwrap();
    let read = |name: &str| fs::read_to_string(both.path().join(name)).unwrap();
    assert_eq!((read("python/a.py"), read("only/one")), ("two".into(), "1".into()));
    assert_eq!(
        (read("kind/now"), read("dir"), read("link")),
        ("directory".into(), "file".into(), "file".into())
    );
    assert_eq!(mode(&both.path().join("extensions/agent")), 0o755);
    // The layers themselves are as they were.
    let first = cache.unpacked(&one).await.unwrap();
    assert_eq!(fs::read_to_string(first.path().join("python/a.py")).unwrap(), "one");
    assert!(fs::symlink_metadata(first.path().join("link")).unwrap().is_symlink());
    let reversed = cache.layers(&[two, one]).await.unwrap().unwrap();
    assert_ne!(reversed.path(), both.path());
    assert_eq!(fs::read_to_string(reversed.path().join("python/a.py")).unwrap(), "one");
}

#[tokio::test]
async fn the_least_recently_used_goes_and_what_is_held_stays() {
    let (_home, zips, cache) = cache(250);
    let hashes: Vec<String> = (0..4_u8).map(|n| zips.add(&[file("data", &[n; 100])])).collect();
    let held = cache.unpacked(&hashes[0]).await.unwrap();
    let second = cache.unpacked(&hashes[1]).await.unwrap().path().to_owned();
    let third = cache.unpacked(&hashes[2]).await.unwrap().path().to_owned();
    assert!(held.path().join("data").is_file(), "held and oldest");
    assert!(!second.exists(), "the oldest that nobody holds");
    assert!(third.exists());
    // It comes again when it is asked for.
    assert!(cache.unpacked(&hashes[1]).await.unwrap().path().join("data").is_file());
    assert_eq!(zips.opened.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn what_is_forgotten_goes_unless_it_is_held() {
    let (_home, zips, cache) = cache(u64::MAX);
    let hash = zips.add(&[file("data", b"x")]);
    let held = cache.unpacked(&hash).await.unwrap();
    cache.forget(&hash);
    assert!(held.path().exists());
    let path = held.path().to_owned();
    drop(held);
    cache.forget(&hash);
    assert!(!path.exists());
    cache.forget("never seen");
}

#[tokio::test]
async fn a_new_cache_begins_empty() {
    let (home, zips, cache) = cache(u64::MAX);
    let hash = zips.add(&[file("data", b"x")]);
    let path = cache.unpacked(&hash).await.unwrap().path().to_owned();
    fs::write(path.join("data"), "tampered with").unwrap();
    let again = CodeCache::new(home.path().join("code"), zips.clone());
    assert!(!path.exists());
    let tree = again.unpacked(&hash).await.unwrap();
    assert_eq!(fs::read(tree.path().join("data")).unwrap(), b"x");
}
