//! What a template declares.

use serde_json::Value;

use super::{Arguments, Parameter, Pseudo, Settled, limits, parameter};
use crate::document::{Entry, Mapping, Node, Place, Problem};

/// A template whose shape is good.
#[derive(Clone, Debug)]
pub struct Template {
    pub(super) root: Node,
    pub(super) parameters: Vec<Parameter>,
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

/// What a caller must acknowledge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `CAPABILITY_IAM`, `CAPABILITY_NAMED_IAM`, `CAPABILITY_AUTO_EXPAND`. Empty: none.
    pub needed: Vec<&'static str>,
    /// Why, as `ValidateTemplate` says it. Empty where nothing is needed.
    pub reason: String,
}

/// Sections of templates. `Globals` is SAM's.
const SECTIONS: [&str; 10] = [
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Mappings",
    "Conditions",
    "Transform",
    "Resources",
    "Outputs",
    "Rules",
];
/// What a resource may have.
const MEMBERS: [&str; 10] = [
    "Type",
    "Properties",
    "Condition",
    "DependsOn",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Metadata",
    "CreationPolicy",
    "UpdatePolicy",
    "Version",
];

fn wrong(node: &Node, text: impl Into<String>) -> Problem {
    Problem::at(node, text).code("template")
}

/// Whether a key stands for what is made by loops or macros.
pub(super) fn is_made(key: &str) -> bool {
    key == "Fn::Transform" || key.starts_with("Fn::ForEach::")
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
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_node(root: Node) -> Result<Self, Problem> {
        let Some(mapping) = root.as_mapping() else {
            return Err(wrong(&root, "Template format error: unsupported structure."));
        };
        no_nulls(&root, &mut String::new())?;
        let is_transformed = mapping.contains("Transform");
        let strays: Vec<&str> =
            mapping.iter().map(|e| e.key.as_str()).filter(|key| !SECTIONS.contains(key)).collect();
        if !strays.is_empty() && !is_transformed && !mapping.contains("Fn::Transform") {
            let text = format!("Invalid template property or properties [{}]", strays.join(", "));
            return Err(wrong(&root, text));
        }
        if let Some(version) = mapping.get("AWSTemplateFormatVersion")
            && version.as_str() != Some("2010-09-09")
        {
            return Err(wrong(
                version,
                "Template format error: unsupported value for AWSTemplateFormatVersion.",
            ));
        }
        if let Some(description) = mapping.get("Description") {
            let Some(text) = description.as_str() else {
                return Err(wrong(description, "Template format error: Description must be a string"));
            };
            if text.chars().count() > limits::DESCRIPTION {
                let text = format!(
                    "Template format error: 'Description' length is greater than {}.",
                    limits::DESCRIPTION
                );
                return Err(wrong(description, text));
            }
        }
        let template = Self { parameters: Vec::new(), root };
        template.judge_sections(is_transformed)?;
        let parameters =
            template.section("Parameters").filter(|entry| !is_made(&entry.key)).map(parameter::read);
        let parameters = parameters.collect::<Result<_, _>>()?;
        Ok(Self { parameters, ..template })
    }

    /// A template that was made (by a macro, by SAM), or that was processed before.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn processed(value: &Value) -> Result<Self, Problem> {
        Self::from_node(Node::from_json(value, Place::default()))
    }

    fn judge_sections(&self, is_transformed: bool) -> Result<(), Problem> {
        for (section, one, limit) in [
            ("Parameters", "Parameter", limits::PARAMETERS),
            ("Mappings", "Mapping", limits::MAPPINGS),
            ("Conditions", "Condition", usize::MAX),
            ("Resources", "Resource", limits::RESOURCES),
            ("Outputs", "Output", limits::OUTPUTS),
            ("Rules", "Rule", usize::MAX),
        ] {
            let Some(node) = self.root.get(section) else { continue };
            let Some(mapping) = node.as_mapping() else {
                return Err(wrong(node, format!("Template format error: {section} must be an object.")));
            };
            if mapping.len() > limit {
                let text = format!(
                    "Template format error: Number of {}, {}, is greater than maximum allowed, {limit}",
                    section.to_ascii_lowercase(),
                    mapping.len()
                );
                return Err(wrong(node, text));
            }
            let mut loops = mapping.iter().filter(|entry| entry.key.starts_with("Fn::ForEach::"));
            if let Some(entry) = loops.next().filter(|_| !is_transformed) {
                let text = format!(
                    "Template format error: {} needs the transform AWS::LanguageExtensions",
                    entry.key
                );
                return Err(Problem::new(text).placed(entry.place).code("template"));
            }
            for entry in mapping.iter().filter(|entry| !is_made(&entry.key)) {
                let text = if entry.value.as_mapping().is_none() {
                    format!("Template format error: Any {section} member must be an object.")
                } else if section != "Rules" && !entry.key.bytes().all(|b| b.is_ascii_alphanumeric()) {
                    format!("Template format error: {one} name {} is non alphanumeric.", entry.key)
                } else {
                    continue;
                };
                return Err(Problem::new(text).placed(entry.place).code("template"));
            }
        }
        if self.section("Resources").next().is_none() && !self.root.get("Fn::Transform").is_some_and(|_| true)
        {
            return Err(wrong(
                &self.root,
                "Template format error: At least one Resources member must be defined.",
            ));
        }
        for entry in self.section("Mappings").filter(|entry| !is_made(&entry.key)) {
            judge_mapping(entry)?;
        }
        for entry in self.section("Resources").filter(|entry| !is_made(&entry.key)) {
            judge_resource(entry, is_transformed)?;
        }
        for entry in self.section("Outputs").filter(|entry| !is_made(&entry.key)) {
            judge_output(entry)?;
        }
        Ok(())
    }

    /// The entries of a section; none if there is no such section.
    pub(super) fn section(&self, name: &str) -> impl Iterator<Item = &Entry> {
        self.root.get(name).and_then(Node::as_mapping).into_iter().flatten()
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

    /// The declared resources, in order. Those that loops or macros will make are not among them.
    pub fn resources(&self) -> impl Iterator<Item = Declared<'_>> {
        self.section("Resources").filter_map(|entry| {
            let kind = entry.value.get("Type")?.as_str()?;
            Some(Declared { logical: &entry.key, kind, node: &entry.value })
        })
    }

    /// The parameters with their values.
    ///
    /// # Errors
    /// In AWS's words: a name that there is not, a value that is missing or does not satisfy.
    pub fn settle(&self, arguments: &Arguments) -> Result<Vec<Settled>, Problem> {
        parameter::settle(&self.parameters, arguments)
    }

    /// Judges references as far as that can be done without values: what `ValidateTemplate` finds. A template with
    /// transforms is judged when they are done.
    ///
    /// # Errors
    /// In AWS's words: `Template format error: Unresolved resource dependencies …`.
    pub fn validate(&self) -> Result<(), Problem> {
        let (pseudo, conditions) = (Pseudo::default(), std::collections::BTreeMap::new());
        super::references::judge(self, &super::references::early(self, &[], &pseudo, &conditions))
    }

    /// What must be acknowledged before this may be deployed.
    pub fn capabilities(&self) -> Capabilities {
        let (mut kinds, mut named) = (Vec::new(), false);
        for resource in self.resources() {
            let name = match resource.kind {
                "AWS::IAM::Role" => "RoleName",
                "AWS::IAM::User" => "UserName",
                "AWS::IAM::Group" => "GroupName",
                "AWS::IAM::InstanceProfile" => "InstanceProfileName",
                "AWS::IAM::ManagedPolicy" => "ManagedPolicyName",
                "AWS::IAM::AccessKey" | "AWS::IAM::Policy" | "AWS::IAM::UserToGroupAddition" => "",
                _ => continue,
            };
            if !kinds.contains(&resource.kind) {
                kinds.push(resource.kind);
            }
            named |= resource.node.get("Properties").is_some_and(|properties| properties.get(name).is_some());
        }
        kinds.sort_unstable();
        let mut capabilities = Capabilities::default();
        if !kinds.is_empty() {
            capabilities.needed.push(if named { "CAPABILITY_NAMED_IAM" } else { "CAPABILITY_IAM" });
            capabilities.reason =
                format!("The following resource(s) require capabilities: [{}]", kinds.join(", "));
        }
        let transforms = self.declared_transforms();
        if !transforms.is_empty() {
            capabilities.needed.push("CAPABILITY_AUTO_EXPAND");
            if capabilities.reason.is_empty() {
                capabilities.reason =
                    format!("The following transform(s) require capabilities: [{}]", transforms.join(", "));
            }
        }
        capabilities
    }
}

