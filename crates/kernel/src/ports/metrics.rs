//! Metrics, as others report them.

use crate::{AccountId, Region, Timestamp};

/// One data point.
#[derive(Clone, Debug)]
pub struct MetricPoint {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub region: Region,
    /// `AWS/Lambda`
    pub namespace: String,
    /// `RecursiveInvocationsDropped`
    pub name: String,
    /// Names and values, at most 30.
    pub dimensions: Vec<(String, String)>,
    /// The value.
    pub value: f64,
    /// `CloudWatch`'s unit (`Count`, `Milliseconds`, `None`).
    pub unit: &'static str,
    /// When.
    pub time: Timestamp,
}

/// Takes metrics.
pub trait RecordMetric: Send + Sync {
    /// Takes a data point and returns at once; what overflows is dropped and counted.
    fn record(&self, point: MetricPoint);
}

/// Nobody listens.
pub struct NoMetrics;

impl RecordMetric for NoMetrics {
    fn record(&self, _: MetricPoint) {}
}
