//! The engine against a plain map, over random commits and scans.

use std::collections::BTreeMap;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::{Batch, CommitError, KeyRange, Op, Scan, Snapshot, Store};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Op>),
    /// Needs the key to be absent.
    CommitIfAbsent(Vec<u8>, Vec<Op>),
    Scan(Vec<u8>, Vec<u8>, Scan),
    Get(Vec<u8>),
    /// Keeps a snapshot, compared again at the end.
    Hold,
}

/// Any sequence of commits and reads answers what a map would.
pub async fn behaves_like_a_map(store: Store) {
    let cases = if cfg!(miri) { 1 } else { 60 };
    let handle = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        runner
            .run(&vec(step(), 1..40), |steps| {
                handle.block_on(store.commit(clear())).unwrap();
                check(&store, &handle, &steps);
                Ok(())
            })
            .unwrap();
    })
    .await
    .unwrap();
}

fn clear() -> Batch {
    let mut batch = Batch::default();
    batch.delete_range(KeyRange::prefix(""));
    batch
}

fn check(store: &Store, handle: &tokio::runtime::Handle, steps: &[Step]) {
    let mut map = Map::new();
    let mut held: Vec<(Box<dyn Snapshot>, Map)> = Vec::new();
    for step in steps {
        match step {
            Step::Commit(ops) => {
                let batch = Batch { ops: ops.clone(), ..Batch::default() };
                handle.block_on(store.commit(batch)).unwrap();
                apply(&mut map, ops);
            }
            Step::CommitIfAbsent(key, ops) => {
                let mut batch = Batch { ops: ops.clone(), ..Batch::default() };
                batch.absent(key.clone());
                let outcome = handle.block_on(store.commit(batch));
                if map.contains_key(key) {
                    assert_eq!(outcome, Err(CommitError::Conflict { index: 0 }));
                } else {
                    outcome.unwrap();
                    apply(&mut map, ops);
                }
            }
            Step::Scan(start, end, how) => compare_scan(&*store.snapshot(), &map, start, end, *how),
            Step::Get(key) => {
                let found = store.snapshot().get(key).unwrap().map(|row| row.0.to_vec());
                assert_eq!(found.as_ref(), map.get(key));
            }
            Step::Hold => held.push((store.snapshot(), map.clone())),
        }
    }
    held.push((store.snapshot(), map));
    for (snapshot, map) in held {
        compare_scan(&*snapshot, &map, b"", &[u8::MAX; 4], Scan { limit: 3, ..Scan::default() });
        compare_scan(
            &*snapshot,
            &map,
            b"",
            &[u8::MAX; 4],
            Scan { limit: 2, reverse: true, ..Scan::default() },
        );
    }
}

fn apply(map: &mut Map, ops: &[Op]) {
    for op in ops {
        match op {
            Op::Put { key, val } => drop(map.insert(key.to_vec(), val.to_vec())),
            Op::Delete(key) => drop(map.remove(key.as_ref())),
            Op::DeleteRange(range) => map.retain(|key, _| !range.contains(key)),
            other => unreachable!("not generated: {other:?}"),
        }
    }
}

fn compare_scan(snapshot: &dyn Snapshot, map: &Map, start: &[u8], end: &[u8], how: Scan) {
    let mut rest = Some(KeyRange::new(start.to_vec(), end.to_vec()));
    let mut found = Vec::new();
    while let Some(range) = rest {
        let page = snapshot.scan(&range, how).unwrap();
        assert!(page.rows.len() <= how.limit.max(1));
        assert!(page.rest.is_none() || !page.rows.is_empty());
        found.extend(page.rows.into_iter().map(|(key, val, _)| (key.to_vec(), val.to_vec())));
        rest = page.rest;
    }
    let within = map.iter().filter(|(key, _)| key.as_slice() >= start && key.as_slice() < end);
    let mut expected: Vec<_> = within
        .map(|(key, val)| (key.clone(), if how.keys_only { Vec::new() } else { val.clone() }))
        .collect();
    if how.reverse {
        expected.reverse();
    }
    assert_eq!(found, expected);
}

/// Few bytes, few lengths: so that keys meet.
fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(0), Just(b'a'), Just(b'b'), Just(0xff)], 1..4)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (key(), vec(any::<u8>(), 0..20)).prop_map(|(key, val)| Op::Put { key: key.into(), val: val.into() }),
        3 => key().prop_map(|key| Op::Delete(key.into())),
        1 => (key(), key()).prop_map(|(start, end)| Op::DeleteRange(KeyRange::new(start, end))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let ops = || vec(op(), 1..8);
    let how = (any::<bool>(), 1..6usize, 0..60usize, any::<bool>())
        .prop_map(|(reverse, limit, bytes, keys_only)| Scan { reverse, limit, bytes, keys_only });
    prop_oneof![
        4 => ops().prop_map(Step::Commit),
        2 => (key(), ops()).prop_map(|(key, ops)| Step::CommitIfAbsent(key, ops)),
        3 => (key(), key(), how).prop_map(|(start, end, how)| Step::Scan(start, end, how)),
        2 => key().prop_map(Step::Get),
        1 => Just(Step::Hold),
    ]
}
