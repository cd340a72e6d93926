//! Reading properties as templates write them: numbers and flags may be texts, documents may be what they are.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::ApiError;

/// The properties as an object.
pub fn members(properties: &Value) -> Map<String, Value> {
    properties.as_object().cloned().unwrap_or_default()
}

/// Those of the properties that are named and set.
pub fn some(properties: &Value, names: &[&str]) -> Map<String, Value> {
    let pair = |name: &&str| {
        Some(((*name).to_owned(), properties.get(name).filter(|value| !value.is_null())?.clone()))
    };
    names.iter().filter_map(pair).collect()
}

/// A property as text: a document becomes its JSON.
pub fn text(properties: &Value, name: &str) -> Option<String> {
    match properties.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// A property that must be there, as text.
pub fn required(properties: &Value, name: &str) -> Result<String, ApiError> {
    text(properties, name).ok_or_else(|| missing(name))
}

/// A property is not there that must be.
pub fn missing(name: &str) -> ApiError {
    ApiError::sender("ValidationError", format!("required key [{name}] not found"))
}

/// The texts of a list.
pub fn texts(properties: &Value, name: &str) -> Vec<String> {
    let all = properties.get(name).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// `Tags`: `[{"Key": …, "Value": …}]`.
pub fn tags(properties: &Value) -> BTreeMap<String, String> {
    let pair = |tag: &Value| Some((text(tag, "Key")?, text(tag, "Value").unwrap_or_default()));
    properties.get("Tags").and_then(Value::as_array).into_iter().flatten().filter_map(pair).collect()
}

/// Tags as `Tags` has them.
pub fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// What becomes of `Tags`: the keys that go, and the tags that come or change.
pub fn retagged(before: &Value, after: &Value) -> (Vec<String>, BTreeMap<String, String>) {
    let (old, mut new) = (tags(before), tags(after));
    let gone = old.keys().filter(|key| !new.contains_key(*key)).cloned().collect();
    new.retain(|key, value| old.get(key) != Some(value));
    (gone, new)
}

/// `None` for what the service says is not there, by the code of its error.
pub fn unless_gone<T>(result: Result<T, ApiError>, code: &str) -> Result<Option<T>, ApiError> {
    match result {
        Err(error) if error.code == code => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_as_they_are_written() {
        let properties = json!({"N": 1, "D": {"a": []}, "L": ["x", "y"], "Z": null});
        assert_eq!(text(&properties, "N").unwrap(), "1");
        assert_eq!(text(&properties, "D").unwrap(), r#"{"a":[]}"#);
        assert_eq!((text(&properties, "Z"), texts(&properties, "L")), (None, vec!["x".into(), "y".into()]));
        assert_eq!(required(&properties, "Z").unwrap_err().message, "required key [Z] not found");
        assert_eq!(Value::Object(some(&properties, &["N", "Z", "Q"])), json!({"N": 1}));
    }

    #[test]
    fn only_what_changes_of_tags_is_told() {
        let tag = |key: &str, value: &str| json!({"Key": key, "Value": value});
        let before = json!({"Tags": [tag("same", "1"), tag("gone", "1"), tag("other", "1")]});
        let after = json!({"Tags": [tag("same", "1"), tag("other", "2"), {"Key": "new"}]});
        let (gone, new) = retagged(&before, &after);
        assert_eq!(gone, ["gone"]);
        assert_eq!(new, [("new".to_owned(), String::new()), ("other".to_owned(), "2".to_owned())].into());
        assert_eq!(retagged(&after, &after), (Vec::new(), BTreeMap::new()));
    }
}
