//! Removing ranges, from one key to a hundred thousand.

use super::{batch, commit, keys, value, version};
use crate::{KeyRange, Store};

/// What lies within goes, its neighbours stay.
pub async fn delete_range_small(store: Store) {
    commit(&store, |b| {
        for key in ["a", "b", "b/1", "b/2", "c"] {
            b.put(key, "");
        }
    })
    .await
    .unwrap();
    commit(&store, |b| {
        b.delete_range(KeyRange::new("b", "b/2"));
    })
    .await
    .unwrap();
    assert_eq!(keys(&store, ""), ["a", "b/2", "c"]);
}

/// Within a batch the order counts: what is written before goes, what is written behind stays.
pub async fn delete_range_and_writes_around_it(store: Store) {
    for many in [10, 5_000] {
        fill(&store, "r/", many).await;
        commit(&store, |b| {
            b.put("r/before", "1").put("r/00000003", "again").add("r/n", 5);
            b.delete_range(KeyRange::prefix("r/"));
            b.put("r/behind", "1").put("r/00000005", "again").add("r/n", 1);
        })
        .await
        .unwrap();
        assert_eq!(keys(&store, "r/"), ["r/00000005", "r/behind", "r/n"]);
        assert_eq!(store.snapshot().get(b"r/n").unwrap().unwrap().0.as_ref(), 1u64.to_be_bytes());
        assert_eq!(version(&store, "r/00000001"), 0);
        commit(&store, |b| {
            b.delete_range(KeyRange::prefix("r/"));
        })
        .await
        .unwrap();
    }
}

/// A huge range goes at once for every reader, an old snapshot keeps it, new rows live in it from the next commit on.
pub async fn delete_range_huge(store: Store) {
    const ROWS: usize = 100_000;
    fill(&store, "h/", ROWS).await;
    commit(&store, |b| {
        b.put("g", "").put("i", "");
    })
    .await
    .unwrap();
    let old = store.snapshot();
    let removed = store.submit(batch(|b| {
        b.delete_range(KeyRange::prefix("h/"));
    }));
    let written = store.submit(batch(|b| {
        b.absent("h/00000042").put("h/00000042", "new");
    }));
    removed.await.unwrap();
    written.await.unwrap();
    assert_eq!(keys(&store, ""), ["g", "h/00000042", "i"]);
    commit(&store, |b| {
        b.put("h/00000007", "new").delete("h/00000042");
    })
    .await
    .unwrap();
    assert_eq!(keys(&store, ""), ["g", "h/00000007", "i"]);
    assert!(old.get(b"h/00099999").unwrap().is_some());
    assert_eq!(value(&store, "h/00099999"), None);
    commit(&store, |b| {
        b.unchanged("h/00099999", 0).put("h/00099999", "x");
    })
    .await
    .unwrap();
    commit(&store, |b| {
        b.delete_range(KeyRange::prefix(""));
    })
    .await
    .unwrap();
    assert_eq!(keys(&store, ""), Vec::<String>::new());
}

/// Puts `rows` rows.
async fn fill(store: &Store, prefix: &str, rows: usize) {
    let numbers: Vec<usize> = (0..rows).collect();
    for chunk in numbers.chunks(1_000) {
        commit(store, |b| {
            for n in chunk {
                b.put(format!("{prefix}{n:08}"), "value");
            }
        })
        .await
        .unwrap();
    }
}
