//! A row of a query: an event with what was computed for it, or a group of `stats`.

use std::{cell::OnceCell, sync::Arc};

use serde_json::Value as Json;

use super::value::Value;
use crate::tables::chunk::Event;

/// Where an event comes from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// `ACCOUNT:GROUP`.
    pub(super) log: Arc<str>,
    pub(super) stream: Arc<str>,
    /// Functions' logs have fields of their own.
    pub(super) function: bool,
}

/// A row.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) event: Option<(Event, Origin)>,
    json: OnceCell<Option<Box<Json>>>,
    columns: Vec<(Arc<str>, Value)>,
}

#[allow(clippy::cast_precision_loss, reason = "moments are far below 2^53")]
fn time(millis: u64) -> Value {
    Value::Time(millis as f64)
}

impl Row {
    pub(super) fn of(event: Event, origin: Origin) -> Self {
        Self { event: Some((event, origin)), ..Self::default() }
    }

    /// Sets a computed column.
    pub(super) fn set(&mut self, name: &Arc<str>, value: Value) {
        match self.columns.iter_mut().find(|(known, _)| known == name) {
            Some((_, slot)) => *slot = value,
            None => self.columns.push((Arc::clone(name), value)),
        }
    }

    /// A field: computed, generated, or discovered.
    pub(super) fn get(&self, name: &str) -> Value {
        if let Some((_, value)) = self.columns.iter().find(|(known, _)| **known == *name) {
            return value.clone();
        }
        let Some((event, origin)) = &self.event else { return Value::Missing };
        match name {
            "@timestamp" => time(event.at.time),
            "@ingestionTime" => time(event.ingested),
            "@message" => Value::Text(event.text().to_owned()),
            "@logStream" => Value::Text(origin.stream.to_string()),
            "@log" => Value::Text(origin.log.to_string()),
            _ => {
                if origin.function
                    && name.starts_with('@')
                    && let Some(value) = function_field(event.text(), name)
                {
                    return value;
                }
                self.json().and_then(|json| lookup(json, name)).map_or(Value::Missing, Value::of_json)
            }
        }
    }

    /// The message as JSON; of a function's line the first JSON in it.
    fn json(&self) -> Option<&Json> {
        let read = || {
            let (event, origin) = self.event.as_ref()?;
            let text = event.text().trim_start();
            let text = if origin.function { text.get(text.find('{')?..)? } else { text };
            if !text.starts_with('{') {
                return None;
            }
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<Json>();
            values.next()?.ok().map(Box::new)
        };
        self.json.get_or_init(read).as_deref()
    }

    /// The names of the fields it has beyond the generated ones.
    pub(super) fn discovered(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(json) = self.json() {
            flatten(json, &mut String::new(), &mut names);
        }
        if let Some((event, origin)) = &self.event
            && origin.function
        {
            let known = FUNCTION_FIELDS.iter().filter(|name| function_field(event.text(), name).is_some());
            names.extend(known.map(|name| (*name).to_owned()));
        }
        names
    }

    /// Lets go of the chunk that the message lies in.
    pub(super) fn detach(&mut self) {
        if let Some((event, _)) = &mut self.event {
            event.message = bytes::Bytes::copy_from_slice(&event.message);
        }
    }

    /// About how much memory it takes, bytes.
    pub(super) fn size(&self) -> usize {
        let columns: usize = self
            .columns
            .iter()
            .map(|(_, value)| 48 + if let Value::Text(text) = value { text.len() } else { 0 })
            .sum();
        128 + columns + self.event.as_ref().map_or(0, |(event, _)| event.size())
    }
}

/// A path like `a.b.0.c`; a member whose own name has dots in it is found, too.
fn lookup<'a>(json: &'a Json, path: &str) -> Option<&'a Json> {
    match json {
        Json::Object(members) => {
            if let Some(found) = members.get(path) {
                return Some(found);
            }
            path.match_indices('.')
                .find_map(|(at, _)| lookup(members.get(path.get(..at)?)?, path.get(at + 1..)?))
        }
        Json::Array(items) => {
            let (index, rest) =
                path.split_once('.').map_or((path, None), |(index, rest)| (index, Some(rest)));
            let item = items.get(index.parse::<usize>().ok()?)?;
            rest.map_or(Some(item), |rest| lookup(item, rest))
        }
        _ => None,
    }
}

/// Fields discovered in one event.
const MOST_FIELDS: usize = 200;

fn flatten(json: &Json, path: &mut String, names: &mut Vec<String>) {
    let mut enter = |name: &str, inner: &Json| {
        let before = path.len();
        if before > 0 {
            path.push('.');
        }
        path.push_str(name);
        flatten(inner, path, names);
        path.truncate(before);
    };
    match json {
        Json::Object(members) => members.iter().for_each(|(name, inner)| enter(name, inner)),
        Json::Array(items) => items.iter().enumerate().for_each(|(at, inner)| enter(&at.to_string(), inner)),
        _ if names.len() < MOST_FIELDS => names.push(path.clone()),
        _ => {}
    }
}

const FUNCTION_FIELDS: &[&str] = &[
    "@requestId",
    "@duration",
    "@billedDuration",
    "@initDuration",
    "@type",
    "@maxMemoryUsed",
    "@memorySize",
    "@xrayTraceId",
    "@xraySegmentId",
];

/// Fields of a function's lines: `START`, `END`, `REPORT`, and what runtimes write with a request id.
fn function_field(text: &str, name: &str) -> Option<Value> {
    let kind = ["START", "END", "REPORT"]
        .into_iter()
        .find(|kind| text.strip_prefix(kind).is_some_and(|rest| rest.starts_with(" RequestId: ")));
    let after = |label: &str| text.split_once(label).map(|(_, rest)| rest);
    let word = |label: &str| {
        let rest = after(label)?;
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        rest.get(..end).map(str::to_owned)
    };
    let number = |label: &str| word(label)?.parse::<f64>().ok();
    match name {
        "@type" => kind.map(|kind| Value::Text(kind.to_owned())),
        "@requestId" if kind.is_some() => word(" RequestId: ").map(Value::Text),
        "@requestId" => {
            let id = text.split('\t').nth(1)?;
            (id.len() == 36 && id.bytes().filter(|b| *b == b'-').count() == 4)
                .then(|| Value::Text(id.to_owned()))
        }
        _ if kind != Some("REPORT") => None,
        "@duration" => number("\tDuration: ").map(Value::Number),
        "@billedDuration" => number("\tBilled Duration: ").map(Value::Number),
        "@initDuration" => number("\tInit Duration: ").map(Value::Number),
        "@memorySize" => number("\tMemory Size: ").map(|mb| Value::Number(mb * 1e6)),
        "@maxMemoryUsed" => number("\tMax Memory Used: ").map(|mb| Value::Number(mb * 1e6)),
        "@xrayTraceId" => word("XRAY TraceId: ").map(Value::Text),
        "@xraySegmentId" => word("SegmentId: ").map(Value::Text),
        _ => None,
    }
}
