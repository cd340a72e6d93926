//! What a template declares.

use serde_json::Value;

use super::{Arguments, Parameter, Settled};
use crate::document::{Node, Problem};

/// A template whose shape is good.
#[derive(Clone, Debug)]
pub struct Template {
    root: Node,
    parameters: Vec<Parameter>,
}

/// A resource as the template declares it, before conditions.
#[derive(Clone, Copy, Debug)]
pub struct Declared<'a> {
    /// Its logical id.
    pub logical: &'a str,
    /// Its type: `AWS::SQS::Queue`.
    pub kind: &'a str,
    /// All that is declared of it.
    pub node: &'a Node,
}

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

/// What a caller must acknowledge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `CAPABILITY_IAM`, `CAPABILITY_NAMED_IAM`, `CAPABILITY_AUTO_EXPAND`. Empty: none.
    pub needed: Vec<&'static str>,
    /// Why, as `ValidateTemplate` says it. Empty where nothing is needed.
    pub reason: String,
}

impl Template {
    /// Reads JSON or YAML and judges its shape.
    ///
    /// # Errors
    /// In AWS's words: `Template format error: …`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        Self::from_node(crate::document::read(text)?)
    }

    /// Judges a document's shape.
    pub fn from_node(root: Node) -> Result<Self, Problem> {
        Ok(Self { root, parameters: Vec::new() })
    }

    /// A template that was made (by a macro, by SAM), or that was processed before. It may use the language extensions.
    pub fn processed(value: &Value) -> Result<Self, Problem> {
        Self::from_node(Node::from_json(value, crate::document::Place::default()))
    }

    /// The template as JSON, short forms written long.
    pub fn to_json(&self) -> Value {
        self.root.to_json()
    }

    /// The document.
    pub fn node(&self) -> &Node {
        &self.root
    }

    /// `Description`.
    pub fn description(&self) -> Option<&str> {
        self.root.get("Description")?.as_str()
    }

    /// `AWSTemplateFormatVersion`.
    pub fn version(&self) -> Option<&str> {
        self.root.get("AWSTemplateFormatVersion")?.as_str()
    }

    /// `Metadata`.
    pub fn metadata(&self) -> Option<Value> {
        self.root.get("Metadata").map(Node::to_json)
    }

    /// The declared parameters, in order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The declared resources, in order.
    pub fn resources(&self) -> impl Iterator<Item = Declared<'_>> {
        let resources = self.root.get("Resources").and_then(Node::as_mapping).into_iter().flatten();
        resources.filter_map(|entry| {
            let kind = entry.value.get("Type")?.as_str()?;
            Some(Declared { logical: &entry.key, kind, node: &entry.value })
        })
    }

    /// The names in the section `Transform`, in order: what `DeclaredTransforms` shows.
    pub fn declared_transforms(&self) -> Vec<String> {
        Vec::new()
    }

    /// The macro that is to be run next: the deepest `Fn::Transform` first, then the section `Transform` in its order.
    /// `AWS::LanguageExtensions` is not among them: [`Self::extended`] does it.
    pub fn next_transform(
        &self,
        settled: &[Settled],
        pseudo: &super::Pseudo,
    ) -> Result<Option<Transform>, Problem> {
        let _ = (settled, pseudo);
        Ok(None)
    }

    /// The template with a macro's answer in place of what [`Self::next_transform`] named.
    pub fn transformed(&self, transform: &Transform, answer: &Value) -> Result<Self, Problem> {
        let _ = (transform, answer);
        Ok(self.clone())
    }

    /// The template with `AWS::LanguageExtensions` carried out (loops unrolled, lengths and JSON strings computed), if it
    /// declares it; else itself.
    pub fn extended(&self, settled: &[Settled], pseudo: &super::Pseudo) -> Result<Self, Problem> {
        let _ = (settled, pseudo);
        Ok(self.clone())
    }

    /// The parameters with their values.
    pub fn settle(&self, arguments: &Arguments) -> Result<Vec<Settled>, Problem> {
        let _ = arguments;
        Ok(Vec::new())
    }

    /// What must be acknowledged before this may be deployed.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
}
