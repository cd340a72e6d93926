//! Resources that the transform makes, and the values they are made of.

use serde_json::{Map, Value, json};

/// Attributes of a SAM resource that go to everything made of it.
pub(super) const PASSED_ON: [&str; 3] = ["Condition", "DeletionPolicy", "UpdateReplacePolicy"];
/// Attributes that go to the resource that stands for it.
const KEPT: [&str; 5] = ["DeletionPolicy", "UpdatePolicy", "Condition", "UpdateReplacePolicy", "Metadata"];

/// A resource that was made.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) logical: String,
    pub(super) kind: &'static str,
    pub(super) depends_on: Option<Value>,
    pub(super) attributes: Map<String, Value>,
    pub(super) properties: Map<String, Value>,
}

impl Made {
    pub(super) fn new(
        logical: impl Into<String>,
        kind: &'static str,
        attributes: &Map<String, Value>,
    ) -> Self {
        Self {
            logical: logical.into(),
            kind,
            depends_on: None,
            attributes: attributes.clone(),
            properties: Map::new(),
        }
    }

    /// Sets a property; null sets nothing.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        if !value.is_null() {
            self.properties.insert(name.to_owned(), value);
        }
        self
    }

    /// Takes properties over as they are.
    pub(super) fn copy(&mut self, from: &Map<String, Value>, names: &[&str]) -> &mut Self {
        for name in names {
            self.set(name, from.get(*name).cloned().unwrap_or_default());
        }
        self
    }

    pub(super) fn to_value(&self) -> Value {
        let mut value = Map::new();
        value.insert("Type".into(), self.kind.into());
        if let Some(depends_on) = &self.depends_on {
            value.insert("DependsOn".into(), depends_on.clone());
        }
        value.extend(self.attributes.clone());
        value.insert("Properties".into(), self.properties.clone().into());
        Value::Object(value)
    }
}

/// Attributes of a resource that go to everything made of it.
pub(super) fn passed_on(resource: &Value) -> Map<String, Value> {
    pick(resource, &PASSED_ON)
}

/// Attributes of a resource that stay with what stands for it.
pub(super) fn kept(resource: &Value) -> Map<String, Value> {
    pick(resource, &KEPT)
}

fn pick(resource: &Value, names: &[&str]) -> Map<String, Value> {
    let found = names.iter().filter_map(|name| Some(((*name).to_owned(), resource.get(*name)?.clone())));
    found.collect()
}

pub(super) fn reference(logical: &str) -> Value {
    json!({ "Ref": logical })
}

pub(super) fn attribute(logical: &str, name: &str) -> Value {
    json!({ "Fn::GetAtt": [logical, name] })
}

pub(super) fn no_value() -> Value {
    reference("AWS::NoValue")
}

/// The value, where the condition holds.
pub(super) fn conditional(condition: Option<&Value>, value: Value) -> Value {
    match condition {
        Some(condition) => json!({ "Fn::If": [condition, value, no_value()] }),
        None => value,
    }
}

/// Whether a value is a call of a function.
pub(super) fn is_intrinsic(value: &Value) -> bool {
    let only =
        value.as_object().filter(|members| members.len() == 1).and_then(|members| members.keys().next());
    only.is_some_and(|key| key == "Ref" || key == "Condition" || key.starts_with("Fn::"))
}

/// Whether Python would take a value for true: not null, false, empty or zero.
pub(super) fn is_set(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(members)) => !members.is_empty(),
    }
}

/// `{a: b}` as a list of tags.
pub(super) fn tag_list(tags: Option<&Value>) -> Vec<Value> {
    let tags = tags.and_then(Value::as_object).into_iter().flatten();
    let tag = |(key, value): (&String, &Value)| {
        let value = if value.is_null() { Value::from("") } else { value.clone() };
        json!({ "Key": key, "Value": value })
    };
    tags.map(tag).collect()
}

/// The tags of what SAM makes, and those that are given.
pub(super) fn sam_tags(tags: Option<&Value>) -> Value {
    let mut all = vec![json!({ "Key": "lambda:createdBy", "Value": "SAM" })];
    all.extend(tag_list(tags));
    Value::Array(all)
}

/// `{Bucket, Key, Version}` of `s3://bucket/key?versionId=v`, or of an object that has them.
pub(super) fn s3_place(location: Option<&Value>, property: &str) -> Result<Map<String, Value>, String> {
    let mut place = Map::new();
    match location {
        Some(Value::Object(members)) => {
            if !is_set(members.get("Bucket")) || !is_set(members.get("Key")) {
                return Err(format!("'{property}' requires Bucket and Key properties to be specified."));
            }
            place.clone_from(members);
        }
        Some(Value::String(text)) => {
            let parts = text.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
            let Some((bucket, rest)) = parts.filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
            else {
                return Err(format!(
                    "'{property}' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query \
                     parameter."
                ));
            };
            let (key, query) = rest.split_once('?').unwrap_or((rest, ""));
            place.insert("Bucket".into(), bucket.into());
            place.insert("Key".into(), key.into());
            if let Some(version) = query.split('&').find_map(|pair| pair.strip_prefix("versionId=")) {
                place.insert("Version".into(), version.into());
            }
        }
        _ => return Err(format!("'{property}' must be of type dict or string.")),
    }
    Ok(place)
}

/// The same with the names that Lambda has for them.
pub(super) fn lambda_code(location: Option<&Value>, property: &str) -> Result<Value, String> {
    let place = s3_place(location, property)?;
    let names = [
        ("Bucket", "S3Bucket"),
        ("Key", "S3Key"),
        ("Version", "S3ObjectVersion"),
        ("StorageMode", "S3ObjectStorageMode"),
    ];
    let code = names.into_iter().filter_map(|(from, to)| Some((to.to_owned(), place.get(from)?.clone())));
    Ok(Value::Object(code.collect()))
}

/// Sets a member, through maps that are made on the way.
pub(super) fn put(value: &mut Value, path: &[&str], to: Value) {
    let Some((name, rest)) = path.split_first() else {
        *value = to;
        return;
    };
    if !value.is_object() {
        *value = json!({});
    }
    if let Some(members) = value.as_object_mut() {
        put(members.entry(*name).or_insert(Value::Null), rest, to);
    }
}
