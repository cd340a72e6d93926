//! Every precondition, when it holds and when not.

use super::{batch, commit, value, version};
use crate::{Batch, CommitError, KeyRange, Store};

const FIRST: Result<(), CommitError> = Err(CommitError::Conflict { index: 0 });

async fn attempt(store: &Store, fill: impl FnOnce(&mut Batch)) -> Result<(), CommitError> {
    commit(store, fill).await.map(|_| ())
}

/// Judged by the version: also a write of the same value is a change, also a removal and a new write.
pub async fn unchanged_by_version(store: Store) {
    attempt(&store, |b| {
        b.unchanged("k", 0).put("k", "1");
    })
    .await
    .unwrap();
    assert_eq!(
        attempt(&store, |b| {
            b.unchanged("k", 0).put("k", "2");
        })
        .await,
        FIRST
    );
    let at = version(&store, "k");
    attempt(&store, |b| {
        b.unchanged("k", at).put("k", "1");
    })
    .await
    .unwrap();
    assert_eq!(
        attempt(&store, |b| {
            b.unchanged("k", at).put("k", "3");
        })
        .await,
        FIRST
    );
    let at = version(&store, "k");
    attempt(&store, |b| {
        b.delete("k");
    })
    .await
    .unwrap();
    assert_eq!(
        attempt(&store, |b| {
            b.unchanged("k", at).put("k", "3");
        })
        .await,
        FIRST
    );
    attempt(&store, |b| {
        b.put("k", "1");
    })
    .await
    .unwrap();
    assert_eq!(
        attempt(&store, |b| {
            b.unchanged("k", at).put("k", "3");
        })
        .await,
        FIRST
    );
    let second = attempt(&store, |b| {
        b.unchanged("absent", 0).unchanged("k", 1).put("k", "4");
    })
    .await;
    assert_eq!(second, Err(CommitError::Conflict { index: 1 }), "names the one that did not hold");
}

/// A range is changed by any write to it after the snapshot, blind or not, and by removals.
pub async fn range_unchanged_sees_blind_writes(store: Store) {
    let range = || KeyRange::prefix("r/");
    attempt(&store, |b| {
        b.put("r/1", "").put("s/1", "");
    })
    .await
    .unwrap();
    let now = || store.snapshot().version();
    let at = now();
    attempt(&store, |b| {
        b.range_unchanged(range(), at).put("s/2", "");
    })
    .await
    .unwrap();
    attempt(&store, |b| {
        b.range_unchanged(range(), at).put("r/2", "");
    })
    .await
    .unwrap();
    assert_eq!(
        attempt(&store, |b| {
            b.range_unchanged(range(), at).put("x", "");
        })
        .await,
        FIRST
    );
    for change in [
        batch(|b| {
            b.delete("r/1");
        }),
        batch(|b| {
            b.delete("r/never there");
        }),
        batch(|b| {
            b.add("r/n", 1);
        }),
        batch(|b| {
            b.put_stamped("r/", "", "", 0);
        }),
        batch(|b| {
            b.delete_range(KeyRange::new("q", "r/0"));
        }),
    ] {
        let at = now();
        attempt(&store, |b| {
            b.range_unchanged(range(), at).put("x", "");
        })
        .await
        .unwrap();
        store.commit(change).await.unwrap();
        assert_eq!(
            attempt(&store, |b| {
                b.range_unchanged(range(), at).put("x", "");
            })
            .await,
            FIRST
        );
    }
}

/// Absent means no value, whatever was there before.
pub async fn absent(store: Store) {
    attempt(&store, |b| {
        b.absent("k").put("k", "1");
    })
    .await
    .unwrap();
    assert_eq!(
        attempt(&store, |b| {
            b.absent("k").put("k", "2");
        })
        .await,
        FIRST
    );
    attempt(&store, |b| {
        b.delete("k");
    })
    .await
    .unwrap();
    attempt(&store, |b| {
        b.absent("k").put("k", "3");
    })
    .await
    .unwrap();
    assert_eq!(value(&store, "k").as_deref(), Some("3"));
}

/// Equals compares the whole value; an absent key equals nothing, not even the empty value.
pub async fn equals(store: Store) {
    assert_eq!(
        attempt(&store, |b| {
            b.equals("k", "").put("k", "1");
        })
        .await,
        FIRST
    );
    attempt(&store, |b| {
        b.put("k", "abc");
    })
    .await
    .unwrap();
    assert_eq!(
        attempt(&store, |b| {
            b.equals("k", "ab").put("k", "1");
        })
        .await,
        FIRST
    );
    attempt(&store, |b| {
        b.equals("k", "abc").put("k", "");
    })
    .await
    .unwrap();
    attempt(&store, |b| {
        b.equals("k", "").put("k", "1");
    })
    .await
    .unwrap();
}

/// Only who holds the lease's epoch commits; a lease that does not exist is held by nobody.
pub async fn epoch_fences(store: Store) {
    let fenced = Err(CommitError::Fenced);
    assert_eq!(
        attempt(&store, |b| {
            b.epoch("lease", 0).put("x", "");
        })
        .await,
        fenced
    );
    attempt(&store, |b| {
        b.max("lease", 7);
    })
    .await
    .unwrap();
    attempt(&store, |b| {
        b.epoch("lease", 7).put("x", "");
    })
    .await
    .unwrap();
    attempt(&store, |b| {
        b.max("lease", 8);
    })
    .await
    .unwrap();
    assert_eq!(
        attempt(&store, |b| {
            b.epoch("lease", 7).put("x", "");
        })
        .await,
        fenced
    );
    attempt(&store, |b| {
        b.put("lease", "text");
    })
    .await
    .unwrap();
    assert_eq!(
        attempt(&store, |b| {
            b.epoch("lease", 8).put("x", "");
        })
        .await,
        fenced
    );
}

/// Batches queued behind each other see each other, also before any of them is durable.
pub async fn judged_against_earlier_batches_of_the_group(store: Store) {
    attempt(&store, |b| {
        b.put("gone", "1").put("range/1", "");
    })
    .await
    .unwrap();
    let submit = |fill: &dyn Fn(&mut Batch)| store.submit(batch(|b| fill(b)));
    let pending = [
        submit(&|b| {
            b.absent("k").put("k", "1");
        }),
        submit(&|b| {
            b.absent("k").put("k", "2");
        }),
        submit(&|b| {
            b.equals("k", "1").put("k", "3");
        }),
        submit(&|b| {
            b.delete("gone");
        }),
        submit(&|b| {
            b.absent("gone").put("gone", "2");
        }),
        submit(&|b| {
            b.delete_range(KeyRange::prefix("range/"));
        }),
        submit(&|b| {
            b.absent("range/1").put("range/1", "new");
        }),
        submit(&|b| {
            b.max("lease", 1);
        }),
        submit(&|b| {
            b.epoch("lease", 1).max("lease", 2);
        }),
        submit(&|b| {
            b.epoch("lease", 1).put("x", "");
        }),
    ];
    let mut outcomes = Vec::new();
    for pending in pending {
        outcomes.push(pending.await.map(|_| ()));
    }
    let mut expected = vec![Ok(()); 10];
    expected[1] = FIRST;
    expected[9] = Err(CommitError::Fenced);
    assert_eq!(outcomes, expected);
    assert_eq!(value(&store, "k").as_deref(), Some("3"));
    assert_eq!(value(&store, "gone").as_deref(), Some("2"));
    assert_eq!(value(&store, "range/1").as_deref(), Some("new"));
}
