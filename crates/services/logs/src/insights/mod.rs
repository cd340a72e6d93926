//! Logs Insights: the query language and the queries that run.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html>
//!
//! Commands: `fields`, `display`, `filter`, `parse`, `stats`, `sort`, `limit`, `dedup`. What else AWS has (`pattern`,
//! `diff`, `unnest`, `anomaly`, joins and look-ups) is refused as malformed, by name.

mod evaluate;
mod functions;
mod lexer;
mod parse;
mod pipeline;
mod row;
mod run;
mod running;
mod stats;
mod syntax;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use run::{Job, Outcome, Target, check, discover, facts_of};
pub(crate) use running::{Queries, Running};

/// A query that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) String);

impl Malformed {
    fn at(why: &str, position: usize) -> Self {
        Self(format!("{why} at position {position}"))
    }
}

/// A query that could not be finished.
#[derive(Clone, Debug)]
pub(crate) enum Failed {
    /// It would take more memory than a query may.
    TooMuch,
    /// Somebody stopped it.
    Cancelled,
    /// It took too long.
    Timeout,
    /// The store could not be read.
    Store(moln_store::StoreError),
}

impl From<moln_store::StoreError> for Failed {
    fn from(why: moln_store::StoreError) -> Self {
        Self::Store(why)
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooMuch => f.write_str("it would take more memory than a query may"),
            Self::Cancelled => f.write_str("it was stopped"),
            Self::Timeout => f.write_str("it took too long"),
            Self::Store(why) => why.fmt(f),
        }
    }
}
