//! How deliveries stand, for people who ask; and who wants to know of those that were given up.

use std::{collections::HashMap, sync::Arc};

use moln_kernel::Timestamp;
use moln_store::{Batch, KeyRange, Scan, Snapshot, StoreError};

use super::{Address, Delivery, Failure, Outbox, keys};

/// Rows read at once.
const PAGE: usize = 10_000;
/// Rows looked at for one target at most: who asks shall not wait for a backlog of millions.
const MOST: usize = 200_000;

/// A delivery that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// How often it has failed.
    pub failures: u32,
    /// Not to be tried earlier.
    pub not_before: Timestamp,
}

/// Is told of deliveries that are given up, in the commit that does so.
pub trait Witness: Send + Sync + 'static {
    /// A delivery did not get through. `dead_letter`: where it goes instead. What it adds to the batch is committed with it.
    fn given_up(
        &self,
        delivery: &Delivery,
        failure: &Failure,
        dead_letter: Option<&Address>,
        now: Timestamp,
        batch: &mut Batch,
    );
}

impl Outbox {
    /// Says who wants to know of deliveries that are given up and whose source begins so. Belongs before [`Outbox::start`].
    pub fn witness(&self, source: &'static str, witness: Arc<dyn Witness>) {
        let mut witnesses = self.0.witnesses.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        witnesses.push((source, witness));
    }

    /// Of these deliveries to a target those that wait in the outbox; `None` instead, when there are too many to look at.
    /// Reads much: for people, not for programs.
    pub fn waiting(
        &self,
        target: &Address,
        ids: &[[u8; 16]],
    ) -> Result<Option<HashMap<[u8; 16], Waiting>>, StoreError> {
        let shard = keys::shard_of(&Delivery::new(target.clone(), "", Timestamp(0)));
        let snapshot = self.0.store.snapshot();
        let (mut found, mut left) = (HashMap::new(), MOST);
        for range in [KeyRange::prefix(keys::new_prefix(shard)), keys::failed(shard)] {
            if !look(&*snapshot, range, ids, &mut found, &mut left)? {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }
}

/// Looks a range through; `false`: it is too much.
fn look(
    snapshot: &dyn Snapshot,
    range: KeyRange,
    ids: &[[u8; 16]],
    found: &mut HashMap<[u8; 16], Waiting>,
    left: &mut usize,
) -> Result<bool, StoreError> {
    let mut rest = Some(range);
    while let Some(range) = rest {
        let how = Scan { limit: PAGE, keys_only: true, ..Scan::default() };
        let page = snapshot.scan(&range, how)?;
        *left = left.saturating_sub(page.rows.len());
        for (key, ..) in &page.rows {
            let Some(id) = keys::id(key).filter(|id| ids.contains(id)) else { continue };
            let row = snapshot.get(key)?.and_then(|(value, _)| Delivery::decode(&value));
            if let Some(row) = row {
                found.insert(id, Waiting { failures: row.failures, not_before: row.not_before });
            }
        }
        if *left == 0 && found.len() < ids.len() {
            return Ok(false);
        }
        rest = page.rest;
    }
    Ok(true)
}
