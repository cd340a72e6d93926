//! Alarms that cannot see what they watch, and mail that nobody gets.

use serde_json::Value;

use super::Finding;
use super::facts::{Facts, number};

/// Seconds of the finest period of a metric that is not of high resolution.
const MINUTE: i64 = 60;

pub(super) fn find(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    for (id, alarm) in facts.all("AWS::CloudWatch::Alarm") {
        for watched in watched(alarm) {
            if let Some((why, mend)) = unseen(facts, id, &watched) {
                findings.push(Finding::of(facts, "alarm-resolution", id, watched.property, why, mend));
            }
        }
    }
    for subscription in facts.subscriptions() {
        let protocol = subscription.properties.get("Protocol").and_then(Value::as_str).unwrap_or_default();
        let (at, property) = subscription.at;
        if matches!(protocol, "email" | "email-json") {
            let topic = subscription.topic.unwrap_or("the topic");
            let why = format!(
                "mail of {topic} goes nowhere until its receiver has followed the link in a first mail: an alarm before that is \
                 told to nobody"
            );
            let mend =
                "Confirm the subscription after the first deployment, and look that it is no longer pending.";
            findings.push(Finding::of(facts, "mail-unconfirmed", at, property, why, mend));
        }
    }
}

/// A metric that an alarm watches.
struct Watched<'a> {
    namespace: &'a str,
    period: i64,
    property: &'static str,
}

/// The metric of an alarm, and those of its `Metrics`.
fn watched(alarm: &Value) -> Vec<Watched<'_>> {
    fn one<'a>(namespace: Option<&'a Value>, period: Option<&Value>, property: &'static str) -> Watched<'a> {
        let namespace = namespace.and_then(Value::as_str).unwrap_or_default();
        Watched { namespace, period: number(period).unwrap_or(MINUTE), property }
    }
    let metrics = alarm.get("Metrics").and_then(Value::as_array).into_iter().flatten();
    let metrics = metrics.filter_map(|metric| metric.get("MetricStat"));
    let metrics = metrics.map(|stat| one(stat.pointer("/Metric/Namespace"), stat.get("Period"), "Metrics"));
    metrics.chain([one(alarm.get("Namespace"), alarm.get("Period"), "Period")]).collect()
}

/// Why an alarm has no data for its period, and how to mend that.
fn unseen(facts: &Facts<'_>, id: &str, watched: &Watched<'_>) -> Option<(String, &'static str)> {
    let Watched { namespace, period, .. } = watched;
    if *period >= MINUTE {
        return None;
    }
    if namespace.starts_with("AWS/") {
        let why =
            format!("{id} looks every {period} s at a metric of {namespace}, which has one value a minute");
        return Some((why, "Set Period to 60, or watch a metric of your own with StorageResolution 1."));
    }
    // Who else may put the metric is not known; of the code that is here it is.
    let puts = ["PutMetricData", "putMetricData", "put_metric_data", "CloudWatchMetrics"];
    let is_put = facts.all_scripts().any(|script| script.says(&puts));
    let is_fine = facts.all_scripts().any(|script| script.says(&["StorageResolution", "storageResolution"]));
    (is_put && !is_fine).then(|| {
        let why = format!(
            "{id} looks every {period} s, and the metric is put without StorageResolution: it is kept by the minute, and the \
             alarm has no data in between"
        );
        (why, "Put the metric with StorageResolution: 1, or set Period to 60.")
    })
}
