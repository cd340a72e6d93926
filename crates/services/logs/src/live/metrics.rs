//! What metric filters make of events.

use std::collections::BTreeMap;

use moln_kernel::{Timestamp, ports::MetricPoint};

use super::{group::Filter, ingest::Incoming};
use crate::{pattern::Subject, tables::MetricFilterRow};

/// `CloudWatch`'s units; what a filter names otherwise is `None`.
const UNITS: &[&str] = &[
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// Adds the data points of a filter: one for each event that matches and has a number where the filter wants one; the
/// default value when events came and none matched.
pub(crate) fn points(
    filter: &Filter<MetricFilterRow>,
    incoming: &Incoming<'_>,
    subjects: &[Subject<'_>],
    to: &mut Vec<MetricPoint>,
) {
    let events = incoming.events.iter().zip(subjects);
    let matching: Vec<_> = events.filter(|(_, subject)| filter.pattern.matches(subject)).collect();
    for metric in &filter.row.metrics {
        let unit = metric.unit.as_deref().and_then(|unit| UNITS.iter().find(|known| **known == unit));
        let point = |value: f64, time: u64, dimensions: Vec<(String, String)>| MetricPoint {
            account: incoming.group.account.clone(),
            region: incoming.group.region.clone(),
            namespace: metric.namespace.clone(),
            name: metric.name.clone(),
            dimensions,
            value,
            unit: unit.unwrap_or(&"None"),
            time: Timestamp(time),
        };
        for ((time, _), subject) in &matching {
            let value = match metric.value.strip_prefix('$') {
                Some(_) => filter.pattern.value(subject, &metric.value),
                None => Some(metric.value.clone()),
            };
            let Some(value) = value.and_then(|value| value.trim().parse::<f64>().ok()) else { continue };
            if value.is_finite() {
                let dimensions = dimensions(filter, metric.dimensions.as_ref(), subject);
                to.extend(dimensions.map(|dimensions| point(value, *time, dimensions)));
            }
        }
        if let (true, Some(default), Some((time, _))) =
            (matching.is_empty(), metric.default, incoming.events.last())
        {
            to.push(point(default, *time, Vec::new()));
        }
    }
}

/// The dimensions' values; `None` when an event lacks one, for then it counts nowhere.
fn dimensions(
    filter: &Filter<MetricFilterRow>,
    wanted: Option<&BTreeMap<String, String>>,
    subject: &Subject<'_>,
) -> Option<Vec<(String, String)>> {
    let value = |(name, selector): (&String, &String)| {
        filter.pattern.value(subject, selector).filter(|value| !value.is_empty()).map(|v| (name.clone(), v))
    };
    wanted.into_iter().flatten().map(value).collect()
}
