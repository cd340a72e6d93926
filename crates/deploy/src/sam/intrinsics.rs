//! What SAM puts in before `CloudFormation` does: values of parameters, and the ids of resources that it made.

use std::collections::BTreeMap;

use serde_json::Value;

/// Values of parameters by name.
pub(super) type Parameters = BTreeMap<String, Value>;

/// A value with parameters put in: in `Ref`, and in the text of `Fn::Sub`.
pub(super) fn resolved(value: &Value, parameters: &Parameters) -> Value {
    let sub =
        |text: &str| replaced(text, |name| parameters.get(name).and_then(Value::as_str).map(str::to_owned));
    map(value, &|key, argument| match (key, argument) {
        ("Ref", Value::String(name)) => parameters.get(name).cloned(),
        ("Fn::Sub", Value::String(text)) => Some(serde_json::json!({ "Fn::Sub": sub(text) })),
        ("Fn::Sub", Value::Array(items)) => sub_list(items, &sub),
        _ => None,
    })
}

/// The ids of what SAM made, put in for what a template says: `Ref: F.Version`, `${F.Alias}`, a layer's own id.
pub(super) struct Made {
    /// `(F, Version)` → its logical id.
    pub(super) properties: BTreeMap<(String, String), String>,
    /// A resource's id → the id that it got.
    pub(super) renamed: BTreeMap<String, String>,
}

impl Made {
    /// A value with the ids put in.
    pub(super) fn resolved(&self, value: &Value) -> Value {
        let sub = |text: &str| replaced(text, |name| self.name(name).map(|name| format!("${{{name}}}")));
        map(value, &|key, argument| match (key, argument) {
            ("Ref", Value::String(name)) => self.name(name).map(|name| serde_json::json!({ "Ref": name })),
            ("Fn::Sub", Value::String(text)) => Some(serde_json::json!({ "Fn::Sub": sub(text) })),
            ("Fn::Sub", Value::Array(items)) => sub_list(items, &sub),
            ("Fn::GetAtt", Value::Array(parts)) => {
                let parts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
                let name = self.name(&parts?.join("."))?;
                let (resource, attribute) = name.split_once('.')?;
                Some(serde_json::json!({ "Fn::GetAtt": [resource, attribute] }))
            }
            _ => None,
        })
    }

    fn name(&self, name: &str) -> Option<String> {
        let (resource, rest) =
            name.split_once('.').map_or((name, None), |(resource, rest)| (resource, Some(rest)));
        if let Some(rest) = rest {
            let (property, more) =
                rest.split_once('.').map_or((rest, None), |(property, more)| (property, Some(more)));
            if let Some(made) = self.properties.get(&(resource.to_owned(), property.to_owned())) {
                return Some(more.map_or_else(|| made.clone(), |more| format!("{made}.{more}")));
            }
        }
        let renamed = self.renamed.get(resource)?;
        Some(rest.map_or_else(|| renamed.clone(), |rest| format!("{renamed}.{rest}")))
    }
}

fn sub_list(items: &[Value], sub: &dyn Fn(&str) -> String) -> Option<Value> {
    let mut items = items.to_vec();
    let first = items.first_mut()?;
    *first = Value::String(sub(first.as_str()?));
    Some(serde_json::json!({ "Fn::Sub": items }))
}

/// A text with `${name}` replaced, where there is something for it.
fn replaced(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        let good =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == ':');
        if let Some(value) = value(name).filter(|_| good) {
            out.push_str(&value);
        } else {
            out.push_str("${");
            out.push_str(name);
            out.push('}');
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// A value with calls exchanged for what `call` gives for them; inside what it gives, too.
fn map(value: &Value, call: &dyn Fn(&str, &Value) -> Option<Value>) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| map(item, call)).collect(),
        Value::Object(members) => {
            let only = members.iter().next().filter(|_| members.len() == 1);
            let exchanged = only.and_then(|(key, argument)| call(key, argument));
            match exchanged {
                Some(Value::Object(members)) => inner(&members, call),
                Some(other) => other,
                None => inner(members, call),
            }
        }
        other => other.clone(),
    }
}

fn inner(members: &serde_json::Map<String, Value>, call: &dyn Fn(&str, &Value) -> Option<Value>) -> Value {
    Value::Object(members.iter().map(|(key, value)| (key.clone(), map(value, call))).collect())
}
