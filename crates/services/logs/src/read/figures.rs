//! A stream's figures: first and last event, bytes. They are counted without conflicts by whoever writes.

use std::collections::BTreeMap;

use moln_store::{KeyRange, Scan, Snapshot, StoreError};

use crate::tables::keys::{self, Field};

/// A stream in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Time of the newest event; `None` without one.
    pub(crate) last: Option<u64>,
    /// No event is older than this.
    pub(crate) first: u64,
    /// When something was last written.
    pub(crate) ingested: u64,
    /// Longest time within a chunk.
    pub(crate) span: u64,
    /// Bytes of its events.
    pub(crate) bytes: i64,
}

fn scan(snapshot: &dyn Snapshot, range: KeyRange) -> Result<BTreeMap<u64, Figures>, StoreError> {
    let mut all: BTreeMap<u64, Figures> = BTreeMap::new();
    let mut range = Some(range);
    while let Some(next) = range {
        let page = snapshot.scan(&next, Scan { limit: 10_000, ..Scan::default() })?;
        for (key, value, _) in &page.rows {
            let (Some((stream, field)), Some(value)) = (keys::figure_parts(key), keys::number(value, 0))
            else {
                return Err(StoreError::Corrupt(format!("{}", key.escape_ascii()).into()));
            };
            let one = all.entry(stream).or_default();
            match field {
                f if f == Field::Last as u8 => one.last = (value > 0).then_some(value),
                f if f == Field::First as u8 => one.first = !value,
                f if f == Field::Ingested as u8 => one.ingested = value,
                f if f == Field::Span as u8 => one.span = value,
                f if f == Field::Bytes as u8 => one.bytes = value.cast_signed(),
                _ => {}
            }
        }
        range = page.rest;
    }
    Ok(all)
}

/// Of every stream of a group, by its number.
pub(crate) fn of_group(snapshot: &dyn Snapshot, group: u64) -> Result<BTreeMap<u64, Figures>, StoreError> {
    scan(snapshot, keys::figures(group))
}

/// Of one stream.
pub(crate) fn of_stream(snapshot: &dyn Snapshot, group: u64, stream: u64) -> Result<Figures, StoreError> {
    Ok(scan(snapshot, keys::stream_figures(group, stream))?.remove(&stream).unwrap_or_default())
}
