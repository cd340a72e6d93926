//! Aggregates of `stats`.

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
};

use super::{
    Failed,
    evaluate::Scope,
    functions::finite,
    row::Row,
    syntax::{Aggregate, Kind},
    value::Value,
};
use crate::limits::{RESULT_BYTES, STATS_GROUPS};

/// Bytes counted for a group beside its keys.
const GROUP_BYTES: usize = 256;

#[derive(Default)]
struct Sum {
    count: f64,
    total: f64,
    squares: f64,
    values: Vec<f64>,
    texts: HashSet<String>,
    best: Option<(Value, Value)>,
}

struct Group {
    keys: Vec<Value>,
    sums: Vec<Sum>,
}

/// What `stats` has seen so far.
pub(super) struct Stats {
    aggregates: Vec<Aggregate>,
    index: HashMap<String, usize>,
    groups: Vec<Group>,
    bytes: usize,
}

impl Stats {
    pub(super) fn new(aggregates: Vec<Aggregate>) -> Self {
        Self { aggregates, index: HashMap::new(), groups: Vec::new(), bytes: 0 }
    }

    /// Takes a row into the group of its keys.
    pub(super) fn add(&mut self, keys: Vec<Value>, row: &Row, now: f64) -> Result<(), Failed> {
        let part = |key: &Value| if key.is_missing() { "\u{1f}".to_owned() } else { key.to_string() };
        let key = keys.iter().map(part).collect::<Vec<_>>().join("\u{1e}");
        let at = if let Some(at) = self.index.get(&key) {
            *at
        } else {
            self.bytes += GROUP_BYTES + 2 * key.len() + 160 * self.aggregates.len();
            let sums = self.aggregates.iter().map(|_| Sum::default()).collect();
            self.groups.push(Group { keys, sums });
            self.index.insert(key, self.groups.len() - 1);
            self.groups.len() - 1
        };
        let scope = Scope { row, aggregates: &[], now };
        if let Some(group) = self.groups.get_mut(at) {
            for (sum, aggregate) in group.sums.iter_mut().zip(&self.aggregates) {
                self.bytes += sum.add(aggregate, &scope);
            }
        }
        if self.groups.len() > STATS_GROUPS || self.bytes > RESULT_BYTES {
            return Err(Failed::TooMuch);
        }
        Ok(())
    }

    /// The groups: keys and the aggregates' values. Without keys there is one group, also of nothing.
    pub(super) fn finish(&mut self, keyed: bool) -> Vec<(Vec<Value>, Vec<Value>)> {
        let mut groups = std::mem::take(&mut self.groups);
        if groups.is_empty() && !keyed {
            groups.push(Group {
                keys: Vec::new(),
                sums: self.aggregates.iter().map(|_| Sum::default()).collect(),
            });
        }
        let values = |group: Group| {
            let sums = group.sums.into_iter().zip(&self.aggregates);
            (group.keys, sums.map(|(sum, aggregate)| sum.value(aggregate.kind)).collect())
        };
        groups.into_iter().map(values).collect()
    }
}

impl Sum {
    /// Takes a row's value; answers how many bytes that took.
    fn add(&mut self, aggregate: &Aggregate, scope: &Scope<'_>) -> usize {
        let Some(of) = &aggregate.of else {
            self.count += 1.0;
            return 0;
        };
        let value = scope.value(of);
        if value.is_missing() {
            return 0;
        }
        match aggregate.kind {
            Kind::Count => self.count += 1.0,
            Kind::CountDistinct => {
                let text = value.to_string();
                let bytes = text.len() + 48;
                return if self.texts.insert(text) { bytes } else { 0 };
            }
            Kind::Earliest => self.best(scope.row.get("@timestamp"), value, Ordering::Less),
            Kind::Latest => self.best(scope.row.get("@timestamp"), value, Ordering::Greater),
            Kind::Min | Kind::First => self.best(value.clone(), value, Ordering::Less),
            Kind::Max | Kind::Last => self.best(value.clone(), value, Ordering::Greater),
            Kind::Sum | Kind::Average | Kind::Deviation | Kind::Variance | Kind::Percentile(_) => {
                let Some(number) = value.number() else { return 0 };
                self.count += 1.0;
                self.total += number;
                self.squares += number * number;
                if matches!(aggregate.kind, Kind::Percentile(_)) {
                    self.values.push(number);
                    return 16;
                }
            }
        }
        0
    }

    fn best(&mut self, by: Value, value: Value, wanted: Ordering) {
        if self.best.as_ref().is_none_or(|(best, _)| by.order(best) == wanted) {
            self.best = Some((by, value));
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn value(mut self, kind: Kind) -> Value {
        if kind == Kind::Count {
            return Value::Number(self.count);
        }
        if kind == Kind::CountDistinct {
            return Value::Number(self.texts.len() as f64);
        }
        if let Some((_, value)) = self.best {
            return value;
        }
        if self.count == 0.0 {
            return Value::Missing;
        }
        let mean = self.total / self.count;
        let variance = (self.squares / self.count - mean * mean).max(0.0);
        match kind {
            Kind::Sum => finite(self.total),
            Kind::Average => finite(mean),
            Kind::Variance => finite(variance),
            Kind::Deviation => finite(variance.sqrt()),
            Kind::Percentile(p) => percentile(&mut self.values, p),
            _ => Value::Missing,
        }
    }
}

/// Between two values in proportion.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index"
)]
fn percentile(values: &mut [f64], p: f64) -> Value {
    values.sort_by(f64::total_cmp);
    let at = p / 100.0 * values.len().saturating_sub(1) as f64;
    let low = values.get(at.floor() as usize);
    let high = values.get(at.ceil() as usize);
    match (low, high) {
        (Some(low), Some(high)) => finite(low + (high - low) * at.fract()),
        _ => Value::Missing,
    }
}
