//! Writes a JSON value as YAML: blocks, with every text that is not a plain word in quotes.

use serde_json::Value;

/// The value as a YAML document.
pub(super) fn write(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, value, 0);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn block(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                text.push_str(&indent);
                text.push_str(&scalar(name));
                text.push(':');
                nested(text, value, depth + 1);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                text.push_str(&indent);
                text.push('-');
                nested(text, item, depth + 1);
            }
        }
        other => {
            text.push_str(&flat(other));
            text.push('\n');
        }
    }
}

fn nested(text: &mut String, value: &Value, depth: usize) {
    let filled = value.as_object().is_some_and(|all| !all.is_empty())
        || value.as_array().is_some_and(|all| !all.is_empty());
    if filled {
        text.push('\n');
        block(text, value, depth);
    } else {
        text.push(' ');
        block(text, value, 0);
    }
}

fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// A word stands as it is; all else as JSON writes it, which YAML reads the same.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain);
    let taken = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    if word && !taken.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_the_same() {
        let value = json!({
            "openapi": "3.0.1", "paths": {"/a/{b}": {"get": {"x": [1, {"y": [], "z": {}}, "yes", null]}}},
            "text": "a: b # c\n\"d\"", "flag": true, "n": 1.5, "date": "2020-01-01", "empty": "",
        });
        let text = write(&value);
        assert_eq!(moln_deploy::document::read(&text).unwrap().to_json(), value, "{text}");
    }
}
