//! A query's commands at work: rows go in one by one, newest first unless the query sorts otherwise.

use std::{collections::HashSet, sync::Arc};

use super::{
    Failed,
    evaluate::Scope,
    row::Row,
    stats::Stats,
    syntax::{Column, Command, Expression},
    value::Value,
};
use crate::{
    limits::{QUERY_ROWS, RESULT_BYTES},
    read::Direction,
};

enum Stage {
    Fields(Vec<(Arc<str>, Expression)>),
    Filter(Expression),
    Parse { of: Expression, regex: regex::Regex, names: Vec<Arc<str>> },
    Stats { stats: Stats, columns: Vec<(Arc<str>, Expression)>, by: Vec<(Arc<str>, Expression)> },
    Sort { keys: Vec<(Expression, bool)>, keep: usize, rows: Vec<(Vec<Value>, Row)>, bytes: usize },
    Limit(usize),
    Dedup { fields: Vec<Expression>, seen: HashSet<String>, bytes: usize },
}

/// What is shown of a row.
struct Shown {
    name: Arc<str>,
    /// Computed for `display` alone.
    expression: Expression,
}

/// A query at work.
pub(super) struct Pipeline {
    stages: Vec<Stage>,
    shown: Vec<Shown>,
    /// Rows are events: each is shown with its pointer.
    pub(super) events: bool,
    pub(super) direction: Direction,
    now: f64,
    /// Events no filter has dropped.
    pub(super) matched: u64,
    rows: Vec<ShownRow>,
    bytes: usize,
    /// Nothing that could still come would be shown.
    pub(super) full: bool,
}

/// A row as it is shown, and the event it is, when it is one.
pub(super) type ShownRow = (Vec<(Arc<str>, String)>, Option<crate::tables::chunk::Event>);

fn named(columns: Vec<Column>) -> Vec<(Arc<str>, Expression)> {
    columns.into_iter().map(|column| (column.name.into(), column.expression)).collect()
}

/// Sorting by time alone is how events come anyway.
fn by_time(commands: &[Command]) -> Option<(usize, Direction)> {
    for (at, command) in commands.iter().enumerate() {
        match command {
            Command::Sort(keys) => {
                return match keys.as_slice() {
                    [(Expression::Field(field), down)] if field == "@timestamp" => {
                        Some((at, if *down { Direction::Backward } else { Direction::Forward }))
                    }
                    _ => None,
                };
            }
            Command::Fields(columns) if columns.iter().any(|column| column.name == "@timestamp") => {
                let plain = |c: &Column| matches!(&c.expression, Expression::Field(f) if *f == c.name);
                if !columns.iter().all(|column| column.name != "@timestamp" || plain(column)) {
                    return None;
                }
            }
            Command::Parse { names, .. } if names.iter().any(|name| name == "@timestamp") => return None,
            Command::Stats { .. } | Command::Limit(_) | Command::Dedup(_) => return None,
            _ => {}
        }
    }
    None
}

impl Pipeline {
    /// `limit` counts when the query has none of its own.
    pub(super) fn new(mut commands: Vec<Command>, limit: Option<usize>, now: f64) -> Self {
        let mut direction = Direction::Backward;
        if let Some((at, way)) = by_time(&commands) {
            commands.remove(at);
            direction = way;
        }
        if !commands.iter().any(|command| matches!(command, Command::Limit(_))) {
            commands.push(Command::Limit(limit.unwrap_or(QUERY_ROWS)));
        }
        let (shown, events) = shown(&commands);
        let mut keep = usize::MAX;
        let mut stages: Vec<Stage> = Vec::with_capacity(commands.len());
        // From the end: a sort has to keep as many rows as the limit behind it.
        for command in commands.into_iter().rev() {
            stages.push(match command {
                Command::Fields(columns) => Stage::Fields(named(columns)),
                // What it computes is computed when it is shown.
                Command::Display(_) => continue,
                Command::Filter(expression) => {
                    keep = usize::MAX;
                    Stage::Filter(expression)
                }
                Command::Parse { of, regex, names } => {
                    Stage::Parse { of, regex, names: names.into_iter().map(Arc::from).collect() }
                }
                Command::Stats { aggregates, columns, by } => {
                    keep = usize::MAX;
                    Stage::Stats { stats: Stats::new(aggregates), columns: named(columns), by: named(by) }
                }
                Command::Sort(keys) => Stage::Sort { keys, keep, rows: Vec::new(), bytes: 0 },
                Command::Limit(most) => {
                    keep = keep.min(most);
                    Stage::Limit(most)
                }
                Command::Dedup(fields) => {
                    keep = usize::MAX;
                    Stage::Dedup { fields, seen: HashSet::new(), bytes: 0 }
                }
            });
        }
        stages.reverse();
        let (matched, rows, bytes, full) = (0, Vec::new(), 0, false);
        Self { stages, shown, events, direction, now, matched, rows, bytes, full }
    }

    /// Takes an event.
    pub(super) fn push(&mut self, row: Row) -> Result<(), Failed> {
        self.pass(0, row, true)
    }

    /// All events were taken: what was held back comes out.
    pub(super) fn finish(mut self) -> Result<Vec<ShownRow>, Failed> {
        for at in 0..self.stages.len() {
            let now = self.now;
            let held: Vec<Row> = match self.stages.get_mut(at) {
                Some(Stage::Sort { keys, rows, .. }) => {
                    sort(rows, keys);
                    std::mem::take(rows).into_iter().map(|(_, row)| row).collect()
                }
                Some(Stage::Stats { stats, columns, by }) => {
                    let group = |(keys, aggregates): (Vec<Value>, Vec<Value>)| {
                        let mut row = Row::default();
                        by.iter().zip(keys).for_each(|((name, _), key)| row.set(name, key));
                        for (name, expression) in columns.iter() {
                            let value = Scope { row: &row, aggregates: &aggregates, now }.value(expression);
                            row.set(name, value);
                        }
                        row
                    };
                    stats.finish(!by.is_empty()).into_iter().map(group).collect()
                }
                _ => continue,
            };
            for row in held {
                self.pass(at + 1, row, false)?;
            }
        }
        Ok(self.rows)
    }

