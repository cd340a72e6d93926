//! `AWS::LanguageExtensions`: loops are unrolled, lengths and JSON strings computed, before anything is judged.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-aws-languageextensions.html>.

use std::collections::{BTreeMap, HashSet};

use super::call::{self, Call};
use super::evaluate::{Scope, scalar_text};
use super::transform::EXTENSIONS;
use super::{Pseudo, Settled, Template, conditions, references};
use crate::document::{Entry, Mapping, Node, Problem, Value, limits};

impl Template {
    /// Whether the template declares `AWS::LanguageExtensions`.
    pub fn is_extended(&self) -> bool {
        self.declared_transforms().iter().any(|name| name == EXTENSIONS)
    }

    /// The template with `AWS::LanguageExtensions` carried out, if it declares it; else itself.
    ///
    /// # Errors
    /// A loop that is none, a collection that is not known before the stack is, or that gives a name twice.
    pub fn extended(&self, settled: &[Settled], pseudo: &Pseudo) -> Result<Self, Problem> {
        if !self.is_extended() {
            return Ok(self.clone());
        }
        let conditions = BTreeMap::new();
        let scope = references::early(self, settled, pseudo, &conditions);
        let mut unrolling = Unrolling { scope, nodes: 0 };
        let mut root = unrolling.node(&self.root, &[])?;
        if let Some(mapping) = root.as_mapping_mut() {
            mapping.remove("Transform");
        }
        let unrolled = Self { root, parameters: self.parameters.clone() };
        // What can be computed with parameters is; the rest waits for the stack. What is wrong with conditions is told
        // when they are judged.
        let conditions = conditions::evaluate(&unrolled, settled, pseudo).unwrap_or_default();
        let scope = references::early(&unrolled, settled, pseudo, &conditions);
        let root = computed(&unrolled.root, &scope, true);
        Self::from_node(root)
    }
}

struct Unrolling<'a> {
    scope: Scope<'a>,
    nodes: usize,
}

/// Loop variables, the innermost last.
type Variables<'a> = &'a [(String, String)];

impl Unrolling<'_> {
    fn node(&mut self, node: &Node, variables: Variables<'_>) -> Result<Node, Problem> {
        self.nodes += 1;
        if self.nodes > limits::NODES {
            let text = "Template error: Fn::ForEach makes a template that is too large";
            return Err(Problem::at(node, text).code("template"));
        }
        let value = match &node.value {
            Value::String(text) => Value::String(replaced(text, variables)),
            Value::Sequence(items) => Value::Sequence(
                items.iter().map(|item| self.node(item, variables)).collect::<Result<_, _>>()?,
            ),
            Value::Mapping(mapping) => {
                if let Some(variable) = reference(node).and_then(|name| find(name, variables)) {
                    return Ok(Node::string(node.place, variable));
                }
                Value::Mapping(self.mapping(mapping, variables)?)
            }
            other => other.clone(),
        };
        Ok(Node::new(node.place, value))
    }

    fn mapping(&mut self, mapping: &Mapping, variables: Variables<'_>) -> Result<Mapping, Problem> {
        let (mut out, mut seen) = (Mapping::new(), HashSet::new());
        for entry in mapping {
            let made = if entry.key.starts_with("Fn::ForEach::") {
                self.unroll(entry, variables)?
            } else {
                let (key, place) = (replaced(&entry.key, variables), entry.place);
                std::iter::once(Entry { key, place, value: self.node(&entry.value, variables)? }).collect()
            };
            for entry in made {
                if !seen.insert(entry.key.clone()) {
                    let text = format!("Template error: Fn::ForEach makes the key {} twice", entry.key);
                    return Err(Problem::new(text).placed(entry.place).code("template"));
                }
                out.push(entry);
            }
        }
        Ok(out)
    }

    fn unroll(&mut self, entry: &Entry, variables: Variables<'_>) -> Result<Mapping, Problem> {
        let wrong = |text: String| Problem::at(&entry.value, text).code("template");
        let shape = || {
            wrong(format!(
                "Template error: {} must be a list of three: the identifier, the collection, and the object to repeat",
                entry.key
            ))
        };
        let Some([identifier, collection, body]) = entry.value.as_sequence() else { return Err(shape()) };
        let (Some(identifier), Some(body)) = (identifier.as_str(), body.as_mapping()) else {
            return Err(shape());
        };
        // Loop variables around this one can be in its collection.
        let collection = self.node(collection, variables)?;
        let Some(serde_json::Value::Array(items)) = self.scope.value(&collection)? else {
            return Err(wrong(format!("Template error: the collection of {} is not a list", entry.key)));
        };
        let (mut out, mut seen) = (Mapping::new(), HashSet::new());
        for item in items {
            let Some(text) = scalar_text(&item) else {
                return Err(wrong(format!(
                    "Template error: the collection of {} must hold strings",
                    entry.key
                )));
            };
            let mut inner = variables.to_vec();
            inner.push((identifier.to_owned(), text));
            for made in self.mapping(body, &inner)? {
                if !seen.insert(made.key.clone()) {
                    return Err(wrong(format!(
                        "Template error: {} makes the key {} twice",
                        entry.key, made.key
                    )));
                }
                out.push(made);
            }
        }
        Ok(out)
    }
}

