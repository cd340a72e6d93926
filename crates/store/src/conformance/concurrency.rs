//! Many callers at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::{commit, value};
use crate::{CommitError, KeyRange, Scan, Store};

/// Read, change, write back under the version read: with retries no update is lost.
pub async fn no_update_is_lost(store: Store) {
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    loop {
                        let row = store.snapshot().get(b"n").unwrap();
                        let (old, at) = row.map_or((0u64, 0), |(val, at)| {
                            (String::from_utf8(val.to_vec()).unwrap().parse().unwrap(), at)
                        });
                        match commit(&store, |b| {
                            b.unchanged("n", at).put("n", format!("{}", old + 1));
                        })
                        .await
                        {
                            Ok(_) => break,
                            Err(CommitError::Conflict { index: 0 }) => tokio::task::yield_now().await,
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(value(&store, "n").as_deref(), Some("400"));
}

/// Whatever a reader sees, it sees whole batches, and never less than before.
pub async fn readers_see_whole_batches(store: Store) {
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (store, stop) = (store.clone(), Arc::clone(&stop));
            std::thread::spawn(move || {
                let (mut seen, mut looked) = (0, 0);
                while !stop.load(Ordering::Relaxed) || looked == 0 {
                    let page = store.snapshot().scan(&KeyRange::prefix("w/"), Scan::default()).unwrap();
                    let values: Vec<_> = page.rows.iter().map(|row| row.1.clone()).collect();
                    assert!(values.len() == 10 || values.is_empty());
                    assert!(
                        values.windows(2).all(|pair| pair[0] == pair[1]),
                        "one batch's values: {values:?}"
                    );
                    let version = page.rows.first().map_or(0, |row| row.2);
                    assert!(version >= seen);
                    (seen, looked) = (version, looked + 1);
                }
            })
        })
        .collect();
    for n in 0..300 {
        commit(&store, |b| {
            for k in 0..10 {
                b.put(format!("w/{k}"), format!("{n}"));
            }
        })
        .await
        .unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().unwrap();
    }
}

/// Who submits under a lock has its order kept, and what resolved is visible to a snapshot taken after.
pub async fn submit_order_holds_under_load(store: Store) {
    let next = Arc::new(std::sync::Mutex::new(0u64));
    let durable = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (store, next, durable) = (store.clone(), Arc::clone(&next), Arc::clone(&durable));
            tokio::spawn(async move {
                for _ in 0..50 {
                    let (number, pending) = {
                        let mut next = next.lock().unwrap();
                        *next += 1;
                        let mut batch = crate::Batch::default();
                        batch.put("last", next.to_be_bytes().to_vec());
                        (*next, store.submit(batch))
                    };
                    pending.await.unwrap();
                    durable.fetch_max(number, Ordering::AcqRel);
                    let floor = durable.load(Ordering::Acquire);
                    let seen = store.snapshot().get(b"last").unwrap().unwrap().0;
                    assert!(u64::from_be_bytes(seen.as_ref().try_into().unwrap()) >= floor);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let last = store.snapshot().get(b"last").unwrap().unwrap().0;
    assert_eq!(last.as_ref(), 1_600u64.to_be_bytes());
}
