//! What a `serverless.yml` may say: every key of the framework's version 3 with the values it takes.
//!
//! `schema.json` holds the facts, in JSON Schema's notation: the service, the kinds of events, the constructs. Values are
//! made what the schema wants where that loses nothing, as the framework does it: `"512"` becomes 512, `8` an environment
//! variable's `"8"`, a single value a list of one.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use fancy_regex::Regex;
use serde_json::Value as Json;

use super::service::REFUSED_EVENTS;
use super::variables::is_intrinsic;
use crate::document::{Entry, Mapping, Node, Place, Problem, Value};

static SCHEMA: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_str(include_str!("schema.json")).unwrap_or_default());

static PATTERNS: LazyLock<Mutex<BTreeMap<String, Option<Regex>>>> = LazyLock::new(Mutex::default);

fn section(name: &str) -> &'static Json {
    SCHEMA.get(name).unwrap_or(&Json::Null)
}

fn definition(name: &str) -> &'static Json {
    section("definitions").get(name).unwrap_or(&Json::Null)
}

/// Checks a service, all of it but its events and constructs, and makes its values what they should be.
pub(super) fn service(root: &mut Node) -> Vec<Problem> {
    checked(section("service"), root, "")
}

/// The kinds of events there are.
pub(super) fn events() -> impl Iterator<Item = &'static str> {
    section("events").as_object().into_iter().flatten().map(|(name, _)| name.as_str())
}

/// Checks a construct of a type; none if the type has no schema.
pub(super) fn construct(kind: &str, node: &mut Node, path: &str) -> Option<Vec<Problem>> {
    Some(checked(section("constructs").get(kind)?, node, path))
}

fn checked(schema: &Json, node: &mut Node, path: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    check(schema, node, path, &mut problems);
    problems
}

fn check(schema: &Json, node: &mut Node, path: &str, problems: &mut Vec<Problem>) {
    // Null is what was left out. An intrinsic function stands for whatever it gives.
    if node.is_null() {
        return;
    }
    let Some(schema) = schema.as_object() else { return };
    if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return match name {
            "event" => event(node, path, problems),
            _ => check(definition(name), node, path, problems),
        };
    }
    for part in schema.get("allOf").and_then(Json::as_array).into_iter().flatten() {
        check(part, node, path, problems);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = schema.get(key).and_then(Json::as_array) {
            choose(choices, node, path, problems);
        }
    }
    let kind = schema.get("type").and_then(Json::as_str);
    if kind != Some("object") && is_intrinsic(node) {
        return;
    }
    if let Some(kind) = kind {
        coerce(kind, node);
        if !is(kind, node) {
            problems.push(problem(
                node,
                path,
                format!("{} is expected, {} stands here", article(kind), what(node)),
            ));
            return;
        }
    }
    if let Some(values) = schema.get("enum").and_then(Json::as_array)
        && !values.contains(&node.to_json())
        && !values.iter().any(|v| coerced_to(v, node))
    {
        problems.push(problem(node, path, format!("one of {} is expected", listed(values))));
    }
    if let Some(value) = schema.get("const")
        && *value != node.to_json()
        && !coerced_to(value, node)
    {
        problems.push(problem(node, path, format!("{value} is expected")));
    }
    limits(schema, node, path, problems);
    members(schema, node, path, problems);
}

/// One of several: the first that fits. If none does, the complaint of the one that comes nearest.
fn choose(choices: &[Json], node: &mut Node, path: &str, problems: &mut Vec<Problem>) {
    let mut nearest: Option<(usize, Vec<Problem>)> = None;
    for choice in choices {
        let mut attempt = node.clone();
        let found = checked(choice, &mut attempt, path);
        if found.is_empty() {
            *node = attempt;
            return;
        }
        // Deeper complaints mean that more of it fitted; so does a matching type.
        let depth = found.iter().map(|p| p.path.matches('.').count()).max().unwrap_or_default() * 2
            + usize::from(fits_type(choice, node));
        if nearest.as_ref().is_none_or(|(best, _)| depth > *best) {
            nearest = Some((depth, found));
        }
    }
    problems.extend(nearest.into_iter().flat_map(|(_, found)| found));
}

fn fits_type(choice: &Json, node: &Node) -> bool {
    let choice = match choice.get("$ref").and_then(Json::as_str) {
        Some(reference) => definition(reference.rsplit('/').next().unwrap_or_default()),
        None => choice,
    };
    choice.get("type").and_then(Json::as_str).is_some_and(|kind| is(kind, node))
}

