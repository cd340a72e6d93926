//! How a resource differs from its template.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>
//!
//! Only what the template says is compared. Lists are compared as sets, tags by their keys: no service promises an order.

use serde_json::{Map, Value};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// `/RedrivePolicy/maxReceiveCount`
    pub(crate) path: String,
    /// What the template says; empty where something was added.
    pub(crate) expected: String,
    /// What is there; empty where something was removed.
    pub(crate) actual: String,
    /// `ADD`, `REMOVE`, `NOT_EQUAL`
    pub(crate) kind: &'static str,
}

/// What of a resource's live properties is compared: those that the template says and that can be told.
pub(crate) fn compared(expected: &Value, live: &Value) -> Value {
    let (Some(expected), Some(live)) = (expected.as_object(), live.as_object()) else { return Value::Null };
    let told = live.iter().filter(|(name, _)| expected.contains_key(*name));
    told.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>().into()
}

/// Every difference between what a template says and what is there.
pub(crate) fn differences(expected: &Value, actual: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    let (Some(expected), Some(actual)) = (expected.as_object(), actual.as_object()) else { return found };
    for (name, wanted) in expected {
        // What cannot be told is not there at all; what is not set any more is null.
        if let Some(there) = actual.get(name) {
            compare(format!("/{name}"), wanted, there, &mut found);
        }
    }
    found
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A document that is written as a text.
fn document(value: &Value) -> Option<Value> {
    serde_json::from_str(value.as_str()?).ok().filter(|value: &Value| value.is_object() || value.is_array())
}

fn compare(path: String, expected: &Value, actual: &Value, found: &mut Vec<Difference>) {
    let not_equal = |path, expected: &Value, actual: &Value| {
        let (expected, actual) = (text(expected), text(actual));
        Difference { path, expected, actual, kind: "NOT_EQUAL" }
    };
    match (expected, actual) {
        (Value::Null, _) => {}
        (_, Value::Null) => found.push(removed(path, expected)),
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, wanted) in expected {
                let path = format!("{path}/{name}");
                compare(path, wanted, actual.get(name).unwrap_or(&Value::Null), found);
            }
            for (name, extra) in actual.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                found.push(added(format!("{path}/{name}"), extra));
            }
        }
        (Value::Array(expected), Value::Array(actual)) => lists(&path, expected, actual, found),
        _ => match (document(expected), document(actual)) {
            (None, None) if text(expected) == text(actual) => {}
            (None, None) => found.push(not_equal(path, expected, actual)),
            (left, right) => {
                let (left, right) = (left.as_ref().unwrap_or(expected), right.as_ref().unwrap_or(actual));
                if left.is_object() == right.is_object() && !left.is_string() && !right.is_string() {
                    compare(path, left, right, found);
                } else {
                    found.push(not_equal(path, expected, actual));
                }
            }
        },
    }
}

fn added(path: String, actual: &Value) -> Difference {
    Difference { path, expected: String::new(), actual: text(actual), kind: "ADD" }
}

fn removed(path: String, expected: &Value) -> Difference {
    Difference { path, expected: text(expected), actual: String::new(), kind: "REMOVE" }
}

fn is_same(expected: &Value, actual: &Value) -> bool {
    let mut found = Vec::new();
    compare(String::new(), expected, actual, &mut found);
    found.is_empty()
}

fn lists(path: &str, expected: &[Value], actual: &[Value], found: &mut Vec<Difference>) {
    let mut left: Vec<(usize, &Value)> = actual.iter().enumerate().collect();
    let mut missing = Vec::new();
    for (n, wanted) in expected.iter().enumerate() {
        match left.iter().position(|(_, there)| is_same(wanted, there)) {
            Some(at) => drop(left.remove(at)),
            None => missing.push((n, wanted)),
        }
    }
    for (n, wanted) in missing {
        // Another value under the same key, or in the same place, is a change.
        let key = |value: &Value| value.get("Key").cloned();
        let same = left.iter().position(|(at, there)| match key(wanted) {
            Some(own) => key(there) == Some(own),
            None => *at == n,
        });
        let path = format!("{path}/{n}");
        match same {
            Some(at) => compare(path, wanted, left.remove(at).1, found),
            None => found.push(removed(path, wanted)),
        }
    }
    found.extend(left.into_iter().map(|(at, there)| added(format!("{path}/{at}"), there)));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(expected: &Value, actual: &Value) -> Vec<(String, String, String, &'static str)> {
        let all = differences(expected, actual).into_iter();
        all.map(|one| (one.path, one.expected, one.actual, one.kind)).collect()
    }

    fn one(
        path: &str,
        expected: &str,
        actual: &str,
        kind: &'static str,
    ) -> (String, String, String, &'static str) {
        (path.to_owned(), expected.to_owned(), actual.to_owned(), kind)
    }

    #[test]
    fn the_same_in_another_form_is_no_difference() {
        let expected = json!({
            "Delay": "5", "On": true, "Policy": {"a": [1, 2]}, "Text": "{\"b\": 1}",
            "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}], "Untold": 1, "Nothing": null,
        });
        let actual = json!({
            "Delay": 5, "On": "true", "Policy": "{\"a\":[2,1]}", "Text": {"b": "1"},
            "Tags": [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}], "Unasked": 3, "Nothing": 7,
        });
        assert_eq!(told(&expected, &actual), []);
        assert_eq!(compared(&expected, &actual).get("Unasked"), None);
    }

    #[test]
    fn differences_are_told_with_their_place() {
        let expected = json!({
            "Delay": 5, "Gone": "x", "Redrive": {"count": 5, "to": "q"}, "Vars": {"A": "1"},
            "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}], "Arns": ["m", "n"],
        });
        let actual = json!({
            "Delay": "6", "Gone": null, "Redrive": "{\"count\":6,\"to\":\"q\"}", "Vars": {"A": "1", "B": "2"},
            "Tags": [{"Key": "b", "Value": "3"}, {"Key": "c", "Value": "4"}], "Arns": ["n"],
        });
        let mut all = told(&expected, &actual);
        all.sort();
        assert_eq!(
            all,
            [
                one("/Arns/0", "m", "", "REMOVE"),
                one("/Delay", "5", "6", "NOT_EQUAL"),
                one("/Gone", "x", "", "REMOVE"),
                one("/Redrive/count", "5", "6", "NOT_EQUAL"),
                one("/Tags/0", "{\"Key\":\"a\",\"Value\":\"1\"}", "", "REMOVE"),
                one("/Tags/1", "", "{\"Key\":\"c\",\"Value\":\"4\"}", "ADD"),
                one("/Tags/1/Value", "2", "3", "NOT_EQUAL"),
                one("/Vars/B", "", "2", "ADD"),
            ]
        );
    }
}
