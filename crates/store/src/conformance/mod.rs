//! What every engine must do: a suite an engine's tests run against a fresh, empty store each.
//!
//! `conformance::suite!(open)` makes one test of each case, where `open()` answers an opened [`crate::Store`] and
//! something that keeps its directory alive.

pub mod concurrency;
pub mod model;
pub mod preconditions;
pub mod ranges;
pub mod reads;
pub mod writes;

use crate::{Batch, CommitError, Committed, Store};

/// One test per case of the suite.
#[macro_export]
macro_rules! conformance_suite {
    ($open:expr) => {
        $crate::conformance_suite!(@cases $open;
            writes: order_is_the_order_of_submit, last_write_of_a_batch_wins, a_refused_batch_leaves_nothing,
                stamps_rise_and_slots_differ, counters_add_and_saturate, max_raises_only, not_a_counter_is_refused,
                sizes_over_the_limits_are_refused, the_same_id_is_applied_once, dropping_the_pending_commits,
                stamp_numbers_rise, a_closed_store_refuses;
            preconditions: unchanged_by_version, range_unchanged_sees_blind_writes, absent, equals, epoch_fences,
                judged_against_earlier_batches_of_the_group;
            reads: snapshots_are_isolated, scans_page_both_ways, keys_only_and_bytes, empty_and_crossed_ranges,
                watch_wakes_for_its_prefix;
            ranges: delete_range_small, delete_range_and_writes_around_it, delete_range_huge;
            concurrency: no_update_is_lost, readers_see_whole_batches, submit_order_holds_under_load;
            model: behaves_like_a_map;
        );
    };
    (@cases $open:expr; $($room:ident: $($case:ident),+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (store, _kept) = ($open)();
                $crate::conformance::$room::$case(store).await;
            }
        )+)+
    };
}

/// A batch made by `fill`.
fn batch(fill: impl FnOnce(&mut Batch)) -> Batch {
    let mut batch = Batch::default();
    fill(&mut batch);
    batch
}

async fn commit(store: &Store, fill: impl FnOnce(&mut Batch)) -> Result<Committed, CommitError> {
    store.commit(batch(fill)).await
}

/// The value of a key now.
fn value(store: &Store, key: &str) -> Option<String> {
    let row = store.snapshot().get(key.as_bytes()).unwrap()?;
    Some(String::from_utf8(row.0.to_vec()).unwrap())
}

/// The version of a key now; 0: absent.
fn version(store: &Store, key: &str) -> u64 {
    store.snapshot().get(key.as_bytes()).unwrap().map_or(0, |row| row.1)
}

/// All keys of a prefix now.
fn keys(store: &Store, prefix: &str) -> Vec<String> {
    let (snapshot, mut keys) = (store.snapshot(), Vec::new());
    let mut range = Some(crate::KeyRange::prefix(prefix.to_owned()));
    while let Some(next) = range {
        let page = snapshot.scan(&next, crate::Scan { keys_only: true, ..Default::default() }).unwrap();
        keys.extend(page.rows.into_iter().map(|(key, ..)| String::from_utf8(key.to_vec()).unwrap()));
        range = page.rest;
    }
    keys
}
