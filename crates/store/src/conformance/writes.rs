//! Operations, order, limits, ids.

use bytes::Bytes;

use super::{batch, commit, keys, value};
use crate::{CommitError, Store};

/// Versions rise in the order of `submit`, whoever waits first; the last submit has the last word.
pub async fn order_is_the_order_of_submit(store: Store) {
    let pending: Vec<_> = (0..500)
        .map(|n| {
            store.submit(batch(|b| {
                b.put("k", format!("{n}")).put(format!("log/{n:03}"), "");
            }))
        })
        .collect();
    let mut last = 0;
    let mut versions = Vec::new();
    for (n, pending) in pending.into_iter().enumerate().rev() {
        versions.push((n, pending.await.unwrap().version));
    }
    for (_, version) in versions.into_iter().rev() {
        assert!(version > last);
        last = version;
    }
    assert_eq!(value(&store, "k").unwrap(), "499");
    assert_eq!(keys(&store, "log/").len(), 500);
    assert!(store.snapshot().version() >= last);
}

/// Within a batch, operations take effect in their order.
pub async fn last_write_of_a_batch_wins(store: Store) {
    commit(&store, |b| {
        b.put("a", "1").put("a", "2").delete("a").put("a", "3");
        b.put("b", "1").delete("b");
        b.delete("c").put("c", "1");
    })
    .await
    .unwrap();
    assert_eq!(value(&store, "a").as_deref(), Some("3"));
    assert_eq!(value(&store, "b"), None);
    assert_eq!(value(&store, "c").as_deref(), Some("1"));
}

/// A refused batch writes none of its operations, and takes no version.
pub async fn a_refused_batch_leaves_nothing(store: Store) {
    let before = commit(&store, |b| {
        b.put("a", "1").put("text", "not eight");
    })
    .await
    .unwrap();
    let refused = commit(&store, |b| {
        b.put("b", "1").delete("a").absent("a");
    })
    .await;
    assert_eq!(refused, Err(CommitError::Conflict { index: 0 }));
    let refused = commit(&store, |b| {
        b.put("b", "1").delete("a").add("text", 1);
    })
    .await;
    assert_eq!(refused, Err(CommitError::NotACounter { index: 2 }));
    assert_eq!((value(&store, "a").as_deref(), value(&store, "b")), (Some("1"), None));
    let after = commit(&store, |b| {
        b.put("b", "2");
    })
    .await
    .unwrap();
    assert_eq!(after.version, before.version + 1);
}

/// Stamps assigned at commit rise with the commits; slots keep them apart within a batch.
pub async fn stamps_rise_and_slots_differ(store: Store) {
    let mut last = 0;
    for n in 0..50u8 {
        let done = commit(&store, |b| {
            b.put_stamped("s/", "", vec![n], 0);
            b.put_stamped("s/", "", vec![n], u16::MAX);
        });
        let base = done.await.unwrap().stamp_base;
        assert!(base > last, "above every stamp of the batch before");
        last = base + u128::from(u16::MAX);
    }
    let rows = store.snapshot().scan(&crate::KeyRange::prefix("s/"), crate::Scan::default()).unwrap().rows;
    assert_eq!(rows.len(), 100);
    assert!(rows.iter().zip((0..50u8).flat_map(|n| [n, n])).all(|(row, n)| row.1.as_ref() == [n]));
    let stamp = u128::from_be_bytes(rows[99].0[2..].try_into().unwrap());
    assert_eq!(stamp, last);
}

/// Counters add up without a precondition, within a batch too, and stop at the ends of their range.
pub async fn counters_add_and_saturate(store: Store) {
    let read =
        || i64::from_be_bytes(store.snapshot().get(b"n").unwrap().unwrap().0.as_ref().try_into().unwrap());
    let pending: Vec<_> = (0..100)
        .map(|_| {
            store.submit(batch(|b| {
                b.add("n", 2).add("n", -1);
            }))
        })
        .collect();
    for pending in pending {
        pending.await.unwrap();
    }
    assert_eq!(read(), 100);
    commit(&store, |b| {
        b.add("n", i64::MAX);
    })
    .await
    .unwrap();
    assert_eq!(read(), i64::MAX);
    commit(&store, |b| {
        b.delete("n").add("n", -5);
    })
    .await
    .unwrap();
    assert_eq!(read(), -5);
}

/// `Max` never lowers.
pub async fn max_raises_only(store: Store) {
    let read =
        || u64::from_be_bytes(store.snapshot().get(b"m").unwrap().unwrap().0.as_ref().try_into().unwrap());
    commit(&store, |b| {
        b.max("m", 7).max("m", 3);
    })
    .await
    .unwrap();
    assert_eq!(read(), 7);
    commit(&store, |b| {
        b.max("m", u64::MAX);
    })
    .await
    .unwrap();
    commit(&store, |b| {
        b.max("m", 8);
    })
    .await
    .unwrap();
    assert_eq!(read(), u64::MAX);
}