/// Templates have no nulls.
fn no_nulls(node: &Node, path: &mut String) -> Result<(), Problem> {
    let length = path.len();
    let mut below = |step: &str, node: &Node| {
        path.push('/');
        path.push_str(step);
        let outcome = no_nulls(node, path);
        path.truncate(length);
        outcome
    };
    match &node.value {
        crate::document::Value::Null => {
            let text = format!("Template format error: [{path}] 'null' values are not allowed in templates");
            Err(wrong(node, text))
        }
        crate::document::Value::Sequence(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| below(&index.to_string(), item))
        }
        crate::document::Value::Mapping(mapping) => mapping.iter().try_for_each(|e| below(&e.key, &e.value)),
        _ => Ok(()),
    }
}

fn judge_mapping(entry: &Entry) -> Result<(), Problem> {
    for first in entry.value.as_mapping().into_iter().flatten() {
        if is_made(&first.key) {
            continue;
        }
        let Some(keys) = first.value.as_mapping() else {
            return Err(wrong(
                &first.value,
                "Template format error: Every Mappings attribute must be an object.",
            ));
        };
        let is_value = |node: &Node| match node.as_sequence() {
            Some(items) => items.iter().all(|item| item.scalar_text().is_some()),
            None => node.scalar_text().is_some(),
        };
        if let Some(stray) = keys.iter().find(|e| !is_value(&e.value) && !is_made(&e.key)) {
            let text = "Template format error: Every Mappings attribute must be a String or a List.";
            return Err(wrong(&stray.value, text));
        }
    }
    Ok(())
}

