//! The events of one stream in order of time. Chunks lie in order of their first event and may overlap: those that do are
//! open at the same time.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};
use moln_store::{KeyRange, Scan, Store, StoreError};

use super::{Direction, Figures};
use crate::{
    limits::{FETCH, FIRST_FETCH},
    tables::{
        chunk::{self, Event, Position},
        keys::{self, ChunkKey},
    },
};

/// Reads a stream.
pub(crate) struct StreamReader {
    store: Store,
    direction: Direction,
    from: Position,
    to: Position,
    span: u64,
    rest: Option<KeyRange>,
    fetch: usize,
    rows: VecDeque<(ChunkKey, Bytes)>,
    open: BTreeMap<Position, Event>,
}

impl StreamReader {
    /// Reads what lies from `from` (inclusive) to `to` (exclusive).
    pub(crate) fn new(
        store: &Store,
        (group, stream): (u64, u64),
        figures: &Figures,
        (from, to): (Position, Position),
        direction: Direction,
    ) -> Self {
        let begin = from.time.max(figures.first).saturating_sub(figures.span);
        let mut range = keys::chunks(group, stream, begin, to.time.saturating_add(1));
        if figures.span == 0 && begin == from.time {
            // Every chunk is of one moment: those of before lie before.
            range.start = keys::chunks_from(group, stream, begin, from.stamp);
        }
        Self {
            store: store.clone(),
            direction,
            from,
            to,
            span: figures.span,
            rest: (figures.last.is_some() && from < to && !range.is_empty()).then_some(range),
            fetch: FIRST_FETCH,
            rows: VecDeque::new(),
            open: BTreeMap::new(),
        }
    }

    /// Where the next event stands.
    pub(crate) fn peek(&mut self) -> Result<Option<Position>, StoreError> {
        loop {
            let head = self.head();
            if self.rows.is_empty() && self.rest.is_some() {
                self.fill()?;
                continue;
            }
            let Some(next) = self.rows.front().map(|(key, _)| key.first) else { return Ok(head) };
            let overlaps = head.is_none_or(|head| match self.direction {
                Direction::Forward => next <= head.time,
                Direction::Backward => next.saturating_add(self.span) >= head.time,
            });
            if !overlaps {
                return Ok(head);
            }
            self.open_chunk()?;
        }
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, StoreError> {
        self.peek()?;
        let event = match self.direction {
            Direction::Forward => self.open.pop_first(),
            Direction::Backward => self.open.pop_last(),
        };
        Ok(event.map(|(_, event)| event))
    }

    fn head(&self) -> Option<Position> {
        let head = match self.direction {
            Direction::Forward => self.open.first_key_value(),
            Direction::Backward => self.open.last_key_value(),
        };
        head.map(|(at, _)| *at)
    }

    fn fill(&mut self) -> Result<(), StoreError> {
        let Some(range) = self.rest.take() else { return Ok(()) };
        let reverse = self.direction == Direction::Backward;
        let how = Scan { reverse, limit: 10_000, bytes: self.fetch, keys_only: false };
        // A snapshot for each fetch: chunks never change, and a long one would pin what was deleted.
        let page = self.store.snapshot().scan(&range, how)?;
        self.fetch = FETCH;
        self.rest = page.rest;
        for (key, body, _) in page.rows {
            let chunk = ChunkKey::read(&key).ok_or_else(|| damaged(&key))?;
            let last = chunk.last();
            let before = last < self.from.time || (last == self.from.time && chunk.stamp < self.from.stamp);
            if !before {
                self.rows.push_back((chunk, body));
            }
        }
        Ok(())
    }

    /// Opens the chunk at the front, all its rows.
    fn open_chunk(&mut self) -> Result<(), StoreError> {
        let Some((first, body)) = self.rows.pop_front() else { return Ok(()) };
        let mut parts = vec![body];
        loop {
            if self.rows.is_empty() && self.rest.is_some() {
                self.fill()?;
            }
            match self.rows.front() {
                Some((key, _)) if key.stamp == first.stamp => {}
                _ => break,
            }
            parts.extend(self.rows.pop_front().map(|(_, body)| body));
        }
        if self.direction == Direction::Backward {
            parts.reverse();
        }
        let body = match parts.as_slice() {
            [one] => one.clone(),
            many => {
                let mut joined = BytesMut::with_capacity(many.iter().map(Bytes::len).sum());
                for part in many {
                    joined.extend_from_slice(part);
                }
                joined.freeze()
            }
        };
        let events = chunk::read(&first, &body).ok_or_else(|| damaged(&first.write()))?;
        let wanted = events.into_iter().filter(|event| self.from <= event.at && event.at < self.to);
        self.open.extend(wanted.map(|event| (event.at, event)));
        Ok(())
    }
}

fn damaged(key: &[u8]) -> StoreError {
    StoreError::Corrupt(format!("log chunk {}", key.escape_ascii()).into())
}
