//! Reading events in order of time: one stream, or many side by side. Memory is bounded by what overlaps in time, not by
//! what is read.

mod figures;
mod merge;
mod stream;

pub(crate) use figures::{Figures, of_group, of_stream};
pub(crate) use merge::{Merge, Source};
pub(crate) use stream::StreamReader;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}
