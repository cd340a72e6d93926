//! What a node refers to: for judging references, and for the order of resources.

use std::collections::{BTreeMap, BTreeSet};

use super::Template;
use super::call::{self, Call, Part};
use super::evaluate::{Nothing, Scope};
use crate::document::{Node, Place, Problem, Value};

/// A name that a node mentions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mention {
    /// By `Ref` or `${x}`: a parameter or resource.
    Name(String),
    /// By `Fn::GetAtt`: a resource.
    Attribute(String),
    /// By `${x.y}`: a resource, and the whole of what is between the braces.
    SubAttribute(String, String),
    /// By `Fn::If` or `Condition`.
    Condition(String),
    /// By `Fn::FindInMap`, where the name is a literal.
    Mapping(String),
}

/// The text for references to what there is not, or what a condition leaves out.
pub(super) fn unresolved(names: &[&str], block: &str) -> String {
    let names = names.join(", ");
    format!(
        "Template format error: Unresolved resource dependencies [{names}] in the {block} block of the template"
    )
}

/// Visits all that a node mentions. With conditions, only in the branches that they choose.
pub(super) fn mentions(
    node: &Node,
    scope: &Scope<'_>,
    chosen: Option<&BTreeMap<String, bool>>,
    visit: &mut dyn FnMut(&Node, Mention) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let Some(call) = call::call(node).transpose()? else {
        return match &node.value {
            Value::Sequence(items) => items.iter().try_for_each(|item| mentions(item, scope, chosen, visit)),
            Value::Mapping(mapping) => {
                mapping.iter().try_for_each(|e| mentions(&e.value, scope, chosen, visit))
            }
            _ => Ok(()),
        };
    };
    match call {
        Call::Ref(name) => visit(node, Mention::Name(name.to_owned())),
        Call::GetAtt { resource, attribute } => {
            let resource = match resource.as_str() {
                Some(name) => name.to_owned(),
                // With the language extensions a name may be computed, of parameters.
                None => scope.text(
                    &resource,
                    "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the \
                     resource attribute",
                )?,
            };
            visit(node, Mention::Attribute(resource))?;
            mentions(&attribute, scope, chosen, visit)
        }
        Call::Sub { parts, variables } => {
            for part in &parts {
                let Part::Variable(name) = part else { continue };
                if variables.is_some_and(|variables| variables.contains(name)) {
                    continue;
                }
                visit(
                    node,
                    match name.split_once('.') {
                        Some((resource, _)) => Mention::SubAttribute(resource.to_owned(), (*name).to_owned()),
                        None => Mention::Name((*name).to_owned()),
                    },
                )?;
            }
            variables.into_iter().flatten().try_for_each(|entry| mentions(&entry.value, scope, chosen, visit))
        }
        Call::If { condition, then, otherwise } => {
            visit(node, Mention::Condition(condition.to_owned()))?;
            let holds = chosen.map(|chosen| chosen.get(condition).copied().unwrap_or(false));
            if holds != Some(false) {
                mentions(then, scope, chosen, visit)?;
            }
            if holds != Some(true) {
                mentions(otherwise, scope, chosen, visit)?;
            }
            Ok(())
        }
        Call::FindInMap { map, .. } => {
            if let Some(name) = map.as_str() {
                visit(node, Mention::Mapping(name.to_owned()))?;
            }
            arguments(node, scope, chosen, visit)
        }
        _ => arguments(node, scope, chosen, visit),
    }
}

/// What the argument of a function mentions that has no names of its own.
fn arguments(
    node: &Node,
    scope: &Scope<'_>,
    chosen: Option<&BTreeMap<String, bool>>,
    visit: &mut dyn FnMut(&Node, Mention) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let Some(entry) = node.as_mapping().and_then(|mapping| mapping.only()) else { return Ok(()) };
    mentions(&entry.value, scope, chosen, visit)
}

