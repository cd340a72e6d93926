//! Logs Insights.

/// The queries of this process.
#[derive(Default)]
pub(crate) struct Queries;