    /// Sends a row through the stages from `at` on.
    fn pass(&mut self, mut at: usize, mut row: Row, mut fresh: bool) -> Result<(), Failed> {
        let now = self.now;
        while let Some(stage) = self.stages.get_mut(at) {
            let scope = Scope { row: &row, aggregates: &[], now };
            match stage {
                Stage::Filter(condition) => {
                    if !scope.value(condition).is_true() {
                        return Ok(());
                    }
                }
                Stage::Fields(columns) => {
                    for (name, expression) in columns.iter() {
                        if matches!(expression, Expression::Field(field) if **field == **name) {
                            continue;
                        }
                        let value = Scope { row: &row, aggregates: &[], now }.value(expression);
                        row.set(name, value);
                    }
                }
                Stage::Parse { of, regex, names } => {
                    let text = scope.value(of).to_string();
                    if let Some(found) = regex.captures(&text) {
                        for (index, name) in names.iter().enumerate() {
                            let group = found.name(name).or_else(|| found.get(index + 1));
                            if let Some(group) = group {
                                row.set(name, Value::Text(group.as_str().to_owned()));
                            }
                        }
                    }
                }
                Stage::Stats { stats, by, .. } => {
                    self.matched += u64::from(std::mem::take(&mut fresh));
                    let keys = by.iter().map(|(_, key)| scope.value(key)).collect();
                    return stats.add(keys, &row, now);
                }
                Stage::Sort { keys, keep, rows, bytes } => {
                    self.matched += u64::from(std::mem::take(&mut fresh));
                    let values = keys.iter().map(|(key, _)| scope.value(key)).collect();
                    row.detach();
                    *bytes += row.size();
                    rows.push((values, row));
                    if rows.len() >= keep.saturating_mul(2).saturating_add(1_000) {
                        sort(rows, keys);
                        rows.truncate(*keep);
                        *bytes = rows.iter().map(|(_, row)| row.size()).sum();
                    }
                    return if *bytes > 2 * RESULT_BYTES { Err(Failed::TooMuch) } else { Ok(()) };
                }
                Stage::Limit(left) => {
                    self.matched += u64::from(std::mem::take(&mut fresh));
                    if *left == 0 {
                        return Ok(());
                    }
                    *left -= 1;
                    self.full |= *left == 0;
                }
                Stage::Dedup { fields, seen, bytes } => {
                    let values: Vec<Value> = fields.iter().map(|field| scope.value(field)).collect();
                    // What is missing is no duplicate.
                    if !values.iter().any(Value::is_missing) {
                        let key = values.iter().map(ToString::to_string).collect::<Vec<_>>().join("\u{1e}");
                        *bytes += key.len() + 48;
                        if *bytes > RESULT_BYTES {
                            return Err(Failed::TooMuch);
                        }
                        if !seen.insert(key) {
                            return Ok(());
                        }
                    }
                }
            }
            at += 1;
        }
        self.matched += u64::from(fresh);
        self.show(row)
    }

    fn show(&mut self, mut row: Row) -> Result<(), Failed> {
        let scope = Scope { row: &row, aggregates: &[], now: self.now };
        let cell = |shown: &Shown| {
            let value = scope.value(&shown.expression);
            (!value.is_missing()).then(|| (Arc::clone(&shown.name), value.to_string()))
        };
        let cells: Vec<_> = self.shown.iter().filter_map(cell).collect();
        self.bytes += 64 + cells.iter().map(|(_, text)| text.len() + 40).sum::<usize>();
        if self.bytes > RESULT_BYTES {
            return Err(Failed::TooMuch);
        }
        let event = row.event.take().map(|(mut event, _)| {
            event.message = bytes::Bytes::new();
            event
        });
        self.rows.push((cells, event));
        Ok(())
    }
}

fn sort(rows: &mut [(Vec<Value>, Row)], keys: &[(Expression, bool)]) {
    rows.sort_by(|(one, _), (two, _)| {
        let orders = one.iter().zip(two).zip(keys).map(|((a, b), (_, down))| {
            let order = a.order(b);
            if *down { order.reverse() } else { order }
        });
        orders.into_iter().find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
}

/// What is shown, and whether rows are events.
fn shown(commands: &[Command]) -> (Vec<Shown>, bool) {
    let mut shown: Vec<Shown> = Vec::new();
    let (mut events, mut display) = (true, false);
    let add = |shown: &mut Vec<Shown>, name: &str, expression: Expression| {
        if !shown.iter().any(|known| *known.name == *name) {
            shown.push(Shown { name: name.into(), expression });
        }
    };
    let field = |name: &str| Expression::Field(name.to_owned());
    for command in commands {
        match command {
            Command::Fields(columns) if !display => {
                for column in columns {
                    add(&mut shown, &column.name, field(&column.name));
                }
            }
            Command::Display(columns) => {
                shown.clear();
                display = true;
                for column in columns {
                    add(&mut shown, &column.name, column.expression.clone());
                }
            }
            Command::Stats { columns, by, .. } => {
                shown.clear();
                (events, display) = (false, false);
                by.iter()
                    .chain(columns)
                    .for_each(|column| add(&mut shown, &column.name, field(&column.name)));
            }
            _ => {}
        }
    }
    if shown.is_empty() {
        for name in ["@timestamp", "@message"] {
            add(&mut shown, name, field(name));
        }
    }
    (shown, events)
}