/// An event: a name, or one kind with what it says.
fn event(node: &mut Node, path: &str, problems: &mut Vec<Problem>) {
    let place = node.place;
    if REFUSED_EVENTS.iter().any(|(kind, _)| node.as_str() == Some(kind)) {
        return;
    }
    let Some(mapping) = node.as_mapping_mut() else {
        let known: Vec<_> = events().collect();
        problems.push(problem(
            node,
            path,
            format!("an event is one of {}, with what it needs", known.join(", ")),
        ));
        return;
    };
    mapping.retain(|entry| !entry.value.is_null());
    if mapping.len() != 1 {
        problems.push(Problem::new("an event has exactly one kind").placed(place).path(path));
        return;
    }
    let keys: Vec<(String, Place)> = mapping.iter().map(|e| (e.key.clone(), e.place)).collect();
    for (key, place) in keys {
        let below = format!("{path}.{key}");
        // Refused with a reason already.
        if REFUSED_EVENTS.iter().any(|(kind, _)| *kind == key) {
            continue;
        }
        match (section("events").get(&key), mapping.get_mut(&key)) {
            (Some(schema), Some(value)) => check(schema, value, &below, problems),
            _ => problems.push(unknown(&key, place, path, events())),
        }
    }
}

fn members(schema: &serde_json::Map<String, Json>, node: &mut Node, path: &str, problems: &mut Vec<Problem>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let place = node.place;
    match &mut node.value {
        Value::Mapping(mapping) => {
            let properties = schema.get("properties").and_then(Json::as_object);
            let patterns = schema.get("patternProperties").and_then(Json::as_object);
            let additional = schema.get("additionalProperties");
            let keys: Vec<(String, Place)> = mapping.iter().map(|e| (e.key.clone(), e.place)).collect();
            for (key, place) in keys {
                let by_name = properties.and_then(|p| p.get(&key));
                let by_pattern = || {
                    patterns.into_iter().flatten().find(|(p, _)| matches(p, &key)).map(|(_, schema)| schema)
                };
                let Some(schema) = by_name.or_else(by_pattern).or(additional) else { continue };
                if *schema == Json::Bool(false) {
                    let known = properties.into_iter().flatten().map(|(name, _)| name.as_str());
                    problems.push(unknown(&key, place, path, known));
                } else if let Some(value) = mapping.get_mut(&key) {
                    check(schema, value, &below(&key), problems);
                }
            }
            for wanted in schema.get("required").and_then(Json::as_array).into_iter().flatten() {
                let name = wanted.as_str().unwrap_or_default();
                if mapping.get(name).is_none_or(Node::is_null) {
                    problems.push(
                        Problem::new(format!("\"{name}\" is missing"))
                            .placed(place)
                            .path(path)
                            .code("schema"),
                    );
                }
            }
        }
        Value::Sequence(items) => match schema.get("items") {
            Some(Json::Array(each)) => {
                for (index, (item, schema)) in items.iter_mut().zip(each).enumerate() {
                    check(schema, item, &below(&index.to_string()), problems);
                }
            }
            Some(all) => {
                for (index, item) in items.iter_mut().enumerate() {
                    check(all, item, &below(&index.to_string()), problems);
                }
            }
            None => {}
        },
        _ => {}
    }
}

fn limits(schema: &serde_json::Map<String, Json>, node: &Node, path: &str, problems: &mut Vec<Problem>) {
    let number = |key: &str| schema.get(key).and_then(Json::as_f64);
    let (size, least, most, of) = match &node.value {
        Value::Number(n) => (n.as_f64(), number("minimum"), number("maximum"), "a number"),
        #[expect(clippy::cast_precision_loss)]
        Value::String(text) => (
            Some(text.chars().count() as f64),
            number("minLength"),
            number("maxLength"),
            "a number of characters",
        ),
        #[expect(clippy::cast_precision_loss)]
        Value::Sequence(items) => {
            (Some(items.len() as f64), number("minItems"), number("maxItems"), "a number of items")
        }
        #[expect(clippy::cast_precision_loss)]
        Value::Mapping(mapping) => (
            Some(mapping.len() as f64),
            number("minProperties"),
            number("maxProperties"),
            "a number of members",
        ),
        _ => return,
    };
    let Some(size) = size else { return };
    let wrong = match (least, most) {
        (Some(least), Some(most)) if size < least || size > most => {
            format!("{of} between {least} and {most} is expected")
        }
        (Some(least), _) if size < least => format!("{of} of at least {least} is expected"),
        (_, Some(most)) if size > most => format!("{of} of at most {most} is expected"),
        _ => String::new(),
    };
    if !wrong.is_empty() {
        problems.push(problem(node, path, wrong));
    }
    if let (Some(pattern), Some(text)) = (schema.get("pattern").and_then(Json::as_str), node.as_str())
        && !matches(pattern, text)
    {
        problems.push(problem(node, path, format!("\"{text}\" does not have the form {pattern}")));
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut patterns = PATTERNS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let regex = patterns.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).ok());
    regex.as_ref().is_none_or(|regex| regex.is_match(text).unwrap_or(true))
}

