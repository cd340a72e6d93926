//! Many streams side by side, in order of time. A stream is opened when its turn comes: one that lies outside what is
//! read costs its figures and nothing else.

use std::collections::BTreeSet;

use moln_store::{Store, StoreError};

use super::{Direction, Figures, StreamReader};
use crate::tables::chunk::{Event, Position};

/// A stream to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) group: u64,
    pub(crate) stream: u64,
    pub(crate) figures: Figures,
}

enum Way {
    Closed(Source),
    Open(Box<StreamReader>),
    Done,
}

/// Reads many streams.
pub(crate) struct Merge {
    store: Store,
    bounds: (Position, Position),
    direction: Direction,
    ways: Vec<Way>,
    /// Where each stream goes on, or the earliest moment it could begin at.
    order: BTreeSet<(Position, usize)>,
}

impl Merge {
    /// Reads what lies from `from` (inclusive) to `to` (exclusive).
    pub(crate) fn new(
        store: &Store,
        sources: impl IntoIterator<Item = Source>,
        (from, to): (Position, Position),
        direction: Direction,
    ) -> Self {
        let (mut ways, mut order) = (Vec::new(), BTreeSet::new());
        for source in sources {
            let Some(last) = source.figures.last else { continue };
            if last < from.time || source.figures.first > to.time {
                continue;
            }
            let bound = match direction {
                Direction::Forward => Position::at(source.figures.first).max(from),
                Direction::Backward => Position { time: last, ..Position::END }.min(to),
            };
            order.insert((bound, ways.len()));
            ways.push(Way::Closed(source));
        }
        Self { store: store.clone(), bounds: (from, to), direction, ways, order }
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, StoreError> {
        loop {
            let next = match self.direction {
                Direction::Forward => self.order.pop_first(),
                Direction::Backward => self.order.pop_last(),
            };
            let Some((_, index)) = next else { return Ok(None) };
            let Some(way) = self.ways.get_mut(index) else { continue };
            let event = match way {
                Way::Closed(source) => {
                    let at = (source.group, source.stream);
                    let reader =
                        StreamReader::new(&self.store, at, &source.figures, self.bounds, self.direction);
                    *way = Way::Open(Box::new(reader));
                    None
                }
                Way::Open(reader) => reader.next()?,
                Way::Done => continue,
            };
            if let Way::Open(reader) = way {
                match reader.peek()? {
                    Some(at) => {
                        self.order.insert((at, index));
                    }
                    None => *way = Way::Done,
                }
            }
            if event.is_some() {
                return Ok(event);
            }
        }
    }
}