fn judge_resource(entry: &Entry, is_transformed: bool) -> Result<(), Problem> {
    let (name, node) = (&entry.key, &entry.value);
    let problem = |node: &Node, text: String| wrong(node, text).path(format!("Resources.{name}"));
    let mapping = node.as_mapping().into_iter().flatten();
    let mut strays = mapping.filter(|e| !MEMBERS.contains(&e.key.as_str()) && !is_made(&e.key));
    if let Some(stray) = strays.next().filter(|_| !is_transformed) {
        return Err(problem(&stray.value, format!("Invalid template resource property '{}'", stray.key)));
    }
    if node.get("Type").and_then(Node::as_str).is_none() {
        if is_transformed && node.get("Fn::Transform").is_some() {
            return Ok(());
        }
        let text = format!(
            "Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
        );
        return Err(problem(node, text));
    }
    if let Some(properties) = node.get("Properties")
        && properties.as_mapping().is_none()
    {
        let text =
            format!("Template format error: [/Resources/{name}/Properties] Properties must be an object.");
        return Err(problem(properties, text));
    }
    for (member, values) in [
        ("DeletionPolicy", ["Delete", "Retain", "Snapshot", "RetainExceptOnCreate"].as_slice()),
        ("UpdateReplacePolicy", ["Delete", "Retain", "Snapshot"].as_slice()),
    ] {
        match node.get(member).map(|policy| (policy, policy.as_str())) {
            Some((policy, None)) if !is_transformed => {
                return Err(problem(
                    policy,
                    format!("Template format error: Every {member} member must be a string."),
                ));
            }
            Some((policy, Some(text))) if !values.contains(&text) => {
                let text = format!("Template format error: Unrecognized {member} {text} for resource {name}");
                return Err(problem(policy, text));
            }
            _ => {}
        }
    }
    super::references::depends_on(node)
        .map(|_| ())
        .map_err(|problem| problem.path(format!("Resources.{name}.DependsOn")))
}

fn judge_output(entry: &Entry) -> Result<(), Problem> {
    let (name, node) = (&entry.key, &entry.value);
    let problem = |node: &Node, text: &str| wrong(node, text).path(format!("Outputs.{name}"));
    if node.get("Fn::Transform").is_some() {
        return Ok(());
    }
    if node.get("Value").is_none() {
        return Err(problem(node, "Template format error: Every Outputs member must contain a Value object"));
    }
    let allowed = ["Value", "Description", "Export", "Condition"];
    if let Some(stray) =
        node.as_mapping().and_then(|m: &Mapping| m.iter().find(|e| !allowed.contains(&e.key.as_str())))
    {
        return Err(problem(&stray.value, &format!("Invalid template output property '{}'", stray.key)));
    }
    if let Some(export) = node.get("Export")
        && export.get("Name").is_none()
    {
        return Err(problem(export, "Template format error: Output Export must contain a Name"));
    }
    Ok(())
}
