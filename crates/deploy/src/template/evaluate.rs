//! Values of nodes: intrinsic functions carried out.

use std::collections::BTreeMap;

use base64::Engine;
use serde_json::{Map, Value};

use super::call::{self, Call, Part};
use super::{Known, Pseudo, Settled, Template, limits, network};
use crate::document::{Mapping, Node, Problem};

/// What a node is evaluated with.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) template: &'a Template,
    pub(super) settled: &'a [Settled],
    pub(super) pseudo: &'a Pseudo,
    pub(super) conditions: &'a BTreeMap<String, bool>,
    pub(super) known: &'a dyn Known,
}

/// Knows nothing: for what must be evaluated before a stack is.
pub(super) struct Nothing;

impl Known for Nothing {
    fn reference(&self, _logical: &str) -> Option<Value> {
        None
    }

    fn attribute(&self, _logical: &str, _name: &str) -> Option<Value> {
        None
    }

    fn import(&self, _export: &str) -> Option<String> {
        None
    }
}

/// A scalar's text, as functions that join strings take it.
pub(super) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn wrong(node: &Node, text: impl Into<String>) -> Problem {
    Problem::at(node, text).code("template")
}

impl Scope<'_> {
    /// A node's value. `None` is `AWS::NoValue`: whatever holds it leaves it out.
    pub(super) fn value(&self, node: &Node) -> Result<Option<Value>, Problem> {
        if let Some(call) = call::call(node) {
            return self.call(node, &call?);
        }
        Ok(Some(match &node.value {
            crate::document::Value::Sequence(items) => {
                let values = items.iter().map(|item| self.value(item));
                Value::Array(values.filter_map(Result::transpose).collect::<Result<_, _>>()?)
            }
            crate::document::Value::Mapping(mapping) => Value::Object(self.members(mapping)?),
            _ => node.to_json(),
        }))
    }

    fn members(&self, mapping: &Mapping) -> Result<Map<String, Value>, Problem> {
        let mut members = Map::new();
        for entry in mapping {
            if let Some(value) = self.value(&entry.value)? {
                members.insert(entry.key.clone(), value);
            }
        }
        Ok(members)
    }

    /// A node's text, where a scalar is wanted.
    pub(super) fn text(&self, node: &Node, otherwise: &str) -> Result<String, Problem> {
        let value = self.value(node)?;
        value.as_ref().and_then(scalar_text).ok_or_else(|| wrong(node, otherwise))
    }

    fn list(&self, node: &Node, otherwise: &str) -> Result<Vec<Value>, Problem> {
        match self.value(node)? {
            Some(Value::Array(items)) => Ok(items),
            _ => Err(wrong(node, otherwise)),
        }
    }

    fn call(&self, node: &Node, call: &Call<'_>) -> Result<Option<Value>, Problem> {
        Ok(Some(match call {
            Call::Ref(name) => return self.reference(node, name),
            Call::If { condition, then, otherwise } => {
                let Some(&holds) = self.conditions.get(*condition) else {
                    let text =
                        format!("Template error: unresolved condition dependency {condition} in Fn::If");
                    return Err(wrong(node, text));
                };
                return self.value(if holds { then } else { otherwise });
            }
            Call::GetAtt { resource, attribute } => {
                let otherwise = "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource \
                                 name and the resource attribute";
                let (resource, attribute) =
                    (self.text(resource, otherwise)?, self.text(attribute, otherwise)?);
                self.attribute(node, &resource, &attribute)?
            }
            Call::Sub { parts, variables } => Value::String(self.sub(node, parts, *variables)?),
            Call::Join { delimiter, list } => Value::String(self.join(delimiter, list)?),
            Call::Select { index, list } => self.select(index, list)?,
            Call::Split { delimiter, text } => {
                let text = self.text(text, "Template error: Fn::Split can split a string only")?;
                text.split(delimiter).map(Value::from).collect()
            }
            Call::FindInMap { map, first, second, default } => match self.find(map, first, second)? {
                Ok(value) => value,
                Err(text) => match default {
                    Some(default) => return self.value(default),
                    None => return Err(wrong(node, text)),
                },
            },
            Call::Base64(text) => {
                let text = self
                    .text(text, "Template error: every Fn::Base64 object must have a String-typed value.")?;
                Value::String(base64::engine::general_purpose::STANDARD.encode(text))
            }
            Call::GetAzs(region) => {
                let region = self.text(
                    region,
                    "Template error: every Fn::GetAZs object must have a String-typed value.",
                )?;
                match region.as_str() {
                    "" => network::zones(&self.pseudo.region).into(),
                    region if region == self.pseudo.region => network::zones(region).into(),
                    // Of other regions AWS says nothing.
                    _ => Value::Array(Vec::new()),
                }
            }
            Call::Cidr { block, count, bits } => self.cidr(node, block, count, *bits)?,
            Call::ImportValue(name) => {
                let name = self.text(
                    name,
                    "Template error: every Fn::ImportValue object must have a String-typed value.",
                )?;
                let value = self.known.import(&name);
                Value::String(value.ok_or_else(|| wrong(node, format!("No export named {name} found.")))?)
            }
            Call::Length(list) => self.list(list, "Template error: Fn::Length expects a list")?.len().into(),
            Call::ToJsonString(value) => {
                let value = self.value(value)?.unwrap_or(Value::Null);
                Value::String(value.to_string())
            }
            Call::Transform => return Err(wrong(node, "Template error: Fn::Transform was not processed")),
            Call::And(_)
            | Call::Or(_)
            | Call::Not(_)
            | Call::Equals(..)
            | Call::Contains(..)
            | Call::EachMemberEquals(..)
            | Call::EachMemberIn(..)
            | Call::RefAll(_) => {
                return Err(wrong(
                    node,
                    "Template error: functions of conditions and rules can be used in the sections Conditions and Rules \
                     only",
                ));
            }
        }))
    }

    fn reference(&self, node: &Node, name: &str) -> Result<Option<Value>, Problem> {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        let settled =
            || self.settled.iter().find(|settled| settled.name == name).map(|settled| settled.value.clone());
        let value = self.pseudo_parameter(name).or_else(settled).or_else(|| self.known.reference(name));
        value.map(Some).ok_or_else(|| wrong(node, super::references::unresolved(&[name], "Resources")))
    }

    fn pseudo_parameter(&self, name: &str) -> Option<Value> {
        let pseudo = self.pseudo;
        let text = match name {
            "AWS::AccountId" => &pseudo.account,
            "AWS::Region" => &pseudo.region,
            "AWS::Partition" => &pseudo.partition,
            "AWS::URLSuffix" => &pseudo.url_suffix,
            "AWS::StackName" => &pseudo.stack_name,
            "AWS::StackId" => &pseudo.stack_id,
            "AWS::NotificationARNs" => return Some(pseudo.notification_arns.clone().into()),
            _ => return None,
        };
        Some(text.as_str().into())
    }

    fn attribute(&self, node: &Node, resource: &str, attribute: &str) -> Result<Value, Problem> {
        self.known.attribute(resource, attribute).ok_or_else(|| {
            let text =
                format!("Template error: resource {resource} does not support attribute type {attribute} in Fn::GetAtt");
            wrong(node, text)
        })
    }

    fn sub(&self, node: &Node, parts: &[Part<'_>], variables: Option<&Mapping>) -> Result<String, Problem> {
        let mut out = String::new();
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Variable(name) => out.push_str(&self.variable(node, name, variables)?),
            }
            if out.len() > limits::VALUE {
                return Err(wrong(node, "Template error: Fn::Sub gives a text that is too long"));
            }
        }
        Ok(out)
    }

    fn variable(&self, node: &Node, name: &str, variables: Option<&Mapping>) -> Result<String, Problem> {
        if let Some(value) = variables.and_then(|variables| variables.get(name)) {
            let otherwise = "Template error: every value of the context object of every Fn::Sub object must be a string or \
                             a function that returns a string";
            return self.text(value, otherwise);
        }
        let is_parameter = self.settled.iter().any(|settled| settled.name == name);
        let value = match name.split_once('.') {
            Some((resource, attribute)) if !is_parameter => Some(self.attribute(node, resource, attribute)?),
            _ => self.reference(node, name)?,
        };
        value.as_ref().and_then(scalar_text).ok_or_else(|| {
            wrong(
                node,
                format!("Template error: variable {name} in Fn::Sub expression does not resolve to a string"),
            )
        })
    }

    fn join(&self, delimiter: &str, list: &Node) -> Result<String, Problem> {
        let otherwise = "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a \
                         list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) \
                         to be joined.";
        let items = self.list(list, otherwise)?;
        let texts: Option<Vec<String>> = items.iter().map(scalar_text).collect();
        let joined = texts.ok_or_else(|| wrong(list, otherwise))?.join(delimiter);
        if joined.len() > limits::VALUE {
            return Err(wrong(list, "Template error: Fn::Join gives a text that is too long"));
        }
        Ok(joined)
    }

    fn select(&self, index: &Node, list: &Node) -> Result<Value, Problem> {
        let otherwise = "Template error: Fn::Select requires a list argument with two elements: an integer index and a list";
        let at: usize = self.text(index, otherwise)?.parse().map_err(|_| wrong(index, otherwise))?;
        let items = self.list(list, otherwise)?;
        items.into_iter().nth(at).filter(|value| !value.is_null()).ok_or_else(|| {
            wrong(list, format!("Template error: Fn::Select cannot select nonexistent value at index {at}"))
        })
    }

    fn find(&self, map: &Node, first: &Node, second: &Node) -> Result<Result<Value, String>, Problem> {
        let otherwise = "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and \
                         the attribute for return value";
        let (map, first, second) =
            (self.text(map, otherwise)?, self.text(first, otherwise)?, self.text(second, otherwise)?);
        let mappings = self.template.node().get("Mappings");
        let Some(found) = mappings.and_then(|mappings| mappings.get(&map)) else {
            return Ok(Err(format!(
                "Template error: Mapping named '{map}' is not present in the 'Mappings' section of template."
            )));
        };
        let value = found.get(&first).and_then(|keys| keys.get(&second));
        Ok(value
            .map(Node::to_json)
            .ok_or_else(|| format!("Template error: Unable to get mapping for {map}::{first}::{second}")))
    }

    fn cidr(&self, node: &Node, block: &Node, count: &Node, bits: Option<&Node>) -> Result<Value, Problem> {
        let otherwise = "Template error: every Fn::Cidr object requires an IP address block, a number of CIDRs and a \
                         number of subnet bits";
        let number = |node: &Node| -> Result<u32, Problem> {
            self.text(node, otherwise)?.parse().map_err(|_| wrong(node, otherwise))
        };
        let networks =
            network::cidr(&self.text(block, otherwise)?, number(count)?, bits.map(number).transpose()?);
        networks.map(Value::from).map_err(|text| wrong(node, text))
    }
}
