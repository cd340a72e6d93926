//! Equal in meaning: bodies of each form.

use serde_json::Value as Json;

/// Whether a body is a JSON document.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<Json>(text).is_ok()
}

/// JSON: numbers by value. An error's message may be there where the case has none.
pub(crate) fn json(written: &[u8], expected: &str, is_error: bool) -> Result<(), String> {
    let parse = |bytes: &[u8]| match bytes.trim_ascii() {
        b"" => Ok(Json::Object(serde_json::Map::new())),
        bytes => serde_json::from_slice(bytes)
            .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(bytes))),
    };
    let (mut written, mut expected): (Json, Json) = (parse(written)?, parse(expected.as_bytes())?);
    if let (true, Some(written), Some(expected)) =
        (is_error, written.as_object_mut(), expected.as_object_mut())
    {
        if written.get("message") == Some(&"".into()) && !expected.contains_key("message") {
            written.remove("message");
        }
        // The namespace of an error's type says nothing to a client.
        if let Some(name) =
            expected.get("__type").and_then(Json::as_str).and_then(|name| name.split('#').nth(1))
        {
            expected["__type"] = name.to_owned().into();
        }
    }
    told(same(&written, &expected), &written, &expected)
}

fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

/// XML: elements by namespace and name, children in order of their names, white space around texts aside. Request ids
/// and their wrappers are left out; errors have any namespace, and may have an empty message.
pub(crate) fn xml(written: &[u8], expected: &str, is_error: bool) -> Result<(), String> {
    let written = std::str::from_utf8(written).map_err(|error| error.to_string())?;
    let canonical = |text: &str| {
        let document = roxmltree::Document::parse(text).map_err(|error| format!("{error}: {text}"))?;
        Ok::<_, String>(element(document.root_element(), is_error))
    };
    let (written, expected) = (canonical(written)?, canonical(expected)?);
    told(written == expected, &written, &expected)
}

fn element(node: roxmltree::Node<'_, '_>, is_error: bool) -> String {
    let of = |node: roxmltree::Node<'_, '_>| node.tag_name().name().to_owned();
    let mut attributes: Vec<String> =
        node.attributes().map(|a| format!(" {}={:?}", a.name(), a.value())).collect();
    attributes.sort();
    let text: String =
        node.children().filter(roxmltree::Node::is_text).filter_map(|child| child.text()).collect();
    let mut children: Vec<_> = node.children().filter(roxmltree::Node::is_element).collect();
    children.retain(|child| !matches!(of(*child).as_str(), "ResponseMetadata" | "RequestId"));
    children.retain(|child| of(*child) != "Message" || child.text().is_some());
    // Entries of maps come in any order, elements of lists in theirs.
    let keys = ["key", "K", "Attribute", "OuterKey", "InnerKey"];
    let is_entry = |child: roxmltree::Node<'_, '_>| {
        child.first_element_child().is_some_and(|first| keys.contains(&first.tag_name().name()))
    };
    children.sort_by_cached_key(|child| {
        (of(*child), if is_entry(*child) { element(*child, is_error) } else { String::new() })
    });
    let inner: String = children.into_iter().map(|child| element(child, is_error)).collect();
    let text = if inner.is_empty() && !text.trim().is_empty() { text.as_str() } else { text.trim() };
    let namespace = node.tag_name().namespace().filter(|_| !is_error).unwrap_or_default();
    format!("<{{{namespace}}}{}{}>{text}{inner}</>", of(node), attributes.concat())
}

/// CBOR: maps without order, floating-point numbers by value.
pub(crate) fn cbor(written: &[u8], expected: &[u8]) -> Result<(), String> {
    let parse = |bytes: &[u8]| match bytes {
        b"" => Ok("{}".to_owned()),
        bytes => ciborium::from_reader::<ciborium::Value, _>(bytes)
            .map(|value| canonical(&value))
            .map_err(|error| error.to_string()),
    };
    let (written, expected) = (parse(written)?, parse(expected)?);
    told(written == expected, &written, &expected)
}

fn canonical(value: &ciborium::Value) -> String {
    match value {
        ciborium::Value::Map(entries) => {
            let mut entries: Vec<String> = entries
                .iter()
                .filter(|(key, value)| !(key.as_text() == Some("message") && value.as_text() == Some("")))
                .map(|(key, value)| match (key.as_text(), value.as_text()) {
                    // The namespace of an error's type says nothing to a client.
                    (Some("__type"), Some(name)) => format!("type {}", name.rsplit('#').next().unwrap()),
                    _ => format!("{}: {}", canonical(key), canonical(value)),
                })
                .collect();
            entries.sort();
            format!("{{{}}}", entries.join(", "))
        }
        ciborium::Value::Array(items) => format!("{:?}", items.iter().map(canonical).collect::<Vec<_>>()),
        ciborium::Value::Float(float) => format!("{float:?}"),
        ciborium::Value::Tag(1, moment) => match moment.as_ref() {
            ciborium::Value::Float(seconds) => format!("moment {seconds}"),
            other => format!("moment {}", i128::from(other.as_integer().expect("a number"))),
        },
        other => format!("{other:?}"),
    }
}

/// Any other body, byte for byte.
pub(crate) fn plain(written: &[u8], expected: &str) -> Result<(), String> {
    told(written == expected.as_bytes(), &String::from_utf8_lossy(written), &expected)
}

fn told(
    equal: bool,
    written: &impl std::fmt::Display,
    expected: &impl std::fmt::Display,
) -> Result<(), String> {
    if equal { Ok(()) } else { Err(format!("\n  written  {written}\n  expected {expected}")) }
}
