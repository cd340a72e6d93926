//! Snapshots, scans, watching.

use std::time::Duration;

use super::{commit, value};
use crate::{KeyRange, Page, Scan, Store};

/// A snapshot never changes, whatever is committed after.
pub async fn snapshots_are_isolated(store: Store) {
    let empty = store.snapshot();
    commit(&store, |b| {
        b.put("a", "1").put("b", "1");
    })
    .await
    .unwrap();
    let one = store.snapshot();
    for n in 0..200 {
        commit(&store, |b| {
            b.put("a", format!("{n}")).delete("b").put(format!("c/{n}"), "");
        })
        .await
        .unwrap();
    }
    commit(&store, |b| {
        b.delete_range(KeyRange::prefix(""));
    })
    .await
    .unwrap();
    let all = KeyRange::prefix("");
    assert!(empty.get(b"a").unwrap().is_none() && empty.scan(&all, Scan::default()).unwrap().rows.is_empty());
    let rows = one.scan(&all, Scan::default()).unwrap().rows;
    let rows: Vec<_> = rows.iter().map(|(key, val, _)| (key.as_ref(), val.as_ref())).collect();
    assert_eq!(rows, [(b"a".as_ref(), b"1".as_ref()), (b"b", b"1")]);
    assert_eq!(one.multi_get(&["b".into(), "zz".into(), "a".into()]).unwrap().iter().flatten().count(), 2);
    assert!(value(&store, "a").is_none());
    assert!(empty.version() < one.version() && one.version() < store.snapshot().version());
}

/// Pages put together are the range, forward and from the end.
pub async fn scans_page_both_ways(store: Store) {
    commit(&store, |b| {
        for n in 0..100 {
            b.put(format!("k/{n:03}"), format!("{n}"));
        }
        b.put("j", "before").put("k", "before").put("k0", "behind").put("l", "behind");
    })
    .await
    .unwrap();
    let expected: Vec<String> = (0..100).map(|n| format!("k/{n:03}")).collect();
    for limit in [1, 7, 100, 101] {
        for reverse in [false, true] {
            let (snapshot, mut found) = (store.snapshot(), Vec::new());
            let mut rest = Some(KeyRange::prefix("k/"));
            while let Some(range) = rest {
                let page = snapshot.scan(&range, Scan { reverse, limit, ..Scan::default() }).unwrap();
                assert!(page.rows.len() <= limit && !page.rows.is_empty());
                found.extend(page.rows.into_iter().map(|row| String::from_utf8(row.0.to_vec()).unwrap()));
                rest = page.rest;
            }
            if reverse {
                found.reverse();
            }
            assert_eq!(found, expected, "limit {limit}, reverse {reverse}");
        }
    }
}

/// Values can be left out; a page ends at its bytes but holds one row at least.
pub async fn keys_only_and_bytes(store: Store) {
    commit(&store, |b| {
        for n in 0..10 {
            b.put(format!("k{n}"), vec![b'v'; 100]);
        }
    })
    .await
    .unwrap();
    let snapshot = store.snapshot();
    let scan = |how: Scan| -> Page { snapshot.scan(&KeyRange::prefix("k"), how).unwrap() };
    let page = scan(Scan { keys_only: true, ..Scan::default() });
    assert!(page.rows.len() == 10 && page.rest.is_none());
    assert!(page.rows.iter().all(|(_, val, version)| val.is_empty() && *version > 0));
    let page = scan(Scan { bytes: 300, ..Scan::default() });
    assert_eq!((page.rows.len(), page.rest), (3, Some(KeyRange::new("k3", "l"))));
    assert_eq!(scan(Scan { bytes: 0, ..Scan::default() }).rows.len(), 1);
    assert_eq!(scan(Scan { limit: 0, ..Scan::default() }).rows.len(), 1);
}

/// Ranges that hold nothing answer nothing.
pub async fn empty_and_crossed_ranges(store: Store) {
    commit(&store, |b| {
        b.put("m", "");
    })
    .await
    .unwrap();
    for range in
        [KeyRange::new("z", "a"), KeyRange::new("m", "m"), KeyRange::new("", ""), KeyRange::new("n", "o")]
    {
        for reverse in [false, true] {
            let page = store.snapshot().scan(&range, Scan { reverse, ..Scan::default() }).unwrap();
            assert!(page.rows.is_empty() && page.rest.is_none(), "{range:?}");
        }
        commit(&store, |b| {
            b.delete_range(range.clone());
        })
        .await
        .unwrap();
    }
    assert!(value(&store, "m").is_some());
    assert!(store.snapshot().get(b"").unwrap().is_none());
}

/// A watcher wakes for commits under its prefix, not for others, and then sees them.
pub async fn watch_wakes_for_its_prefix(store: Store) {
    let mut mine = store.watch("q/1/");
    let mut other = store.watch("q/2/");
    let pending = store.submit({
        let mut batch = crate::Batch::default();
        batch.put("q/1/m", "1");
        batch
    });
    tokio::time::timeout(Duration::from_secs(30), mine.changed()).await.unwrap().unwrap();
    assert_eq!(value(&store, "q/1/m").as_deref(), Some("1"), "visible when woken");
    pending.await.unwrap();
    assert!(!other.has_changed().unwrap());
    mine.mark_unchanged();
    commit(&store, |b| {
        b.delete_range(KeyRange::prefix("q/2"));
    })
    .await
    .unwrap();
    commit(&store, |b| {
        b.put("q/2/m", "");
    })
    .await
    .unwrap();
    assert!(other.has_changed().unwrap() && !mine.has_changed().unwrap());
    other.mark_unchanged();
}