fn reference(node: &Node) -> Option<&str> {
    let entry = node.as_mapping()?.only()?;
    (entry.key == "Ref").then(|| entry.value.as_str())?
}

fn find<'a>(name: &str, variables: &'a [(String, String)]) -> Option<&'a str> {
    variables.iter().rev().find(|(identifier, _)| identifier == name).map(|(_, value)| value.as_str())
}

/// `${x}` and `&{x}` of loop variables; the second without what is not alphanumeric.
fn replaced(text: &str, variables: Variables<'_>) -> String {
    let mut text = text.to_owned();
    for (identifier, value) in variables.iter().rev() {
        if !text.contains('{') {
            break;
        }
        let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
        text =
            text.replace(&format!("${{{identifier}}}"), value).replace(&format!("&{{{identifier}}}"), &plain);
    }
    text
}

/// Lengths, JSON strings and texts that parameters alone decide, and policies, computed. Only under `Resources`,
/// `Outputs` and `Conditions`: at the top (`is_root`) nothing else is touched.
fn computed(node: &Node, scope: &Scope<'_>, is_root: bool) -> Node {
    let value = match &node.value {
        Value::Sequence(items) => {
            Value::Sequence(items.iter().map(|item| computed(item, scope, false)).collect())
        }
        Value::Mapping(mapping) => {
            if let Some(value) = early_value(node, scope) {
                return Node::from_json(&value, node.place);
            }
            let entries = mapping.iter().map(|entry| {
                let untouched =
                    is_root && !["Resources", "Outputs", "Conditions"].contains(&entry.key.as_str());
                let policy = ["DeletionPolicy", "UpdateReplacePolicy"].contains(&entry.key.as_str());
                let value = match () {
                    () if untouched => entry.value.clone(),
                    () if policy => match scope.value(&entry.value) {
                        Ok(Some(value)) => Node::from_json(&value, entry.value.place),
                        _ => entry.value.clone(),
                    },
                    () => computed(&entry.value, scope, false),
                };
                Entry { key: entry.key.clone(), place: entry.place, value }
            });
            Value::Mapping(entries.collect())
        }
        other => other.clone(),
    };
    Node::new(node.place, value)
}

fn early_value(node: &Node, scope: &Scope<'_>) -> Option<serde_json::Value> {
    match call::call(node)?.ok()? {
        Call::Length(_) | Call::ToJsonString(_) => scope.value(node).ok().flatten(),
        Call::Sub { parts, .. } if parts.iter().all(|part| matches!(part, call::Part::Text(_))) => {
            scope.value(node).ok().flatten()
        }
        _ => None,
    }
}