/// A value that is not eight bytes is not overwritten by a counter.
pub async fn not_a_counter_is_refused(store: Store) {
    commit(&store, |b| {
        b.put("text", "hello");
    })
    .await
    .unwrap();
    assert_eq!(
        commit(&store, |b| {
            b.put("x", "").max("text", 1);
        })
        .await,
        Err(CommitError::NotACounter { index: 1 })
    );
    assert_eq!(value(&store, "text").as_deref(), Some("hello"));
}

/// Too long keys, values and batches, empty and reserved keys are refused; the limits themselves are accepted.
pub async fn sizes_over_the_limits_are_refused(store: Store) {
    let limits = store.limits();
    let bytes = |n: usize| Bytes::from(vec![b'x'; n]);
    let refused = Err(CommitError::TooLarge);
    assert_eq!(
        commit(&store, |b| {
            b.put(bytes(limits.key_bytes + 1), "");
        })
        .await,
        refused
    );
    assert_eq!(
        commit(&store, |b| {
            b.put("k", bytes(limits.value_bytes + 1));
        })
        .await,
        refused
    );
    assert_eq!(
        commit(&store, |b| {
            b.put("", "v");
        })
        .await,
        refused
    );
    assert_eq!(
        commit(&store, |b| {
            b.delete(vec![0xff; 9]);
        })
        .await,
        refused
    );
    assert_eq!(
        commit(&store, |b| {
            b.put_stamped(bytes(limits.key_bytes), "", "", 0);
        })
        .await,
        refused
    );
    let many = |n: usize| {
        batch(|b| {
            for n in 0..n {
                b.put(format!("{n}"), "");
            }
        })
    };
    assert_eq!(store.commit(many(limits.batch_ops + 1)).await, refused);
    let parts = limits.batch_bytes / limits.value_bytes;
    let big = |n: usize| {
        let size = limits.value_bytes - 8;
        batch(|b| {
            for n in 0..n {
                b.put(format!("big/{n:04}"), bytes(size));
            }
        })
    };
    assert_eq!(store.commit(big(parts + 1)).await, refused);
    assert_eq!(keys(&store, ""), Vec::<String>::new());
    commit(&store, |b| {
        b.put(bytes(limits.key_bytes), bytes(limits.value_bytes));
    })
    .await
    .unwrap();
    assert_eq!(store.snapshot().get(&bytes(limits.key_bytes)).unwrap().unwrap().0.len(), limits.value_bytes);
    store.commit(many(limits.batch_ops)).await.unwrap();
    store.commit(big(parts)).await.unwrap();
    assert_eq!(keys(&store, "big/").len(), parts);
}

/// A repeated id answers the first outcome; one that was refused is judged anew.
pub async fn the_same_id_is_applied_once(store: Store) {
    let id = |id: u8, fill: &dyn Fn(&mut crate::Batch)| {
        let mut batch = batch(|b| fill(b));
        batch.idem = Some([id; 16]);
        store.submit(batch)
    };
    let add = |b: &mut crate::Batch| {
        b.add("n", 1);
    };
    let (first, again) = (id(1, &add), id(1, &add));
    let first = first.await.unwrap();
    assert_eq!(again.await.unwrap(), first);
    assert_eq!(id(1, &add).await.unwrap(), first);
    assert_eq!(store.snapshot().get(b"n").unwrap().unwrap().0.as_ref(), 1u64.to_be_bytes());
    let needs = |b: &mut crate::Batch| {
        b.put("y", "").equals("x", "1");
    };
    assert_eq!(id(2, &needs).await, Err(CommitError::Conflict { index: 0 }));
    commit(&store, |b| {
        b.put("x", "1");
    })
    .await
    .unwrap();
    id(2, &needs).await.unwrap();
}

/// Who does not wait has committed all the same.
pub async fn dropping_the_pending_commits(store: Store) {
    drop(store.submit(batch(|b| {
        b.put("a", "1");
    })));
    commit(&store, |b| {
        b.put("b", "1");
    })
    .await
    .unwrap();
    assert_eq!(value(&store, "a").as_deref(), Some("1"));
}

/// `stamp()` rises for everybody, without a commit.
pub async fn stamp_numbers_rise(store: Store) {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            std::thread::spawn(move || (0..10_000).map(|_| store.stamp()).collect::<Vec<_>>())
        })
        .collect();
    let mut all = Vec::new();
    for thread in threads {
        let stamps = thread.join().unwrap();
        assert!(stamps.is_sorted_by(|a, b| a < b));
        all.extend(stamps);
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 40_000);
    assert!(all[0] > 0);
}

/// What was submitted before `close` is committed, what comes after is refused.
pub async fn a_closed_store_refuses(store: Store) {
    let pending = store.submit(batch(|b| {
        b.put("a", "1");
    }));
    store.close().unwrap();
    pending.await.unwrap();
    assert_eq!(value(&store, "a").as_deref(), Some("1"));
    assert_eq!(
        commit(&store, |b| {
            b.put("b", "1");
        })
        .await,
        Err(CommitError::Unavailable)
    );
    store.close().unwrap();
}
