//! A template with its parameters settled: which resources there are, what depends on what, what their properties are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::call::{self, Call};
use super::evaluate::{Nothing, Scope};
use super::references::{self, Mention};
use super::{Arguments, Settled, Template, conditions, graph};
use crate::document::{Entry, Node, Place, Problem, Value as Tree};

/// What pseudo parameters stand for.
#[derive(Clone, Debug, Default)]
pub struct Pseudo {
    /// `AWS::AccountId`.
    pub account: String,
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::Partition`.
    pub partition: String,
    /// `AWS::URLSuffix`.
    pub url_suffix: String,
    /// `AWS::StackName`.
    pub stack_name: String,
    /// `AWS::StackId`.
    pub stack_id: String,
    /// `AWS::NotificationARNs`.
    pub notification_arns: Vec<String>,
}

/// What only a running stack knows. `None` says that it is not known: the evaluation fails, naming it.
pub trait Known {
    /// What `Ref` gives for a resource.
    fn reference(&self, logical: &str) -> Option<Value>;
    /// What `Fn::GetAtt` gives.
    fn attribute(&self, logical: &str, name: &str) -> Option<Value>;
    /// The value of another stack's export.
    fn import(&self, export: &str) -> Option<String>;
}

/// A resource that there is to be: its condition holds.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its logical id.
    pub logical: String,
    /// Its type.
    pub kind: String,
    /// The logical ids of what must exist before: `DependsOn`, `Ref`, `Fn::GetAtt`, `Fn::Sub`. Sorted.
    pub depends_on: Vec<String>,
    /// `Delete`, `Retain`, `Snapshot`, `RetainExceptOnCreate`; `Delete` where nothing is said.
    pub deletion_policy: String,
    /// `Delete`, `Retain`, `Snapshot`; `Delete` where nothing is said.
    pub update_replace_policy: String,
    /// `Metadata`, not evaluated.
    pub metadata: Option<Value>,
    /// `CreationPolicy`, not evaluated.
    pub creation_policy: Option<Value>,
    /// `UpdatePolicy`, not evaluated.
    pub update_policy: Option<Value>,
    /// The name of its condition, which holds.
    pub condition: Option<String>,
}

/// An output that there is: its condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its key.
    pub name: String,
    /// Its value.
    pub value: String,
    /// `Description`.
    pub description: Option<String>,
    /// The name under which it is exported.
    pub export: Option<String>,
}

/// A template that can be deployed.
#[derive(Clone, Debug)]
pub struct Prepared {
    template: Template,
    resources: Vec<Resource>,
    settled: Vec<Settled>,
    conditions: BTreeMap<String, bool>,
    pseudo: Pseudo,
}

/// Settles parameters, carries out language extensions, checks rules, evaluates conditions, and finds what depends on what.
///
/// # Errors
/// In AWS's words: a parameter without value, a constraint or rule that does not hold, a reference to nothing, a cycle.
pub fn prepare(template: &Template, arguments: &Arguments, pseudo: &Pseudo) -> Result<Prepared, Problem> {
    let settled = template.settle(arguments)?;
    let template = template.extended(&settled, pseudo)?;
    {
        let none = BTreeMap::new();
        references::judge(&template, &references::early(&template, &settled, pseudo, &none))?;
    }
    conditions::check_rules(&template, &settled, pseudo)?;
    let conditions = conditions::evaluate(&template, &settled, pseudo)?;
    let resources = resources(&template, &settled, pseudo, &conditions)?;
    let prepared = Prepared { template, resources, settled, conditions, pseudo: pseudo.clone() };
    prepared.judge_mappings()?;
    Ok(prepared)
}

/// The resources whose conditions hold, with what they depend on.
fn resources(
    template: &Template,
    settled: &[Settled],
    pseudo: &Pseudo,
    conditions: &BTreeMap<String, bool>,
) -> Result<Vec<Resource>, Problem> {
    let holds = |node: &Node| match node.get("Condition").and_then(Node::as_str) {
        Some(name) => conditions.get(name).copied().unwrap_or(false),
        None => true,
    };
    let active: BTreeSet<&str> = template
        .resources()
        .filter(|declared| holds(declared.node))
        .map(|declared| declared.logical)
        .collect();
    let scope = references::early(template, settled, pseudo, conditions);
    let is_parameter = |name: &str| name.starts_with("AWS::") || settled.iter().any(|s| s.name == name);
    let mut resources = Vec::new();
    let mut left_out: BTreeMap<String, Place> = BTreeMap::new();
    for declared in template.resources().filter(|declared| active.contains(declared.logical)) {
        let mut depends_on: BTreeSet<String> = BTreeSet::new();
        // What a condition leaves out need not be waited for.
        let named = references::depends_on(declared.node)?;
        depends_on.extend(named.into_iter().filter(|name| active.contains(name)).map(str::to_owned));
        references::mentions(declared.node, &scope, Some(conditions), &mut |node, mention| {
            let name = match mention {
                Mention::Name(name) | Mention::Attribute(name) => name,
                Mention::SubAttribute(name, whole) if !is_parameter(&whole) => name,
                _ => return Ok(()),
            };
            if active.contains(name.as_str()) {
                depends_on.insert(name);
            } else if !is_parameter(&name) {
                left_out.entry(name).or_insert(node.place);
            }
            Ok(())
        })?;
        let text = |member: &str| declared.node.get(member).and_then(Node::as_str);
        let json = |member: &str| declared.node.get(member).map(Node::to_json);
        resources.push(Resource {
            logical: declared.logical.to_owned(),
            kind: declared.kind.to_owned(),
            depends_on: depends_on.into_iter().collect(),
            deletion_policy: text("DeletionPolicy").unwrap_or("Delete").to_owned(),
            update_replace_policy: text("UpdateReplacePolicy").unwrap_or("Delete").to_owned(),
            metadata: json("Metadata"),
            creation_policy: json("CreationPolicy"),
            update_policy: json("UpdatePolicy"),
            condition: text("Condition").map(str::to_owned),
        });
    }
    if let Some(&place) = left_out.values().next() {
        let names: Vec<&str> = left_out.keys().map(String::as_str).collect();
        return Err(Problem::new(references::unresolved(&names, "Resources")).placed(place).code("template"));
    }
    graph::refuse_cycles(&resources)?;
    Ok(resources)
}

impl Prepared {
    /// The resources that there are to be, in the template's order.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// One of them.
    pub fn resource(&self, logical: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.logical == logical)
    }

    /// The parameters with their values, in the template's order.
    pub fn settled(&self) -> &[Settled] {
        &self.settled
    }

    /// All conditions.
    pub fn conditions(&self) -> &BTreeMap<String, bool> {
        &self.conditions
    }

    /// The template, with language extensions carried out.
    pub fn template(&self) -> &Template {
        &self.template
    }

    fn scope<'a>(&'a self, known: &'a dyn Known) -> Scope<'a> {
        Scope {
            template: &self.template,
            settled: &self.settled,
            pseudo: &self.pseudo,
            conditions: &self.conditions,
            known,
        }
    }

    fn holds(&self, node: &Node) -> bool {
        let name = node.get("Condition").and_then(Node::as_str);
        name.is_none_or(|name| self.conditions.get(name).copied().unwrap_or(false))
    }

    /// A resource's properties, evaluated. An empty object where it has none.
    ///
    /// # Errors
    /// A logical id that there is not; what [`Known`] does not know, or is not what a function wants, in AWS's words.
    pub fn properties(&self, logical: &str, known: &dyn Known) -> Result<Value, Problem> {
        self.member(logical, "Properties", known)
            .map(|value| value.unwrap_or_else(|| Value::Object(Map::new())))
    }

    /// Another member of a resource (`Metadata`, `CreationPolicy`, `UpdatePolicy`), evaluated.
    ///
    /// # Errors
    /// As [`Self::properties`].
    pub fn member(&self, logical: &str, member: &str, known: &dyn Known) -> Result<Option<Value>, Problem> {
        let found = self.template.resources().find(|declared| declared.logical == logical);
        let Some(declared) = found else {
            return Err(
                Problem::new(format!("there is no resource {logical} in the template")).code("template")
            );
        };
        let Some(node) = declared.node.get(member) else { return Ok(None) };
        let value = self.scope(known).value(node);
        value.map_err(|problem| problem.path(format!("Resources.{logical}.{member}")))
    }

    /// The outputs that there are, evaluated, in the template's order.
    ///
    /// # Errors
    /// As [`Self::properties`]; a value that is no string, a reference to what a condition leaves out.
    pub fn outputs(&self, known: &dyn Known) -> Result<Vec<Output>, Problem> {
        let outputs = self.template.section("Outputs").filter(|entry| self.holds(&entry.value));
        outputs.map(|entry| self.output(entry, known)).collect()
    }

    fn output(&self, entry: &Entry, known: &dyn Known) -> Result<Output, Problem> {
        let (scope, node) = (self.scope(known), &entry.value);
        let problem = |problem: Problem| problem.path(format!("Outputs.{}", entry.key));
        let mut left_out = Vec::new();
        references::mentions(node, &scope, Some(&self.conditions), &mut |_, mention| {
            if let Mention::Name(name) | Mention::Attribute(name) | Mention::SubAttribute(name, _) = mention
                && self.resource(&name).is_none()
                && self.template.resources().any(|declared| declared.logical == name)
            {
                left_out.push(name);
            }
            Ok(())
        })?;
        if !left_out.is_empty() {
            let names: Vec<&str> = left_out.iter().map(String::as_str).collect();
            return Err(problem(
                Problem::at(node, references::unresolved(&names, "Outputs")).code("template"),
            ));
        }
        let text = |node: Option<&Node>| -> Result<Option<String>, Problem> {
            let otherwise =
                "Template format error: The Value field of every Outputs member must evaluate to a String.";
            node.map(|node| scope.text(node, otherwise)).transpose().map_err(problem)
        };
        Ok(Output {
            name: entry.key.clone(),
            value: text(node.get("Value"))?.unwrap_or_default(),
            description: text(node.get("Description"))?,
            export: text(node.get("Export").and_then(|export| export.get("Name")))?,
        })
    }

    /// The names of exports that properties and outputs import, sorted.
    ///
    /// # Errors
    /// As [`Self::properties`].
    pub fn imports(&self, known: &dyn Known) -> Result<Vec<String>, Problem> {
        let mut names = BTreeSet::new();
        let scope = self.scope(known);
        for declared in self.template.resources().filter(|declared| self.holds(declared.node)) {
            self.collect_imports(declared.node, &scope, &mut names)?;
        }
        for entry in self.template.section("Outputs").filter(|entry| self.holds(&entry.value)) {
            self.collect_imports(&entry.value, &scope, &mut names)?;
        }
        Ok(names.into_iter().collect())
    }

    fn collect_imports(
        &self,
        node: &Node,
        scope: &Scope<'_>,
        names: &mut BTreeSet<String>,
    ) -> Result<(), Problem> {
        match call::call(node).transpose()? {
            Some(Call::If { condition, then, otherwise }) => {
                let holds = self.conditions.get(condition).copied().unwrap_or(false);
                return self.collect_imports(if holds { then } else { otherwise }, scope, names);
            }
            Some(Call::ImportValue(name)) => {
                names.insert(scope.text(
                    name,
                    "Template error: every Fn::ImportValue object must have a String-typed value.",
                )?);
            }
            _ => {}
        }
        match &node.value {
            Tree::Sequence(items) => {
                items.iter().try_for_each(|item| self.collect_imports(item, scope, names))
            }
            Tree::Mapping(mapping) => {
                mapping.iter().try_for_each(|e| self.collect_imports(&e.value, scope, names))
            }
            _ => Ok(()),
        }
    }

    /// Finds mappings' values that are not there before anything is built, where their keys are known by then.
    fn judge_mappings(&self) -> Result<(), Problem> {
        let scope = self.scope(&Nothing);
        let resources = self.template.section("Resources").chain(self.template.section("Outputs"));
        resources
            .filter(|entry| self.holds(&entry.value))
            .try_for_each(|entry| self.judge_lookups(&entry.value, &scope))
    }

    fn judge_lookups(&self, node: &Node, scope: &Scope<'_>) -> Result<(), Problem> {
        match call::call(node).transpose()? {
            Some(Call::If { condition, then, otherwise }) => {
                let holds = self.conditions.get(condition).copied().unwrap_or(false);
                return self.judge_lookups(if holds { then } else { otherwise }, scope);
            }
            Some(Call::FindInMap { default: None, .. }) => {
                return match scope.value(node) {
                    Err(problem) if problem.text.contains("Unable to get mapping for") => Err(problem),
                    _ => Ok(()),
                };
            }
            _ => {}
        }
        match &node.value {
            Tree::Sequence(items) => items.iter().try_for_each(|item| self.judge_lookups(item, scope)),
            Tree::Mapping(mapping) => mapping.iter().try_for_each(|e| self.judge_lookups(&e.value, scope)),
            _ => Ok(()),
        }
    }
}