fn is(kind: &str, node: &Node) -> bool {
    match (kind, &node.value) {
        ("object", Value::Mapping(_))
        | ("array", Value::Sequence(_))
        | ("string", Value::String(_))
        | ("boolean", Value::Bool(_))
        | ("number", Value::Number(_)) => true,
        ("integer", Value::Number(n)) => n.as_f64().is_some_and(|n| n.fract() == 0.0),
        _ => false,
    }
}

/// Makes a value one of a type where that loses nothing.
fn coerce(kind: &str, node: &mut Node) {
    let place = node.place;
    if kind == "array" && !is_intrinsic(node) && !matches!(node.value, Value::Sequence(_) | Value::Mapping(_))
    {
        node.value = Value::Sequence(vec![node.clone()]);
        return;
    }
    if let Value::Sequence(items) = &node.value
        && let ([only], "string" | "number" | "integer" | "boolean") = (items.as_slice(), kind)
    {
        *node = only.clone();
    }
    let value = match (kind, &node.value) {
        ("string", Value::Number(_) | Value::Bool(_)) => node.scalar_text().map(Value::String),
        ("number" | "integer", Value::String(text)) => {
            serde_json::from_str::<serde_json::Number>(text.trim()).ok().map(Value::Number)
        }
        ("boolean", Value::String(text)) => text.parse().ok().map(Value::Bool),
        _ => None,
    };
    if let Some(value) = value {
        *node = Node::new(place, value);
    }
}

/// A constant or member of an enumeration that a value becomes when its type is changed: `"14"` and 14.
fn coerced_to(wanted: &Json, node: &mut Node) -> bool {
    let text = match wanted {
        Json::String(text) => text.clone(),
        Json::Number(_) | Json::Bool(_) => wanted.to_string(),
        _ => return false,
    };
    let same = node.scalar_text().as_deref() == Some(text.as_str());
    if same {
        *node = Node::from_json(wanted, node.place);
    }
    same
}

fn problem(node: &Node, path: &str, text: String) -> Problem {
    Problem::at(node, text).path(path).code("schema")
}

fn unknown<'a>(key: &str, place: Place, path: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let known: Vec<&str> = known.collect();
    let near = known.iter().filter(|name| distance(name, key) <= 2).min_by_key(|name| distance(name, key));
    let hint = match near {
        Some(near) => format!("did you mean \"{near}\"?"),
        None if known.is_empty() || known.len() > 40 => {
            "the framework's version 3 has no such key here".to_owned()
        }
        None => format!("there are {}", known.join(", ")),
    };
    let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    Problem::new(format!("the key \"{key}\" is not known: {hint}"))
        .placed(place)
        .path(path)
        .code("unknown-key")
}

/// How many letters must change to make one word another, upper and lower case alike.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let cost = (diagonal + usize::from(x != y)).min(left + 1).min(*above + 1);
            diagonal = *above;
            *above = cost;
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn article(kind: &str) -> &'static str {
    match kind {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "a string",
        "boolean" => "true or false",
        "integer" => "a whole number",
        _ => "a number",
    }
}

fn what(node: &Node) -> String {
    match &node.value {
        Value::Mapping(_) => "a mapping".to_owned(),
        Value::Sequence(_) => "a list".to_owned(),
        _ => node.to_json().to_string(),
    }
}

fn listed(values: &[Json]) -> String {
    values
        .iter()
        .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Where null says something else than nothing at all: no VPC, no default for CORS.
const NULL_MEANS: [&str; 4] = ["vpc", "allowedOrigins", "allowedHeaders", "allowedMethods"];

/// A mapping without what is null, all the way down.
pub(super) fn without_nulls(node: &Node) -> Node {
    let value = match &node.value {
        Value::Mapping(mapping) => Value::Mapping(
            mapping
                .iter()
                .filter(|e| !e.value.is_null() || NULL_MEANS.contains(&e.key.as_str()))
                .map(|e| Entry { key: e.key.clone(), place: e.place, value: without_nulls(&e.value) })
                .collect::<Mapping>(),
        ),
        Value::Sequence(items) => Value::Sequence(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    };
    Node::new(node.place, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(json: &Json, found: &mut Vec<String>) {
        match json {
            Json::Object(members) => {
                for (key, value) in members {
                    match value {
                        Json::String(text) if key == "pattern" => found.push(text.clone()),
                        Json::Object(inner) if key == "patternProperties" => {
                            found.extend(inner.keys().cloned());
                        }
                        _ => {}
                    }
                    patterns(value, found);
                }
            }
            Json::Array(items) => items.iter().for_each(|item| patterns(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_pattern_can_be_judged() {
        let mut found = Vec::new();
        patterns(&SCHEMA, &mut found);
        assert!(found.len() > 30);
        for pattern in found {
            assert!(Regex::new(&pattern).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn words_that_are_near() {
        assert_eq!(distance("memorySize", "memorysize"), 0);
        assert_eq!(distance("handler", "handlr"), 1);
        assert_eq!(distance("timeout", "runtime"), 6);
    }
}
