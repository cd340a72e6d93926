//! Macros that a template wants: which, in which order, and what comes in their place.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Pseudo, Settled, Template, references};
use crate::document::{Node, Problem, Value as Tree};

/// The macro that is no macro: the language itself.
pub(super) const EXTENSIONS: &str = "AWS::LanguageExtensions";

/// A macro that a template wants: in its section `Transform`, or as `Fn::Transform` somewhere inside.
#[derive(Clone, Debug, PartialEq)]
pub struct Transform {
    /// The macro's name: `AWS::Serverless-2016-10-31`, `AWS::Include`, `MyMacro`.
    pub name: String,
    /// Its parameters, with parameters of the template and pseudo parameters put in.
    pub parameters: Value,
    /// JSON pointer to the object that holds `Fn::Transform`; empty for the section `Transform`.
    pub pointer: String,
    /// What the macro is given: the siblings of `Fn::Transform`, or the whole template without its `Transform`.
    pub fragment: Value,
}

impl Template {
    /// The names of all macros, those of the section `Transform` in order: what `DeclaredTransforms` shows.
    pub fn declared_transforms(&self) -> Vec<String> {
        let declared = self.root.get("Transform").map(entries).unwrap_or_default();
        declared.into_iter().filter_map(name_of).map(str::to_owned).collect()
    }

    /// Whether a macro is to be run, other than `AWS::LanguageExtensions`.
    pub fn has_transforms(&self) -> bool {
        self.declared_transforms().iter().any(|name| name != EXTENSIONS)
            || deepest(&self.root, String::new()).is_some()
    }

    /// The macro that is to be run next: the deepest `Fn::Transform` first, then those of the section `Transform` in its
    /// order. `AWS::LanguageExtensions` is not among them: [`Self::extended`] does it.
    ///
    /// # Errors
    /// A macro without a name, or whose parameters refer to what is not known before the stack is.
    pub fn next_transform(&self, settled: &[Settled], pseudo: &Pseudo) -> Result<Option<Transform>, Problem> {
        let (pointer, node) = if let Some(pointer) = deepest(&self.root, String::new()) {
            let holder = self.root.pointer(&pointer);
            (pointer, holder.and_then(|holder| holder.get("Fn::Transform")))
        } else {
            let declared = self.root.get("Transform").map(entries).unwrap_or_default();
            (String::new(), declared.into_iter().find(|node| name_of(node) != Some(EXTENSIONS)))
        };
        let Some(node) = node else { return Ok(None) };
        let Some(name) = name_of(node) else {
            let text =
                "Template format error: a Transform must be a name, or an object with a Name and Parameters.";
            return Err(Problem::at(node, text).code("template"));
        };
        let conditions = BTreeMap::new();
        let scope = references::early(self, settled, pseudo, &conditions);
        let parameters =
            node.get("Parameters").map(|parameters| scope.value(parameters)).transpose()?.flatten();
        let mut fragment = self.root.pointer(&pointer).map(Node::to_json).unwrap_or_default();
        let is_section = !is_inner(&fragment);
        if let Some(members) = fragment.as_object_mut() {
            members.remove(if is_section { "Transform" } else { "Fn::Transform" });
        }
        let parameters = parameters.unwrap_or_else(|| Map::new().into());
        let pointer = if is_section { String::new() } else { pointer };
        Ok(Some(Transform { name: name.to_owned(), parameters, pointer, fragment }))
    }

    /// The template with a macro's answer in place of what [`Self::next_transform`] named: the answer is the new
    /// fragment. Of `AWS::Include` the answer is what the file holds; its members join those that are there.
    ///
    /// # Errors
    /// What is no template then.
    pub fn transformed(&self, transform: &Transform, answer: &Value) -> Result<Self, Problem> {
        let mut answer = answer.clone();
        if transform.name == "AWS::Include"
            && let (Some(there), Some(more)) = (transform.fragment.as_object(), answer.as_object_mut())
        {
            for (key, value) in there {
                more.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        let is_inner =
            self.root.pointer(&transform.pointer).is_some_and(|holder| holder.get("Fn::Transform").is_some());
        if !is_inner {
            // The section: what is left of it waits for its turn.
            let declared = self.root.get("Transform").map(entries).unwrap_or_default();
            let done = declared.iter().position(|node| name_of(node) == Some(&transform.name));
            let left = declared.iter().enumerate().filter(|(index, _)| Some(*index) != done);
            let left: Vec<Value> = left.map(|(_, node)| node.to_json()).collect();
            if let (Some(members), false) = (answer.as_object_mut(), left.is_empty()) {
                members.insert("Transform".into(), left.into());
            }
            return Self::processed(&answer);
        }
        let mut root = self.root.to_json();
        if let Some(holder) = root.pointer_mut(&transform.pointer) {
            *holder = answer;
        }
        Self::processed(&root)
    }
}

fn is_inner(fragment: &Value) -> bool {
    fragment.get("Fn::Transform").is_some()
}

fn entries(node: &Node) -> Vec<&Node> {
    match node.as_sequence() {
        Some(items) => items.iter().collect(),
        None => vec![node],
    }
}

fn name_of(node: &Node) -> Option<&str> {
    node.as_str().or_else(|| node.get("Name")?.as_str())
}

/// The first of the deepest objects that hold `Fn::Transform`: none inside it holds another.
fn deepest(node: &Node, pointer: String) -> Option<String> {
    match &node.value {
        Tree::Sequence(items) => {
            items.iter().enumerate().find_map(|(index, item)| deepest(item, format!("{pointer}/{index}")))
        }
        Tree::Mapping(mapping) => {
            let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
            let inner =
                mapping.iter().find_map(|e| deepest(&e.value, format!("{pointer}/{}", escaped(&e.key))));
            inner.or_else(|| mapping.contains("Fn::Transform").then_some(pointer))
        }
        _ => None,
    }
}
