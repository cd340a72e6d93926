//! Numbers for Prometheus: requests by service, operation and status, their times, connections, and whatever other parts
//! of the process add. Atomics only; nothing is allocated per request.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use moln_wire::ServiceModel;

/// Upper bounds of the latency histogram, in microseconds.
const BOUNDS: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000,
    20_000_000,
];
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

#[derive(Default)]
struct OperationNumbers {
    by_class: [AtomicU64; CLASSES.len()],
    buckets: [AtomicU64; BOUNDS.len()],
    micros: AtomicU64,
}

/// The gateway's own numbers.
pub struct Metrics {
    operations: Vec<(&'static ServiceModel, Vec<OperationNumbers>)>,
    /// Requests being answered.
    pub in_flight: AtomicI64,
    /// Open connections.
    pub connections: AtomicI64,
    /// Connections turned away because there were too many.
    pub refused: AtomicU64,
    /// Requests whose signature was not accepted.
    pub denied: AtomicU64,
    /// Requests that no service answers, or that were broken before one was found.
    pub lost: AtomicU64,
    /// Panics caught.
    pub panics: AtomicU64,
}

impl Metrics {
    /// Zeroes for every operation of these services.
    pub fn new(models: impl Iterator<Item = &'static ServiceModel>) -> Self {
        let numbers = |model: &'static ServiceModel| {
            (model, model.operations.iter().map(|_| OperationNumbers::default()).collect())
        };
        Self {
            operations: models.map(numbers).collect(),
            in_flight: AtomicI64::new(0),
            connections: AtomicI64::new(0),
            refused: AtomicU64::new(0),
            denied: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        }
    }

    /// Counts an answer.
    pub fn answered(&self, service: usize, operation: usize, status: u16, took: Duration) {
        let Some(numbers) = self.operations.get(service).and_then(|(_, all)| all.get(operation)) else {
            return;
        };
        let class = usize::from(status / 100).saturating_sub(2).min(CLASSES.len() - 1);
        if let Some(counter) = numbers.by_class.get(class) {
            counter.fetch_add(1, Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        numbers.micros.fetch_add(micros, Relaxed);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(counter) = numbers.buckets.get(bucket) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Writes them down. Operations never called are left out.
    pub fn write(&self, out: &mut Exposition) {
        out.family("moln_requests_total", "counter", "Requests answered.");
        for (model, name, numbers) in self.called() {
            for (class, counter) in CLASSES.iter().zip(&numbers.by_class) {
                let labels = [("service", model.signing_name), ("operation", name), ("status", class)];
                out.sample("moln_requests_total", &labels, counter.load(Relaxed));
            }
        }
        out.family(
            "moln_request_seconds",
            "histogram",
            "Time from the whole head being read to the answer being ready.",
        );
        for (model, name, numbers) in self.called() {
            let (service, operation) = (("service", model.signing_name), ("operation", name));
            let mut sum = 0;
            for (bound, counter) in BOUNDS.iter().zip(&numbers.buckets) {
                sum += counter.load(Relaxed);
                let bound = seconds(*bound);
                out.sample("moln_request_seconds_bucket", &[service, operation, ("le", &bound)], sum);
            }
            let count = numbers.by_class.iter().map(|c| c.load(Relaxed)).sum::<u64>().max(sum);
            out.sample("moln_request_seconds_bucket", &[service, operation, ("le", "+Inf")], count);
            let total = seconds(numbers.micros.load(Relaxed));
            out.sample("moln_request_seconds_sum", &[service, operation], total);
            out.sample("moln_request_seconds_count", &[service, operation], count);
        }
        for (name, kind, help, value) in [
            ("moln_requests_in_flight", "gauge", "Requests being answered.", self.in_flight.load(Relaxed)),
            ("moln_connections", "gauge", "Open connections.", self.connections.load(Relaxed)),
            (
                "moln_connections_refused_total",
                "counter",
                "Connections over the limit.",
                count(&self.refused),
            ),
            ("moln_requests_denied_total", "counter", "Signatures not accepted.", count(&self.denied)),
            ("moln_requests_lost_total", "counter", "Requests no service answers.", count(&self.lost)),
            ("moln_panics_total", "counter", "Panics caught in handlers.", count(&self.panics)),
        ] {
            out.family(name, kind, help);
            out.sample(name, &[], value);
        }
    }

    fn called(&self) -> impl Iterator<Item = (&'static ServiceModel, &'static str, &OperationNumbers)> {
        self.operations
            .iter()
            .flat_map(|(model, all)| {
                model.operations.iter().zip(all).map(|(op, numbers)| (*model, op.name, numbers))
            })
            .filter(|(_, _, numbers)| numbers.by_class.iter().any(|counter| counter.load(Relaxed) > 0))
    }
}

fn count(counter: &AtomicU64) -> i64 {
    i64::try_from(counter.load(Relaxed)).unwrap_or(i64::MAX)
}

fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Prometheus' text format, version 0.0.4, being written.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a metric: `kind` is `counter`, `gauge` or `histogram`.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One value of it.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.text.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            self.text.push(if at == 0 { '{' } else { ',' });
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{label}=\"{text}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// A metric of one value.
    pub fn single(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use moln_wire::Operation;

    use super::*;

    #[test]
    fn histogram_adds_up() {
        static MODEL: ServiceModel = ServiceModel {
            signing_name: "tiny",
            operations: &[Operation::new("Ping"), Operation::new("Pong")],
            ..ServiceModel::NONE
        };
        let metrics = Metrics::new([&MODEL].into_iter());
        metrics.answered(0, 0, 200, Duration::from_micros(250));
        metrics.answered(0, 0, 404, Duration::from_micros(251));
        metrics.answered(0, 0, 503, Duration::from_secs(100));
        metrics.answered(9, 9, 200, Duration::ZERO);
        let mut out = Exposition::default();
        metrics.write(&mut out);
        let text = out.into_text();
        for line in [
            r#"moln_requests_total{service="tiny",operation="Ping",status="4xx"} 1"#,
            r#"moln_request_seconds_bucket{service="tiny",operation="Ping",le="0.00025"} 1"#,
            r#"moln_request_seconds_bucket{service="tiny",operation="Ping",le="20"} 2"#,
            r#"moln_request_seconds_bucket{service="tiny",operation="Ping",le="+Inf"} 3"#,
            r#"moln_request_seconds_sum{service="tiny",operation="Ping"} 100.000501"#,
            r#"moln_request_seconds_count{service="tiny",operation="Ping"} 3"#,
            "moln_connections 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        assert!(!text.contains("Pong"));
    }

    #[test]
    fn labels_are_escaped() {
        let mut out = Exposition::default();
        out.sample("x", &[("l", "a\"b\\c\nd")], 1);
        assert_eq!(out.into_text(), "x{l=\"a\\\"b\\\\c\\nd\"} 1\n");
    }
}
