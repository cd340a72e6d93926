//! A template with its parameters settled: which resources there are, what depends on what, what their properties are.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Arguments, Settled, Template};
use crate::document::Problem;

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
}

/// Settles parameters, carries out language extensions, checks rules, evaluates conditions, and finds what depends on what.
///
/// # Errors
/// In AWS's words: a parameter without value, a constraint or rule that does not hold, a reference to nothing, a cycle.
pub fn prepare(template: &Template, arguments: &Arguments, pseudo: &Pseudo) -> Result<Prepared, Problem> {
    let settled = template.settle(arguments)?;
    let template = template.extended(&settled, pseudo)?;
    Ok(Prepared { template, resources: Vec::new(), settled, conditions: BTreeMap::new() })
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

    /// A resource's properties, evaluated. An empty object where it has none.
    pub fn properties(&self, logical: &str, known: &dyn Known) -> Result<Value, Problem> {
        let _ = (logical, known);
        Err(Problem::new("not yet"))
    }

    /// The outputs that there are, evaluated, in the template's order.
    pub fn outputs(&self, known: &dyn Known) -> Result<Vec<Output>, Problem> {
        let _ = known;
        Err(Problem::new("not yet"))
    }

    /// The names of exports that properties and outputs import.
    pub fn imports(&self, known: &dyn Known) -> Result<Vec<String>, Problem> {
        let _ = known;
        Err(Problem::new("not yet"))
    }
}
