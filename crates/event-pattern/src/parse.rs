//! From JSON to a pattern, with the service's words for what is wrong.

use serde_json::{Map, Value};

use crate::{
    Affix, BadPattern, But, MAX_COMBINATIONS, MAX_DEPTH, Node, Rule, Test, cidr::Network, text::Wildcard,
};

/// Names that make an object within a list a test, not a value: `$or` is only an operator where none of them appears.
const OPERATORS: &[&str] = &[
    "exactly",
    "exists",
    "anything-but",
    "anything-but-prefix",
    "anything-but-suffix",
    "anything-but-ignore-case",
    "anything-but-wildcard",
    "prefix",
    "suffix",
    "equals-ignore-case",
    "wildcard",
    "numeric",
    "cidr",
];

type Parsed<T> = Result<T, BadPattern>;

fn bad<T>(reason: impl Into<String>) -> Parsed<T> {
    Err(BadPattern { reason: reason.into() })
}

pub(crate) fn root(value: &Value) -> Parsed<Node> {
    let Value::Object(members) = value else { return bad("Filter is not an object") };
    if members.is_empty() {
        return bad("Empty objects are not allowed");
    }
    let node = node(members, 0)?;
    if combinations(&node) > MAX_COMBINATIONS {
        return bad(format!("Rule is too complex, there are more than {MAX_COMBINATIONS} combinations"));
    }
    Ok(node)
}

/// How many plain patterns it would take to say the same.
fn combinations(node: &Node) -> usize {
    let within = node.members.iter().map(|(_, rule)| match rule {
        Rule::Within(node) => combinations(node),
        Rule::AnyOf(_) => 1,
    });
    let either =
        node.either.iter().map(|branches| branches.iter().map(combinations).fold(0, usize::saturating_add));
    within.chain(either).fold(1, usize::saturating_mul)
}

fn node(members: &Map<String, Value>, depth: usize) -> Parsed<Node> {
    if depth == MAX_DEPTH {
        return bad(format!("Filter is nested deeper than {MAX_DEPTH} levels"));
    }
    let mut node = Node::default();
    for (name, value) in members {
        match value {
            Value::Array(branches) if name == "$or" && is_or(branches) => {
                let branches = branches.iter().filter_map(Value::as_object);
                node.either
                    .push(branches.map(|branch| self::node(branch, depth + 1)).collect::<Parsed<_>>()?);
            }
            Value::Array(tests) if tests.is_empty() => return bad("Empty arrays are not allowed"),
            Value::Array(tests) => {
                let tests = tests.iter().map(test).collect::<Parsed<_>>()?;
                node.members.push((name.clone(), Rule::AnyOf(tests)));
            }
            Value::Object(members) if members.is_empty() => return bad("Empty objects are not allowed"),
            Value::Object(members) => {
                node.members.push((name.clone(), Rule::Within(self::node(members, depth + 1)?)));
            }
            _ => return bad(format!("\"{name}\" must be an object or an array")),
        }
    }
    Ok(node)
}

/// Whether `$or` is meant as an operator: a list of two or more objects that are patterns themselves.
fn is_or(branches: &[Value]) -> bool {
    let pattern = |branch: &Value| {
        branch.as_object().is_some_and(|members| {
            !members.is_empty() && members.keys().all(|name| !OPERATORS.contains(&name.as_str()))
        })
    };
    branches.len() >= 2 && branches.iter().all(pattern)
}

fn test(value: &Value) -> Parsed<Test> {
    match value {
        Value::Null | Value::Bool(_) => Ok(Test::Literal(value.clone())),
        Value::String(text) => Ok(Test::Text(text.clone())),
        Value::Number(_) => number(value).map(Test::Number),
        Value::Array(_) => bad("Match value must be String, number, true, false, or null"),
        Value::Object(members) => {
            let mut members = members.iter();
            let Some((name, value)) = members.next() else {
                return bad("Empty objects are not allowed");
            };
            if members.next().is_some() {
                return bad("Only one key allowed in match expression");
            }
            operator(name, value)
        }
    }
}

/// Longest distance of a number from zero, and what is beyond five decimals is not told apart by the service; a double
/// does at least as well.
fn number(value: &Value) -> Parsed<f64> {
    match value.as_f64().filter(|number| number.is_finite()) {
        Some(number) => Ok(number),
        None => bad("Value of numeric is not a number that can be compared"),
    }
}

fn operator(name: &str, value: &Value) -> Parsed<Test> {
    match name {
        "exactly" => text(name, value).map(|text| Test::Text(text.to_owned())),
        "prefix" => affix(name, value).map(Test::Prefix),
        "suffix" => affix(name, value).map(Test::Suffix),
        "equals-ignore-case" => text(name, value).map(|text| Test::IgnoreCase(text.to_owned())),
        "wildcard" => wildcard(name, value).map(Test::Wildcard),
        "numeric" => numeric(value),
        "cidr" => match value {
            Value::String(text) => match Network::parse(text) {
                Ok(network) => Ok(Test::Cidr(network)),
                Err(reason) => bad(reason),
            },
            _ => bad("prefix match pattern must be a string"),
        },
        "exists" => match value {
            Value::Bool(wanted) => Ok(Test::Exists(*wanted)),
            _ => bad("exists match pattern must be either true or false."),
        },
        "anything-but" => but(value).map(Test::AnythingBut),
        _ => bad(format!("Unrecognized match type {name}")),
    }
}

