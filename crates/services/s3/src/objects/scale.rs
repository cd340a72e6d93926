//! A bucket of millions of keys lists as fast per page as one of a thousand. Only where `MOLN_KEYS` says how many:
//! `MOLN_KEYS=10000000 cargo test --release -p moln-s3 scale -- --nocapture`

use std::time::{Duration, Instant};

use moln_store::{Batch, FjallStore, Options, Store, table::encode};

use super::list::{Query, objects};
use crate::tables::{
    listed::LISTED,
    object::{ChecksumRow, Content, EncryptionRow, LockRow, ObjectRow, OriginRow},
};

/// Keys of a commit.
const BATCH: u64 = 2_000;
/// Pages read of each bucket.
const PAGES: u64 = 300;

fn row(stamp: u64) -> ObjectRow {
    ObjectRow {
        stamp,
        data: stamp,
        null: true,
        marker: false,
        owner: "000000000000".into(),
        modified: 1_700_000_000_000,
        size: 1_024,
        etag: "0123456789abcdef0123456789abcdef".into(),
        content: Content::Row,
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        metadata: std::collections::BTreeMap::new(),
        storage_class: "STANDARD".into(),
        encryption: EncryptionRow::Aes256,
        checksum: Some(ChecksumRow {
            algorithm: "CRC64NVME".into(),
            value: "AAAAAAAAAAA=".into(),
            kind: "FULL_OBJECT".into(),
        }),
        tags: Vec::new(),
        acl: None,
        lock: LockRow::default(),
        redirect: None,
        restore: None,
        replication: None,
        origin: OriginRow { principal: "000000000000".into(), ..OriginRow::default() },
    }
}

fn key(number: u64) -> String {
    format!("folder-{:05}/object-{number:012}.json", number / 10_000)
}

async fn fill(store: &Store, bucket: u64, keys: u64) {
    for start in (0..keys).step_by(usize::try_from(BATCH).unwrap()) {
        let mut batch = Batch::default();
        for number in start..(start + BATCH).min(keys) {
            // Written as objects are, read as lists do.
            batch.put(LISTED.key(&(bucket, key(number))), encode(&row(number)).unwrap());
        }
        store.commit(batch).await.unwrap();
    }
}

/// Median time of a page of a thousand keys at places all over the bucket.
fn page(store: &Store, bucket: u64, keys: u64) -> Duration {
    let mut times = Vec::new();
    for n in 0..PAGES {
        // Any place; the multiplier spreads them.
        let after = key((n * 7_919_999_983) % keys.saturating_sub(1_000).max(1));
        let after = (keys > 1_000).then_some(after);
        let query = Query { after: after.as_deref(), max: 1_000, ..Query::default() };
        let began = Instant::now();
        let listed = objects(&*store.snapshot(), bucket, &query).unwrap();
        times.push(began.elapsed());
        assert_eq!(listed.entries.len(), 1_000);
    }
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_millions_of_keys_are_as_fast_as_those_of_a_thousand() {
    let Some(keys) = std::env::var("MOLN_KEYS").ok().and_then(|text| text.parse().ok()) else { return };
    let dir = tempfile::tempdir().unwrap();
    let store = FjallStore::open(Options::new(dir.path())).unwrap();
    fill(&store, 1, 1_000).await;
    let began = Instant::now();
    fill(&store, 2, keys).await;
    println!("{keys} keys in {:.0?}", began.elapsed());
    let (few, many) = (page(&store, 1, 1_000), page(&store, 2, keys));
    let ratio = many.as_secs_f64() / few.as_secs_f64();
    println!("a page of 1,000: {few:.0?} among 1,000 keys, {many:.0?} among {keys}: {ratio:.2} times");
    assert!(ratio < 3.0, "{ratio}");
    store.close().unwrap();
}
