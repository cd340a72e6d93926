//! What rules ask a template.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value};

use super::scripts::{self, Script};
use crate::document::Place;
use crate::project::{Package, Source};

/// A template's resources, packages and code, ready to be asked.
pub(super) struct Facts<'a> {
    resources: BTreeMap<&'a str, (&'a str, &'a Value)>,
    pub(super) packages: &'a [Package],
    source: &'a Source,
    scripts: BTreeMap<&'a str, Vec<Script<'a>>>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(template: &'a Value, packages: &'a [Package], source: &'a Source) -> Self {
        let all = template.get("Resources").and_then(Value::as_object).into_iter().flatten();
        let resources = all.filter_map(|(id, resource)| {
            let properties = resource.get("Properties").unwrap_or(&Value::Null);
            Some((id.as_str(), (resource.get("Type")?.as_str()?, properties)))
        });
        let mut facts = Self { resources: resources.collect(), packages, source, scripts: BTreeMap::new() };
        let functions: Vec<_> = facts.all("AWS::Lambda::Function").collect();
        let scripts = functions.into_iter();
        facts.scripts = scripts
            .filter_map(|(id, function)| Some((id, scripts::of(function, facts.package(id)?))))
            .collect();
        facts
    }

    /// The deployment file.
    pub(super) fn file(&self) -> &'a Path {
        &self.source.file
    }

    /// The code of a function, where it lies here.
    pub(super) fn scripts(&self, function: &str) -> &[Script<'a>] {
        self.scripts.get(function).map(Vec::as_slice).unwrap_or_default()
    }

    /// The code of all functions.
    pub(super) fn all_scripts(&self) -> impl Iterator<Item = &Script<'a>> {
        self.scripts.values().flatten()
    }

    /// Resources of a type, with their properties.
    pub(super) fn all(&self, kind: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let of_kind = self.resources.iter().filter(move |(_, (other, _))| *other == kind);
        of_kind.map(|(id, (_, properties))| (*id, *properties)).collect::<Vec<_>>().into_iter()
    }

    /// The resource of a type that a value mentions. An alias stands for its function.
    pub(super) fn mentioned(&self, kind: &str, value: Option<&Value>) -> Option<(&'a str, &'a Value)> {
        let mut ids = BTreeSet::new();
        mentions(value?, &mut ids);
        ids.iter().find_map(|id| {
            let (id, (other, properties)) = self.resources.get_key_value(id.as_str())?;
            if *other == "AWS::Lambda::Alias" && kind == "AWS::Lambda::Function" {
                return self.mentioned(kind, properties.get("FunctionName"));
            }
            (*other == kind).then_some((*id, *properties))
        })
    }

    /// The resource of one of some types that a value mentions.
    pub(super) fn any_of(&self, kinds: &[&str], value: Option<&Value>) -> Option<&'a str> {
        kinds.iter().find_map(|kind| Some(self.mentioned(kind, value)?.0))
    }

    /// Subscriptions: resources of their own, and those that topics list.
    pub(super) fn subscriptions(&self) -> Vec<Subscription<'a>> {
        let own = self.all("AWS::SNS::Subscription").map(|(id, properties)| {
            let topic = self.mentioned("AWS::SNS::Topic", properties.get("TopicArn")).map(|(topic, _)| topic);
            Subscription { topic, at: (id, "Endpoint"), properties }
        });
        let listed = self.all("AWS::SNS::Topic").flat_map(|(id, topic)| {
            let items = topic.get("Subscription").and_then(Value::as_array).into_iter().flatten();
            items.map(move |properties| Subscription {
                topic: Some(id),
                at: (id, "Subscription"),
                properties,
            })
        });
        own.chain(listed).collect()
    }

    /// What gives a function events without waiting for an answer: what a failure does not go back to unless it is thrown.
    pub(super) fn fed_by(&self, function: &str) -> Option<&'a str> {
        let is_it = |value: Option<&Value>| {
            self.mentioned("AWS::Lambda::Function", value).is_some_and(|(id, _)| id == function)
        };
        let mapping = self
            .all("AWS::Lambda::EventSourceMapping")
            .find(|(_, mapping)| is_it(mapping.get("FunctionName")));
        let topic = || self.subscriptions().into_iter().find(|one| is_it(one.properties.get("Endpoint")));
        let bucket = || {
            self.all("AWS::S3::Bucket").find(|(_, bucket)| {
                let all = bucket.pointer("/NotificationConfiguration/LambdaConfigurations");
                let all = all.and_then(Value::as_array).into_iter().flatten();
                all.into_iter().any(|notification| is_it(notification.get("Function")))
            })
        };
        mapping
            .map(|(id, _)| id)
            .or_else(|| topic().map(|subscription| subscription.topic.unwrap_or(subscription.at.0)))
            .or_else(|| bucket().map(|(id, _)| id))
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

    /// Where a property, or else what its resource was made of, stands in the source: path and place.
    pub(super) fn place(&self, logical: &str, property: &str) -> (String, Place) {
        self.source.find(logical, property)
    }
}

/// A subscription, and where it stands: resource and property.
pub(super) struct Subscription<'a> {
    pub(super) topic: Option<&'a str>,
    pub(super) at: (&'a str, &'static str),
    pub(super) properties: &'a Value,
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

/// The text with which a value begins: a string, or the first part of one that is put together.
pub(super) fn beginning(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Object(_) => {
            let sub = value.get("Fn::Sub").and_then(|sub| sub.get(0).or(Some(sub)));
            beginning(sub.or_else(|| value.pointer("/Fn::Join/1/0"))?)
        }
        _ => None,
    }
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
