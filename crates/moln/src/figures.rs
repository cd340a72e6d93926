//! What services count, for `/metrics`: sums of the figures that AWS gives to `CloudWatch`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use moln_gateway::metrics::Exposition;
use moln_kernel::ports::{MetricPoint, RecordMetric};

/// Names kept at once: services have a few, and no client can add one.
const NAMES: usize = 256;

/// Sums since the start by namespace and name, over all accounts, regions and resources.
#[derive(Default)]
pub(crate) struct Figures(Mutex<BTreeMap<(String, String), f64>>);

impl RecordMetric for Figures {
    fn record(&self, point: MetricPoint) {
        if point.unit != "Count" {
            return;
        }
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = sums.len() < NAMES;
        let key = (point.namespace, point.name);
        match sums.get_mut(&key) {
            Some(sum) => *sum += point.value,
            None if room => drop(sums.insert(key, point.value)),
            None => {}
        }
    }
}

impl Figures {
    /// As Prometheus reads them.
    pub(crate) fn write(&self, out: &mut Exposition) {
        const NAME: &str = "moln_service_events_total";
        out.family(NAME, "counter", "What services counted, by the namespace and name it has in CloudWatch.");
        for ((namespace, name), sum) in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            out.sample(NAME, &[("namespace", namespace), ("name", name)], sum);
        }
    }
}