/// Judges all references of a template, whatever the conditions are, in AWS's words.
pub(super) fn judge(template: &Template, scope: &Scope<'_>) -> Result<(), Problem> {
    let resources: BTreeSet<&str> = template.section("Resources").map(|entry| entry.key.as_str()).collect();
    let is_condition =
        |name: &str| template.node().get("Conditions").is_some_and(|all| all.get(name).is_some());
    let unresolved_condition = |node: &Node, name: &str, by: &str| {
        let text = format!("Template error: unresolved condition dependency {name} in {by}");
        Problem::at(node, text).code("template")
    };
    let parameter =
        |name: &str| name.starts_with("AWS::") || template.parameters().iter().any(|p| p.name == name);
    for entry in template.section("Conditions") {
        mentions(&entry.value, scope, None, &mut |node, mention| match mention {
            Mention::Name(name) | Mention::Attribute(name) | Mention::SubAttribute(name, _)
                if !parameter(&name) =>
            {
                let text = format!(
                    "Template format error: Unresolved dependencies [{name}]. Cannot reference resources in the Conditions \
                     block of the template"
                );
                Err(Problem::at(node, text).code("template"))
            }
            _ => Ok(()),
        })?;
    }
    for block in ["Resources", "Outputs"] {
        let mut missing: BTreeMap<String, Place> = BTreeMap::new();
        for entry in template.section(block) {
            if let Some(condition) = entry.value.get("Condition") {
                match condition.as_str() {
                    Some(name) if is_condition(name) => {}
                    Some(name) => {
                        return Err(unresolved_condition(condition, name, &format!("{block}.{}", entry.key)));
                    }
                    None => {
                        let text = "Template format error: Every Condition member must be a string.";
                        return Err(Problem::at(condition, text).code("template"));
                    }
                }
            }
            for name in depends_on(&entry.value)? {
                if !resources.contains(name) {
                    missing.insert(name.to_owned(), entry.value.place);
                }
            }
            mentions(&entry.value, scope, None, &mut |node, mention| {
                match mention {
                    Mention::Name(name) if !parameter(&name) && !resources.contains(name.as_str()) => {
                        missing.entry(name).or_insert(node.place);
                    }
                    Mention::Attribute(name) if !resources.contains(name.as_str()) => {
                        let text = format!(
                            "Template error: instance of Fn::GetAtt references undefined resource {name}"
                        );
                        return Err(Problem::at(node, text).code("template"));
                    }
                    Mention::SubAttribute(name, whole)
                        if !resources.contains(name.as_str()) && !parameter(&whole) =>
                    {
                        let text = format!(
                            "Template error: instance of Fn::Sub references invalid resource attribute {whole}"
                        );
                        return Err(Problem::at(node, text).code("template"));
                    }
                    Mention::Condition(name) if !is_condition(&name) => {
                        return Err(unresolved_condition(node, &name, "Fn::If"));
                    }
                    Mention::Mapping(name) => {
                        let there =
                            template.node().get("Mappings").is_some_and(|all| all.get(&name).is_some());
                        let default = node.pointer("/Fn::FindInMap/3").is_some();
                        if !there && !default {
                            let text = format!(
                                "Template error: Mapping named '{name}' is not present in the 'Mappings' section of template."
                            );
                            return Err(Problem::at(node, text).code("template"));
                        }
                    }
                    _ => {}
                }
                Ok(())
            })?;
        }
        if let Some(&first) = missing.values().next() {
            let names: Vec<&str> = missing.keys().map(String::as_str).collect();
            return Err(Problem::new(unresolved(&names, block)).placed(first).code("template"));
        }
    }
    Ok(())
}

/// The logical ids of `DependsOn`: one, or a list.
pub(super) fn depends_on(resource: &Node) -> Result<Vec<&str>, Problem> {
    let Some(node) = resource.get("DependsOn") else { return Ok(Vec::new()) };
    let wrong = || {
        let text = "Template format error: DependsOn must be a string or list of strings.";
        Problem::at(node, text).code("template")
    };
    match (&node.value, node.as_sequence()) {
        (Value::String(name), _) => Ok(vec![name]),
        (_, Some(items)) => items.iter().map(|item| item.as_str().ok_or_else(wrong)).collect(),
        _ => Err(wrong()),
    }
}

/// A scope for what must be computed before a stack is.
pub(super) fn early<'a>(
    template: &'a Template,
    settled: &'a [super::Settled],
    pseudo: &'a super::Pseudo,
    conditions: &'a BTreeMap<String, bool>,
) -> Scope<'a> {
    Scope { template, settled, pseudo, conditions, known: &Nothing }
}
