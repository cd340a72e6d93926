//! Whether an event is wanted.

use serde_json::{Number, Value};

use crate::{Affix, But, Node, Rule, Test, text::same};

/// Whether an object is as asked for; `None`: there is no such member at all.
pub(crate) fn object(node: &Node, event: Option<&Value>) -> bool {
    match event {
        // One and the same element must have all that is asked for.
        Some(Value::Array(elements)) if !elements.is_empty() => {
            elements.iter().any(|element| object(node, Some(element)))
        }
        Some(Value::Object(members)) => holds(node, |name| members.get(name)),
        // What is no object has no members: whoever asks that something be absent is content.
        _ => holds(node, |_| None),
    }
}

fn holds<'e>(node: &Node, member: impl Fn(&str) -> Option<&'e Value>) -> bool {
    holds_dyn(node, &member)
}

fn holds_dyn<'e>(node: &Node, member: &dyn Fn(&str) -> Option<&'e Value>) -> bool {
    let fits = |(name, rule): &(String, Rule)| match rule {
        Rule::Within(node) => object(node, member(name)),
        Rule::AnyOf(tests) => tests.iter().any(|test| leaf(test, member(name))),
    };
    node.members.iter().all(fits)
        && node.either.iter().all(|branches| branches.iter().any(|branch| holds_dyn(branch, member)))
}

/// Whether a member without children is there: an object is none, nor is a list without elements.
fn is_leaf(value: &Value) -> bool {
    match value {
        Value::Object(_) => false,
        Value::Array(elements) => elements.iter().any(is_leaf),
        _ => true,
    }
}

fn leaf(test: &Test, value: Option<&Value>) -> bool {
    if let Test::Exists(wanted) = test {
        return value.is_some_and(is_leaf) == *wanted;
    }
    match value {
        None | Some(Value::Object(_)) => false,
        Some(Value::Array(elements)) => elements.iter().any(|element| leaf(test, Some(element))),
        Some(value) => fits(test, value),
    }
}

fn fits(test: &Test, value: &Value) -> bool {
    match (test, value) {
        (Test::Literal(wanted), value) => wanted == value,
        (Test::Text(wanted), Value::String(text)) => wanted == text,
        (Test::Number(wanted), Value::Number(number)) => equal(*wanted, number),
        (Test::Prefix(affix), Value::String(text)) => affix.begins(text),
        (Test::Suffix(affix), Value::String(text)) => affix.ends(text),
        (Test::IgnoreCase(wanted), Value::String(text)) => same(wanted, text),
        (Test::Wildcard(wildcard), Value::String(text)) => wildcard.fits(text),
        (Test::Range { low, high }, Value::Number(number)) => number.as_f64().is_some_and(|value| {
            low.is_none_or(|(low, with)| value > low || (with && same_number(value, low)))
                && high.is_none_or(|(high, with)| value < high || (with && same_number(value, high)))
        }),
        (Test::Cidr(network), Value::String(text)) => network.contains(text),
        (Test::AnythingBut(but), value) => !excluded(but, value),
        _ => false,
    }
}

/// Numbers are the same when they are within what a double tells apart, whatever they are written like.
#[allow(clippy::float_cmp, reason = "the same number written twice reads as the same double")]
fn same_number(one: f64, other: f64) -> bool {
    one == other
}

fn equal(wanted: f64, number: &Number) -> bool {
    number.as_f64().is_some_and(|value| same_number(value, wanted))
}

fn excluded(but: &But, value: &Value) -> bool {
    match (but, value) {
        (But::Texts(texts), Value::String(text)) => texts.contains(text),
        (But::Numbers(numbers), Value::Number(number)) => numbers.iter().any(|each| equal(*each, number)),
        (But::Prefixes(all), Value::String(text)) => all.iter().any(|affix: &Affix| affix.begins(text)),
        (But::Suffixes(all), Value::String(text)) => all.iter().any(|affix| affix.ends(text)),
        (But::IgnoreCase(texts), Value::String(text)) => texts.iter().any(|each| same(each, text)),
        (But::Wildcards(all), Value::String(text)) => all.iter().any(|wildcard| wildcard.fits(text)),
        _ => false,
    }
}
