//! From what a function was and what it is to be: the rows that change.

use std::{collections::BTreeMap, sync::Arc};

use moln_store::{Batch, BlobRef, StoreError};
use serde::Serialize;

use super::{Address, Facts, Version};
use crate::tables::{
    CodeOrigin, CodeRow, VersionRow, encode,
    keys::{ALIASES, FUNCTIONS, INVOKE_CONFIGS, POLICIES, PROVISIONED, URLS, VERSIONS, named, numbered, one},
};

/// The blob of an archive; `None` for a directory.
pub(crate) fn blob(code: &CodeRow) -> Option<BlobRef> {
    if code.origin != CodeOrigin::Zip || code.sha256.len() != 64 {
        return None;
    }
    let mut sha256 = [0; 32];
    for (at, byte) in sha256.iter_mut().enumerate() {
        *byte = u8::from_str_radix(code.sha256.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(BlobRef { sha256, len: code.size })
}

/// Writes what differs. Blobs are linked by the rows that name them.
pub(super) fn write(
    batch: &mut Batch,
    address: &Address,
    before: Option<&Facts>,
    after: Option<&Facts>,
) -> Result<(), StoreError> {
    let key = one(FUNCTIONS, address);
    match (before, after) {
        (_, Some(after)) if before.is_none_or(|b| !Arc::ptr_eq(&b.function, &after.function)) => {
            batch.put(key, encode(&*after.function)?);
        }
        (Some(_), None) => {
            batch.delete(key);
        }
        _ => {}
    }
    let none = Facts::default();
    let (before, after) = (before.unwrap_or(&none), after.unwrap_or(&none));
    versions(batch, address, &before.versions, &after.versions)?;
    table(batch, ALIASES, address, &before.aliases, &after.aliases)?;
    table(batch, POLICIES, address, &before.policies, &after.policies)?;
    table(batch, INVOKE_CONFIGS, address, &before.invoke_configs, &after.invoke_configs)?;
    table(batch, URLS, address, &before.urls, &after.urls)?;
    table(batch, PROVISIONED, address, &before.provisioned, &after.provisioned)
}

fn table<T: Serialize>(
    batch: &mut Batch,
    prefix: &str,
    address: &Address,
    before: &BTreeMap<String, Arc<T>>,
    after: &BTreeMap<String, Arc<T>>,
) -> Result<(), StoreError> {
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        batch.delete(named(prefix, address, name));
    }
    for (name, row) in after {
        if before.get(name).is_none_or(|old| !Arc::ptr_eq(old, row)) {
            batch.put(named(prefix, address, name), encode(&**row)?);
        }
    }
    Ok(())
}

fn versions(
    batch: &mut Batch,
    address: &Address,
    before: &BTreeMap<u64, Arc<Version>>,
    after: &BTreeMap<u64, Arc<Version>>,
) -> Result<(), StoreError> {
    for (number, version) in before {
        let new = after.get(number);
        if new.is_some_and(|new| Arc::ptr_eq(new, version)) {
            continue;
        }
        let key = numbered(VERSIONS, address, *number);
        for blob in blobs(&version.row) {
            batch.unlink(&blob, &key);
        }
        if new.is_none() {
            batch.delete(key);
        }
    }
    for (number, version) in after {
        if before.get(number).is_some_and(|old| Arc::ptr_eq(old, version)) {
            continue;
        }
        let key = numbered(VERSIONS, address, *number);
        for blob in blobs(&version.row) {
            batch.link(&blob, &key);
        }
        batch.put(key, encode(&version.row)?);
    }
    Ok(())
}

/// The archives a version runs from. A layer's is kept as long as somebody uses it.
fn blobs(row: &VersionRow) -> impl Iterator<Item = BlobRef> {
    std::iter::once(&row.code).chain(row.layers.iter().map(|layer| &layer.code)).filter_map(blob)
}
