//! Collecting one page of a scan.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{KeyRange, Page, Scan, Version};

/// Takes rows until the page is full.
pub(crate) struct Collect<'a> {
    range: &'a KeyRange,
    how: Scan,
    bytes: usize,
    page: Page,
}

impl<'a> Collect<'a> {
    /// An empty page of `range`.
    pub(crate) fn new(range: &'a KeyRange, how: Scan) -> Self {
        Self { range, how, bytes: 0, page: Page::default() }
    }

    /// Takes the next row, or answers `false` when it is the first of the next page.
    pub(crate) fn take(&mut self, key: &[u8], val: &[u8], version: Version) -> bool {
        let full = self.page.rows.len() >= self.how.limit.max(1) || self.bytes >= self.how.bytes;
        if full && !self.page.rows.is_empty() {
            self.page.rest = Some(if self.how.reverse {
                let mut end = BytesMut::with_capacity(key.len() + 1);
                end.put_slice(key);
                end.put_u8(0);
                KeyRange { start: self.range.start.clone(), end: end.freeze() }
            } else {
                KeyRange { start: Bytes::copy_from_slice(key), end: self.range.end.clone() }
            });
            return false;
        }
        let val = if self.how.keys_only { Bytes::new() } else { Bytes::copy_from_slice(val) };
        self.bytes += key.len() + val.len();
        self.page.rows.push((Bytes::copy_from_slice(key), val, version));
        true
    }

    /// The page.
    pub(crate) fn done(self) -> Page {
        self.page
    }
}
