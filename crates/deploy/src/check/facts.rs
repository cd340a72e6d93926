//! What rules ask a template.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::document::{Node, Place};
use crate::project::Package;

/// A template's resources and packages, ready to be asked.
pub(super) struct Facts<'a> {
    resources: BTreeMap<&'a str, (&'a str, &'a Value)>,
    pub(super) packages: &'a [Package],
    source: Option<&'a Node>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(template: &'a Value, packages: &'a [Package], source: Option<&'a Node>) -> Self {
        let all = template.get("Resources").and_then(Value::as_object).into_iter().flatten();
        let resources = all.filter_map(|(id, resource)| {
            let properties = resource.get("Properties").unwrap_or(&Value::Null);
            Some((id.as_str(), (resource.get("Type")?.as_str()?, properties)))
        });
        Self { resources: resources.collect(), packages, source }
    }

    /// Resources of a type, with their properties.
    pub(super) fn all(&self, kind: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let of_kind = self.resources.iter().filter(move |(_, (other, _))| *other == kind);
        of_kind.map(|(id, (_, properties))| (*id, *properties)).collect::<Vec<_>>().into_iter()
    }

    /// The resource of a type that a value mentions.
    pub(super) fn mentioned(&self, kind: &str, value: Option<&Value>) -> Option<(&'a str, &'a Value)> {
        let mut ids = BTreeSet::new();
        mentions(value?, &mut ids);
        ids.iter().find_map(|id| {
            let (id, (other, properties)) = self.resources.get_key_value(id.as_str())?;
            (*other == kind).then_some((*id, *properties))
        })
    }

    /// Mappings of queues: the mapping, the queue and the function.
    pub(super) fn queue_mappings(&self) -> Vec<Mapping<'a>> {
        let mappings = self.all("AWS::Lambda::EventSourceMapping").filter_map(|(id, mapping)| {
            let (queue, queue_properties) =
                self.mentioned("AWS::SQS::Queue", mapping.get("EventSourceArn"))?;
            let (function, function_properties) =
                self.mentioned("AWS::Lambda::Function", mapping.get("FunctionName"))?;
            Some(Mapping { id, properties: mapping, queue, queue_properties, function, function_properties })
        });
        mappings.collect()
    }

    /// The package of a resource.
    pub(super) fn package(&self, logical: &str) -> Option<&'a Package> {
        let prefix = format!("/Resources/{logical}/");
        self.packages
            .iter()
            .find(|package| package.places.iter().any(|slot| slot.pointer.starts_with(&prefix)))
    }

    /// Where a property, or else its resource, or else the resource that it was made of, stands in the source.
    pub(super) fn place(&self, logical: &str, property: &str) -> Option<Place> {
        let resources = self.source?.get("Resources")?.as_mapping()?;
        let own = resources.get(logical).or_else(|| {
            let longest =
                resources.iter().filter(|entry| logical.starts_with(&entry.key)).max_by_key(|e| e.key.len());
            longest.map(|entry| &entry.value)
        })?;
        Some(own.pointer(&format!("/Properties/{property}")).unwrap_or(own).place)
    }
}

/// A mapping with what it joins.
pub(super) struct Mapping<'a> {
    pub(super) id: &'a str,
    pub(super) properties: &'a Value,
    pub(super) queue: &'a str,
    pub(super) queue_properties: &'a Value,
    pub(super) function: &'a str,
    pub(super) function_properties: &'a Value,
}

/// Whether a function's environment names a resource: by reference, or by its name.
pub(super) fn is_told(function: &Value, logical: &str, name: Option<&str>) -> bool {
    let Some(variables) = function.pointer("/Environment/Variables") else { return false };
    let mut ids = BTreeSet::new();
    mentions(variables, &mut ids);
    let values = variables.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_str);
    ids.contains(logical)
        || name.is_some_and(|name| {
            values.into_iter().any(|value| value == name || value.ends_with(&format!("/{name}")))
        })
}

/// A number, or a text that is one.
pub(super) fn number(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Whether a value says yes.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(|value| *value == Value::Bool(true) || value == "true")
}

/// The logical ids that a value mentions.
fn mentions(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| mentions(item, out)),
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("Ref", Value::String(id)) => {
                        out.insert(id.clone());
                    }
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        out.extend(parts.first().and_then(Value::as_str).map(str::to_owned));
                    }
                    ("Fn::Sub", _) => {
                        let text = value.as_str().or_else(|| value.get(0)?.as_str()).unwrap_or_default();
                        let names = text.split("${").skip(1).filter_map(|rest| rest.split('}').next());
                        out.extend(names.filter_map(|name| name.split('.').next()).map(str::to_owned));
                        mentions(value, out);
                    }
                    _ => mentions(value, out),
                }
            }
        }
        _ => {}
    }
}