fn text<'v>(name: &str, value: &'v Value) -> Parsed<&'v str> {
    match value {
        Value::String(text) => Ok(text),
        _ => bad(format!("{name} match pattern must be a string")),
    }
}

fn affix(name: &str, value: &Value) -> Parsed<Affix> {
    match value {
        Value::String(text) => Ok(Affix { text: text.clone(), ignore_case: false }),
        Value::Object(members) => match members.iter().next() {
            Some((name, value)) if name == "equals-ignore-case" && members.len() == 1 => {
                let text = text("equals-ignore-case", value)?.to_owned();
                Ok(Affix { text, ignore_case: true })
            }
            Some((other, _)) if members.len() == 1 => bad(format!("Unsupported {name} pattern: {other}")),
            _ => bad("Only one key allowed in match expression"),
        },
        _ => bad(format!("{name} match pattern must be a string")),
    }
}

fn wildcard(name: &str, value: &Value) -> Parsed<Wildcard> {
    match Wildcard::parse(text(name, value)?) {
        Ok(wildcard) => Ok(wildcard),
        Err(reason) => bad(reason),
    }
}

fn numeric(value: &Value) -> Parsed<Test> {
    let Value::Array(parts) = value else { return bad("Value of numeric must be an array.") };
    let bound = |operator: &str, value: Option<&Value>| match value {
        Some(value @ Value::Number(_)) => number(value),
        _ => bad(format!("Value of {operator} must be numeric")),
    };
    let (first, operand, second) = match parts.as_slice() {
        [] => return bad("Invalid member in numeric match: ]"),
        [Value::String(first), rest @ ..] => {
            (first.as_str(), rest.first(), rest.get(1..).unwrap_or_default())
        }
        [other, ..] => return bad(format!("Invalid member in numeric match: {other}")),
    };
    let value = match first {
        "=" | "<" | "<=" | ">" | ">=" => bound(first, operand)?,
        other => return bad(format!("Unrecognized numeric range operator: {other}")),
    };
    let test = match first {
        "=" => Test::Range { low: Some((value, true)), high: Some((value, true)) },
        "<" | "<=" => Test::Range { low: None, high: Some((value, first == "<=")) },
        _ => {
            let low = Some((value, first == ">="));
            let high = match second {
                [] => None,
                [Value::String(upper), rest @ ..] if matches!(upper.as_str(), "<" | "<=") => {
                    let high = bound(upper, rest.first())?;
                    if rest.len() > 1 {
                        return bad("Too many terms in numeric range expression");
                    }
                    if high <= value {
                        return bad("Bottom must be less than top");
                    }
                    Some((high, upper == "<="))
                }
                [Value::String(other), ..] => return bad(format!("Bad numeric range operator: {other}")),
                [other, ..] => return bad(format!("Bad value in numeric range: {other}")),
            };
            return Ok(Test::Range { low, high });
        }
    };
    if second.is_empty() { Ok(test) } else { bad("Too many elements in numeric expression") }
}

fn but(value: &Value) -> Parsed<But> {
    const MIXED: &str =
        "Inside anything but list, either all values are number or string, mixed type is not supported";
    match value {
        Value::String(text) => Ok(But::Texts(vec![text.clone()])),
        Value::Number(_) => Ok(But::Numbers(vec![number(value)?])),
        Value::Array(values) if values.is_empty() => bad("Empty arrays are not allowed"),
        Value::Array(values) => {
            if values.iter().any(|value| !value.is_string() && !value.is_number()) {
                return bad("Inside anything but list, start|null|boolean is not supported.");
            }
            let texts: Vec<_> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            if texts.len() == values.len() {
                Ok(But::Texts(texts))
            } else if texts.is_empty() {
                Ok(But::Numbers(values.iter().map(number).collect::<Parsed<_>>()?))
            } else {
                bad(MIXED)
            }
        }
        Value::Object(members) => {
            let mut members = members.iter();
            let (Some((name, value)), None) = (members.next(), members.next()) else {
                return bad("Only one key allowed in match expression");
            };
            let name = name.as_str();
            match name {
                "prefix" => each(name, value, affix).map(But::Prefixes),
                "suffix" => each(name, value, affix).map(But::Suffixes),
                "equals-ignore-case" => {
                    let own = |name: &str, value: &Value| text(name, value).map(str::to_owned);
                    each(name, value, own).map(But::IgnoreCase)
                }
                "wildcard" => each(name, value, wildcard).map(But::Wildcards),
                other => bad(format!("Unsupported anything-but pattern: {other}")),
            }
        }
        _ => bad("Value of anything-but must be an array or single string/number value."),
    }
}

/// One value, or a list of them.
fn each<T>(name: &str, value: &Value, one: impl Fn(&str, &Value) -> Parsed<T>) -> Parsed<Vec<T>> {
    match value {
        Value::Array(values) if values.is_empty() => bad("Empty arrays are not allowed"),
        Value::Array(values) => values.iter().map(|value| one(name, value)).collect(),
        value => Ok(vec![one(name, value)?]),
    }
}
